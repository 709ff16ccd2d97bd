"""Collect what AWS bills by day, service and team, from Cost Explorer's GetCostAndUsage.

boto3 comes with the extra `aws`. It finds credentials, regions and AWS_ENDPOINT_URL… in its usual ways.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from addons.callers.attribution import clean
from addons.ledger.events import InfraEvent
from addons.ledger.money import to_nanos
from modeltrack_api.collector.source import AWS_INFRASTRUCTURE, SourceError, Window, event_id
from modeltrack_api.collector.teams import Teams

CLUSTER_TAG = "aws:eks:cluster-name"
"""The tag that EKS puts on the machines of a cluster."""

_METRIC = "UnblendedCost"
_MOST_PAGES = 100
_DEFAULT_REGION = "us-east-1"


def check_boto3() -> None:
    """Raise SourceError if boto3 is not installed."""
    try:
        import boto3  # noqa: F401
    except ImportError as error:
        raise SourceError(
            "boto3 is not installed, which ENABLE_AWS_COSTS and ENABLE_GPU_METRICS need:"
            " run pip install '.[aws]' in the checkout"
        ) from error


@cache
def client(service: str) -> Any:
    """Return a boto3 client, which is kept until it fails, since making one takes a second."""
    import boto3
    from botocore.config import Config

    session = boto3.Session()
    return session.client(
        service,
        region_name=session.region_name or os.environ.get("AWS_REGION") or _DEFAULT_REGION,
        config=Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 2}),
    )


@contextmanager
def answering() -> Iterator[None]:
    """Turn the errors of boto3 into SourceError, and drop the clients, so that new ones look for credentials again."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        client.cache_clear()
        details = error.response.get("Error", {})
        code, message = details.get("Code"), clean(details.get("Message", ""))
        raise SourceError(f"{error.operation_name}: {code}: {message}") from error
    except BotoCoreError as error:
        client.cache_clear()
        raise SourceError(clean(str(error))) from error


class AwsCosts:
    name = "aws"
    length = timedelta(days=1)

    def __init__(self, teams: Teams, tag: str, lag_days: int, has_opencost: bool) -> None:
        """Make the source. `has_opencost` leaves out the machines of clusters, because OpenCost counts them by pod."""
        # Cost Explorer updates a day's figures for a day or two after it. They stay `Estimated` until the month's
        # bill, and credits, refunds and taxes may still change them; see AWS_COSTS_LAG_DAYS.
        self.lag = timedelta(days=lag_days)
        self._teams = teams
        self._tag = tag
        self._without_clusters = has_opencost

    def collect(self, window: Window) -> list[InfraEvent]:
        costs: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        is_estimated = False
        with answering():
            for page in self._pages(window):
                for day in page["ResultsByTime"]:
                    is_estimated |= bool(day.get("Estimated"))
                    for group in day.get("Groups", ()):
                        costs[_service_and_tag(group)] += _usd(group)
        return [
            InfraEvent(
                event_id=event_id(self, window, service, tag),
                timestamp=window.start,
                event_type=AWS_INFRASTRUCTURE,
                provider=self.name,
                cost_nanos=nanos,
                team=clean(tag) or self._teams.of(""),
                usage_estimated=is_estimated,
                service=clean(service),
            )
            for (service, tag), cost in costs.items()
            # Calls of models on Bedrock are LLM costs, which the proxy counts.
            if (nanos := to_nanos(cost)) and "Bedrock" not in service
        ]

    def _pages(self, window: Window) -> Iterator[Any]:
        ce = client("ce")
        request: dict[str, Any] = {
            "TimePeriod": {"Start": f"{window.start:%Y-%m-%d}", "End": f"{window.end:%Y-%m-%d}"},
            "Granularity": "DAILY",
            "Metrics": [_METRIC],
            "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": self._tag}],
        }
        if self._without_clusters:
            request["Filter"] = {"Tags": {"Key": CLUSTER_TAG, "MatchOptions": ["ABSENT"]}}
        for _ in range(_MOST_PAGES):
            page = ce.get_cost_and_usage(**request)
            if "ResultsByTime" not in page:
                raise SourceError("GetCostAndUsage: not an answer of Cost Explorer")
            yield page
            if not page.get("NextPageToken"):
                return
            request["NextPageToken"] = page["NextPageToken"]
        raise SourceError(f"GetCostAndUsage: more than {_MOST_PAGES} pages")


def _service_and_tag(group: Any) -> tuple[str, str]:
    """Return a group's service and tag value. AWS writes the tag as `team$product`, or `team$` without such a tag."""
    try:
        service, tag = group["Keys"]
    except (KeyError, ValueError) as error:
        raise SourceError("GetCostAndUsage: a group without the two keys that were asked for") from error
    return service, tag.partition("$")[2]


def _usd(group: Any) -> Decimal:
    try:
        cost = group["Metrics"][_METRIC]
        amount = Decimal(cost["Amount"])
    except (KeyError, InvalidOperation) as error:
        raise SourceError("GetCostAndUsage: a group without an amount") from error
    if not amount.is_finite() or abs(amount) > 10**9:
        raise SourceError(f"GetCostAndUsage: an amount of {amount}")
    if cost.get("Unit") != "USD":
        raise SourceError(f"GetCostAndUsage: amounts in {clean(str(cost.get('Unit')))}, and only USD can be counted")
    return amount

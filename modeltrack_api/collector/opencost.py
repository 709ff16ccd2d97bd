"""Collect what pods cost in each hour, from OpenCost's `/allocation/compute`.

The answer has the shape of opencost/core/pkg/opencost/allocation_json.go: amounts are floats rounded to five decimals,
or null if they are not numbers; `totalCost` includes the `…CostAdjustment`s. Costs that no pod caused are under the
names `__idle__`, `__unmounted__` (volumes, load balancers) and `__unallocated__`, and go to the default team.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import requests
import urllib3
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from addons.callers.attribution import clean
from addons.ledger.events import InfraEvent
from addons.ledger.money import to_nanos
from modeltrack_api.collector.source import AWS_INFRASTRUCTURE, GPU_COMPUTE, SourceError, Window, event_id
from modeltrack_api.collector.teams import Teams

_CONNECT_SECONDS, _READ_SECONDS, _TOTAL_SECONDS = 5, 60, 120
_MOST_BYTES = 64 * 2**20
_CHUNK = 2**16

Amount = Annotated[Decimal, Field(gt=-(10**9), lt=10**9, allow_inf_nan=False)]


class Properties(BaseModel):
    model_config = ConfigDict(frozen=True)

    cluster: str = ""
    node: str = ""
    namespace: str = ""
    pod: str = ""
    controller: str = ""
    controllerKind: str = ""


class Allocation(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    properties: Properties | None = None
    gpuCount: Amount | None = None
    totalCost: Amount | None = None


class Answer(BaseModel):
    code: int
    message: str = ""
    data: list[dict[str, Allocation] | None] | None = None
    """One set of allocations for each step of the window; we ask for one step."""


class OpenCost:
    name = "opencost"
    length = timedelta(hours=1)
    # OpenCost computes its answer from Prometheus when it is asked; by then Prometheus has scraped the whole window.
    lag = timedelta(minutes=10)

    def __init__(self, endpoint: str, teams: Teams) -> None:
        self._url = f"{endpoint}/allocation/compute"
        self._teams = teams

    def collect(self, window: Window) -> list[InfraEvent]:
        sets = [found for found in _parsed(self._ask(window)).data or [] if found]
        if len(sets) > 1:
            raise SourceError(f"{len(sets)} sets of allocations, where one was asked for")
        entries = sets[0].items() if sets else ()
        return [self._event(window, key, entry) for key, entry in entries if entry.totalCost != 0]

    def _ask(self, window: Window) -> bytes:
        parameters = {
            "window": f"{_rfc3339(window.start)},{_rfc3339(window.end)}",
            "aggregate": "cluster,namespace,pod",
            "includeIdle": "true",
        }
        until = time.monotonic() + _TOTAL_SECONDS
        body = bytearray()
        try:
            with requests.get(
                self._url, params=parameters, timeout=(_CONNECT_SECONDS, _READ_SECONDS), stream=True
            ) as answer:
                # `iter_content` would wait for a whole chunk, however slowly it comes.
                while chunk := answer.raw.read1(_CHUNK, decode_content=True):
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise SourceError(f"the answer is over {_MOST_BYTES} bytes")
                    if time.monotonic() > until:
                        raise SourceError(f"the answer took over {_TOTAL_SECONDS} seconds")
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise SourceError(f"no answer from {self._url}: {type(error).__name__}") from error
        if not answer.ok:
            raise SourceError(f"HTTP {answer.status_code}: {_message(bytes(body))}")
        return bytes(body)

    def _event(self, window: Window, key: str, entry: Allocation) -> InfraEvent:
        its = entry.properties or Properties()
        special = next((part for part in key.split("/") if _is_special(part)), "")
        namespace = "" if _is_special(its.namespace) else its.namespace
        gpus = round(entry.gpuCount or 0)
        return InfraEvent(
            event_id=event_id(self, window, key),
            timestamp=window.start,
            event_type=GPU_COMPUTE if gpus else AWS_INFRASTRUCTURE,
            provider=self.name,
            cost_nanos=None if entry.totalCost is None else to_nanos(entry.totalCost),
            team=self._teams.of(namespace),
            service=f"Kubernetes {special.strip('_')}".strip(),
            resource_id=clean(key),
            gpu_count=gpus or None,
            namespace=clean(namespace),
            pod_name="" if _is_special(its.pod) else clean(its.pod),
            job_name=clean(its.controller) if its.controllerKind == "job" else "",
        )


def _parsed(body: bytes) -> Answer:
    try:
        # Not pydantic's own JSON parser, which would read amounts as floats.
        answer = Answer.model_validate(json.loads(body, parse_float=Decimal))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise SourceError(f"not an answer of OpenCost: {clean(where)}: {error.errors()[0]['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError("the answer is not JSON") from error
    if answer.code != 200:
        raise SourceError(f"code {answer.code}: {clean(answer.message)}")
    return answer


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _message(body: bytes) -> str:
    """Return the message of an error, which may be OpenCost's JSON or plain text."""
    try:
        found: Any = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = body[:1000].decode(errors="replace")
    return clean(str(found))


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

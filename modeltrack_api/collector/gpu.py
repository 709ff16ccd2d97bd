"""Collect how busy GPUs were in each hour, from CloudWatch.

The agent on a machine reports `nvidia_smi_utilization_gpu` for each GPU; Container Insights reports
`pod_gpu_utilization` for each GPU of a pod. Both are in percent. The cost of the machines is part of what AWS bills, so
these events have no cost.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import batched, islice
from statistics import fmean
from typing import Any, NamedTuple

from addons.callers.attribution import clean
from addons.ledger.events import InfraEvent
from modeltrack_api.collector.aws import answering, client
from modeltrack_api.collector.source import GPU_COMPUTE, SourceError, Window, event_id
from modeltrack_api.collector.teams import Teams

logger = logging.getLogger(__name__)

_MOST_METRICS = 10_000
_QUERIES = 500  # CloudWatch's limit for one GetMetricData
_FILTER_VALUES = 200  # EC2's limit for one filter


class Kind(NamedTuple):
    namespace: str
    metric: str
    resource: tuple[str, ...]
    """The dimensions that name the machine or pod that has the GPUs."""
    device: str
    """The dimension that tells the GPUs apart. Without it the metric is an average over all GPUs, and is not read."""
    service: str


KINDS = (
    Kind("CWAgent", "nvidia_smi_utilization_gpu", ("InstanceId",), "index", "EC2 GPU"),
    Kind(
        "ContainerInsights",
        "pod_gpu_utilization",
        ("ClusterName", "Namespace", "FullPodName"),
        "GpuDevice",
        "Kubernetes GPU",
    ),
)

Dimensions = dict[str, str]


class GpuMetrics:
    name = "gpu"
    length = timedelta(hours=1)
    lag = timedelta(minutes=15)  # agents send once a minute, CloudWatch shows it some minutes later

    def __init__(self, teams: Teams, tag: str) -> None:
        self._teams = teams
        self._tag = tag

    def collect(self, window: Window) -> list[InfraEvent]:
        with answering():
            cloudwatch = client("cloudwatch")
            events: list[InfraEvent] = []
            for kind in KINDS:
                listed = _listed(cloudwatch, kind)
                percents = _percents(cloudwatch, window, kind, listed)
                events += self._events(window, kind, [pair for pair in zip(listed, percents, strict=True) if pair[1]])
            return events

    def _events(
        self, window: Window, kind: Kind, measured: list[tuple[Dimensions, list[float]]]
    ) -> Iterator[InfraEvent]:
        by_resource: defaultdict[tuple[str, ...], list[tuple[Dimensions, float]]] = defaultdict(list)
        for dimensions, percents in measured:
            by_resource[tuple(dimensions[name] for name in kind.resource)].append((dimensions, fmean(percents)))
        machines = _machines([resource[0] for resource in by_resource]) if kind.resource == ("InstanceId",) else {}
        for resource, gpus in by_resource.items():
            dimensions = gpus[0][0]
            machine = machines.get(resource[0], {})
            tags = {tag["Key"]: tag["Value"] for tag in machine.get("Tags", ())}
            by_device = {each[kind.device]: percent for each, percent in gpus}
            yield InfraEvent(
                event_id=event_id(self, window, kind.metric, *resource),
                timestamp=window.start,
                event_type=GPU_COMPUTE,
                provider="aws",
                cost_nanos=None,
                team=clean(tags.get(self._tag, "")) or self._teams.of(dimensions.get("Namespace", "")),
                service=kind.service,
                resource_id=clean("/".join(resource)),
                region=machine.get("Placement", {}).get("AvailabilityZone", "")[:-1],
                instance_type=clean(machine.get("InstanceType") or dimensions.get("InstanceType", "")),
                gpu_type=clean(dimensions.get("name", "")),
                gpu_count=len(by_device),
                gpu_utilization_pct=round(fmean(by_device.values()), 2),
                namespace=clean(dimensions.get("Namespace", "")),
                pod_name=clean(dimensions.get("FullPodName", "")),
            )


def _listed(cloudwatch: Any, kind: Kind) -> list[Dimensions]:
    """Return the dimensions of each GPU's metric, if it had values in the last two weeks."""
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=kind.namespace, MetricName=kind.metric)
    found = (
        dimensions
        for page in pages
        for metric in page["Metrics"]
        if (dimensions := {each["Name"]: each["Value"] for each in metric["Dimensions"]})
        and {*kind.resource, kind.device} <= dimensions.keys()
    )
    listed = list(islice(found, _MOST_METRICS + 1))
    if len(listed) > _MOST_METRICS:
        logger.warning("gpu: only the first %d GPUs of %s are read", _MOST_METRICS, kind.namespace)
    return listed[:_MOST_METRICS]


def _percents(cloudwatch: Any, window: Window, kind: Kind, listed: list[Dimensions]) -> list[list[float]]:
    """Return the hour's average for each metric, as a list that is empty if the GPU was not there."""
    found: list[list[float]] = [[] for _ in listed]
    for batch in batched(enumerate(listed), _QUERIES):
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": kind.namespace,
                        "MetricName": kind.metric,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                    },
                    "Period": int(GpuMetrics.length.total_seconds()),
                    "Stat": "Average",
                },
            }
            for number, dimensions in batch
        ]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=window.start, EndTime=window.end
        )
        for result in (result for page in pages for result in page["MetricDataResults"]):
            if result.get("StatusCode") in ("InternalError", "Forbidden"):
                raise SourceError(f"GetMetricData: {result['StatusCode']}")
            found[int(result["Id"][1:])] += result["Values"]
    return found


def _machines(instance_ids: list[str]) -> dict[str, Any]:
    """Return the instances by id, as EC2 describes them. Instances that no longer exist are left out."""
    found: dict[str, Any] = {}
    for batch in batched(instance_ids, _FILTER_VALUES):
        pages = (
            client("ec2")
            .get_paginator("describe_instances")
            .paginate(Filters=[{"Name": "instance-id", "Values": list(batch)}])
        )
        for reservation in (reservation for page in pages for reservation in page["Reservations"]):
            found |= {instance["InstanceId"]: instance for instance in reservation["Instances"]}
    return found

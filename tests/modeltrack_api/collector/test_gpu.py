import json

import pytest

from modeltrack_api.collector.gpu import GpuMetrics
from modeltrack_api.collector.source import SourceError
from modeltrack_api.collector.teams import Teams
from tests.modeltrack_api.collector.conftest import HOUR
from tests.modeltrack_api.collector.fakes import FakeAws, agent_gpu, pod_gpu


@pytest.fixture
def source(aws: FakeAws, teams: Teams) -> GpuMetrics:
    return GpuMetrics(teams, "team")


def test_a_machine_is_an_event_with_the_average_over_its_gpus(aws: FakeAws, source: GpuMetrics) -> None:
    aws.gpus = [agent_gpu("i-1", 0, 90.0), agent_gpu("i-1", 1, 40.5)]
    aws.machines = [{"id": "i-1", "type": "g4dn.12xlarge", "tags": {"Name": "trainer", "team": "ml-research"}}]
    [event] = source.collect(HOUR)
    found = json.loads(event.line())
    assert found.pop("event_id") == event.event_id
    assert found == {
        "timestamp": "2026-11-24T10:00:00.000000Z",
        "event_type": "gpu_compute",
        "provider": "aws",
        "cost_usd": None,
        "team": "ml-research",
        "service": "EC2 GPU",
        "resource_id": "i-1",
        "region": "eu-west-1",
        "instance_type": "g4dn.12xlarge",
        "gpu_type": "Tesla T4",
        "gpu_count": 2,
        "gpu_utilization_pct": 65.25,
    }


def test_a_machine_that_has_gone_is_the_default_teams(aws: FakeAws, source: GpuMetrics) -> None:
    aws.gpus = [agent_gpu("i-gone", 0, 0.0)]
    [event] = source.collect(HOUR)
    assert (event.team, event.instance_type) == ("platform", "g4dn.12xlarge")
    assert json.loads(event.line())["gpu_utilization_pct"] == 0


def test_a_pod_is_its_namespaces_teams(aws: FakeAws, source: GpuMetrics) -> None:
    aws.gpus = [pod_gpu("product-chatbot", "llm-6f-x", "nvidia0", 10), pod_gpu("product-chatbot", "llm-6f-x", "1", 20)]
    [event] = source.collect(HOUR)
    assert (event.team, event.namespace, event.pod_name) == ("product", "product-chatbot", "llm-6f-x")
    assert (event.gpu_count, event.gpu_utilization_pct, event.resource_id) == (2, 15, "prod/product-chatbot/llm-6f-x")


def test_averages_over_gpus_are_not_counted_beside_the_gpus(aws: FakeAws, source: GpuMetrics) -> None:
    whole = agent_gpu("i-1", 0, 99.0)
    whole["dimensions"] = {"InstanceId": "i-1"}
    aws.gpus = [whole, agent_gpu("i-1", 0, 10.0)]
    assert source.collect(HOUR)[0].gpu_utilization_pct == 10


def test_gpus_that_were_not_there_are_no_events(aws: FakeAws, source: GpuMetrics) -> None:
    aws.gpus = [agent_gpu("i-1", 0, None), pod_gpu("ml-research", "a-1", "nvidia0", None)]
    assert source.collect(HOUR) == []


def test_many_gpus_in_pages_and_batches(aws: FakeAws, source: GpuMetrics) -> None:
    aws.gpus = [agent_gpu(f"i-{n}", 0, n % 100) for n in range(620)]
    aws.machines = [{"id": f"i-{n}", "type": "p4d.24xlarge", "tags": {"team": f"team{n % 3}"}} for n in range(620)]
    aws.page_size = 210
    events = source.collect(HOUR)
    assert {event.resource_id: event.gpu_utilization_pct for event in events} == {f"i-{n}": n % 100 for n in range(620)}
    assert [event.team for event in events[:3]] == ["team0", "team1", "team2"]
    data = [asked for asked in aws.asked if "MetricDataQueries" in asked]
    assert {len(asked["MetricDataQueries"]) for asked in data} == {500, 120}
    assert {(asked["StartTime"], asked["EndTime"]) for asked in data} == {tuple(m.timestamp() for m in HOUR)}


@pytest.mark.usefixtures("new_clients")
def test_a_cloudwatch_that_is_not_there(source: GpuMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = FakeAws()
    closed.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed.url)
    with pytest.raises(SourceError, match="Could not connect"):
        source.collect(HOUR)

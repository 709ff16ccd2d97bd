import json
from decimal import Decimal
from typing import Any

import pytest

from addons.ledger.events import InfraEvent
from modeltrack_api.collector import opencost as module
from modeltrack_api.collector.opencost import OpenCost
from modeltrack_api.collector.source import SourceError
from modeltrack_api.collector.teams import Teams
from tests.modeltrack_api.collector.conftest import HOUR
from tests.modeltrack_api.collector.fakes import JSON, FakeOpenCost, FakeServer, idle, pod, unmounted

NANO = Decimal(10) ** -9


@pytest.fixture
def source(opencost: FakeOpenCost, teams: Teams) -> OpenCost:
    return OpenCost(opencost.url, teams)


def line(event: InfraEvent) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(event.line(), parse_float=Decimal)
    return parsed


def test_it_asks_for_one_window_by_pod_with_what_is_idle(opencost: FakeOpenCost, source: OpenCost) -> None:
    source.collect(HOUR)
    assert opencost.asked == [
        {
            "window": "2026-11-24T10:00:00Z,2026-11-24T11:00:00Z",
            "aggregate": "cluster,namespace,pod",
            "includeIdle": "true",
        }
    ]


def test_a_pod_is_an_event_of_its_namespaces_team(opencost: FakeOpenCost, source: OpenCost) -> None:
    opencost.entries = [pod("product-chatbot", "web-7d9f-x2x", 0.01793)]
    [event] = source.collect(HOUR)
    found = line(event)
    assert found.pop("event_id") == event.event_id
    assert found == {
        "timestamp": "2026-11-24T10:00:00.000000Z",
        "event_type": "aws_infrastructure",
        "provider": "opencost",
        "cost_usd": Decimal("0.01793"),
        "team": "product",
        "service": "Kubernetes",
        "resource_id": "cluster-one/product-chatbot/web-7d9f-x2x",
        "namespace": "product-chatbot",
        "pod_name": "web-7d9f-x2x",
    }


def test_a_pod_with_gpus_is_gpu_compute_and_a_jobs_pod_names_the_job(opencost: FakeOpenCost, source: OpenCost) -> None:
    job = {"controller": "train-llm", "controllerKind": "job"}
    opencost.entries = [pod("ml-research", "train-llm-8xk2p", 12.5, gpuCount=2, properties=job)]
    [event] = source.collect(HOUR)
    assert (event.event_type, event.gpu_count, event.job_name, event.team) == (
        "gpu_compute",
        2,
        "train-llm",
        "ml-research",
    )


def test_what_nobody_used_is_the_default_teams(opencost: FakeOpenCost, source: OpenCost) -> None:
    opencost.entries = [idle(3.25), unmounted(0.5)]
    events = source.collect(HOUR)
    found = [(event.service, event.team, event.cost_nanos, event.namespace, event.pod_name) for event in events]
    assert found == [
        ("Kubernetes idle", "platform", 3_250_000_000, "", ""),
        ("Kubernetes unmounted", "platform", 500_000_000, "", ""),
    ]


def test_an_unmounted_volume_that_a_namespace_claimed_is_its_teams(opencost: FakeOpenCost, source: OpenCost) -> None:
    opencost.entries = [pod("ml-research", "__unmounted__", 0.5)]
    [event] = source.collect(HOUR)
    assert (event.service, event.team, event.pod_name) == ("Kubernetes unmounted", "ml-research", "")


def test_adjustments_are_in_the_total_already(opencost: FakeOpenCost, source: OpenCost) -> None:
    opencost.entries = [pod("ml-research", "a-1", 0.25, cpuCostAdjustment=-0.05)]
    assert source.collect(HOUR)[0].cost_nanos == 250_000_000


def test_what_cost_nothing_is_no_event_and_what_is_not_known_is_null(opencost: FakeOpenCost, source: OpenCost) -> None:
    opencost.entries = [pod("ml-research", "free-1", 0), pod("ml-research", "unknown-1", None)]
    [event] = source.collect(HOUR)
    assert event.pod_name == "unknown-1"
    assert line(event)["cost_usd"] is None


@pytest.mark.parametrize("amount", ["0.1", "1e-05", "123456.78901", "0.30000000000000004", "-0.5", "7"])
def test_amounts_are_exact(opencost: FakeOpenCost, source: OpenCost, amount: str) -> None:
    entry = json.dumps(pod("ml-research", "a-1", 987654321)).replace("987654321", amount)
    opencost.reply = (200, JSON, b'{"code":200,"data":[{"a":%s}]}' % entry.encode())
    assert line(source.collect(HOUR)[0])["cost_usd"] == Decimal(amount).quantize(NANO)


@pytest.mark.parametrize("data", ["[]", "[{}]", "[null]", "null"])
def test_an_answer_without_allocations_is_no_events(opencost: FakeOpenCost, source: OpenCost, data: str) -> None:
    opencost.reply = (200, JSON, b'{"code":200,"status":"success","data":%s}' % data.encode())
    assert source.collect(HOUR) == []


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            500,
            '{"code":500,"message":"querying\\nPrometheus","data":null}',
            "HTTP 500: queryingPrometheus",
        ),
        (400, "Invalid 'window' parameter: x\n", "HTTP 400: Invalid 'window' parameter: x"),
        (503, "", "HTTP 503: "),
        (404, "404 page not found", "HTTP 404: 404 page not found"),
        (200, '{"code":500,"message":"boundary error","data":[]}', "code 500: boundary error"),
        (200, "<html>Sign in</html>", "the answer is not JSON"),
        (200, '{"code":200,"data":[{"a":', "the answer is not JSON"),
        (200, "", "the answer is not JSON"),
        (200, "[" * 100_000, "the answer is not JSON"),
        (200, "\udcff", "the answer is not JSON"),
        (200, "[]", "not an answer of OpenCost: "),
        (200, '{"data":[]}', "not an answer of OpenCost: code: "),
        (200, '{"code":200,"data":{"a":1}}', "not an answer of OpenCost: data: "),
        (
            200,
            '{"code":200,"data":[{"a":{"name":"a","totalCost":"much"}}]}',
            "not an answer of OpenCost: data.0.a.total",
        ),
        (200, '{"code":200,"data":[{"a":{"name":"a","totalCost":NaN}}]}', "not an answer of OpenCost: data.0.a.total"),
        (200, '{"code":200,"data":[{"a":{"name":"a","totalCost":1e99}}]}', "not an answer of OpenCost: data.0.a.total"),
        (200, '{"code":200,"data":[{"a":{"name":"a"}},{"a":{"name":"a"}}]}', "2 sets of allocations"),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_one_line(
    opencost: FakeOpenCost, source: OpenCost, status: int, body: str, message: str
) -> None:
    opencost.reply = (status, JSON, body.encode(errors="surrogateescape"))
    with pytest.raises(SourceError) as raised:
        source.collect(HOUR)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_a_server_that_is_not_there(teams: Teams) -> None:
    server = FakeServer()
    server.close()
    with pytest.raises(SourceError, match="no answer from http://127"):
        OpenCost(server.url, teams).collect(HOUR)


def test_a_server_that_does_not_answer(
    opencost: FakeOpenCost, source: OpenCost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_READ_SECONDS", 0.05)
    opencost.hold.set()
    with pytest.raises(SourceError, match="no answer from http://127"):
        source.collect(HOUR)


@pytest.mark.parametrize(("limit", "message"), [("_MOST_BYTES", "is over 10 bytes"), ("_TOTAL_SECONDS", "took over")])
def test_an_answer_that_does_not_end(
    opencost: FakeOpenCost, source: OpenCost, monkeypatch: pytest.MonkeyPatch, limit: str, message: str
) -> None:
    monkeypatch.setattr(module, limit, 10 if limit == "_MOST_BYTES" else -1)
    opencost.entries = [pod("ml-research", "a-1", 1)]
    with pytest.raises(SourceError, match=message):
        source.collect(HOUR)


def test_names_that_are_no_names_do_no_harm(opencost: FakeOpenCost, source: OpenCost) -> None:
    entry = json.dumps(pod("n" * 5000, "\ud800\n" + "p" * 5000, 1))
    opencost.reply = (200, JSON, b'{"code":200,"data":[{"a":%s}]}' % entry.encode())
    [event] = source.collect(HOUR)
    assert len(event.line()) < 1500
    assert b"\n" not in event.line()

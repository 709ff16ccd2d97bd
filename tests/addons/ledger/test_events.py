import json
from datetime import UTC, datetime
from typing import Any

from addons.ledger.events import CostEvent, InfraEvent

WHEN = datetime(2026, 11, 24, 4, 5, 6, 7, tzinfo=UTC)


def event(**values: Any) -> dict[str, Any]:
    usual = {
        "timestamp": WHEN,
        "provider": "anthropic",
        "model": "m",
        "cost_nanos": 6_000_000,
        "latency_ms": 5,
        "status_code": 200,
        "is_streaming": False,
    }
    line = CostEvent(**usual | values).line()
    assert b"\n" not in line
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_empty_fields_are_left_out_of_the_line() -> None:
    line = event()
    assert line.pop("event_id")
    assert line == {
        "timestamp": "2026-11-24T04:05:06.000007Z",
        "event_type": "llm_api",
        "provider": "anthropic",
        "model": "m",
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "cost_usd": 0.006,
        "latency_ms": 5,
        "status_code": 200,
        "is_streaming": False,
        "cache_hit": False,
        "system_prompt_tokens": 0,
        "user_prompt_tokens": 0,
    }


def test_a_cost_that_is_not_known_is_null() -> None:
    assert event(cost_nanos=None)["cost_usd"] is None


def test_money_is_written_in_usd() -> None:
    assert event(saved_nanos=4_500_000)["saved_usd"] == 0.0045


def test_every_event_has_an_id_of_its_own() -> None:
    assert event()["event_id"] != event()["event_id"]


def test_any_text_makes_one_line() -> None:
    assert event(team='a\n\u2028"ü')["team"] == 'a\n\u2028"ü'


def infra(**values: Any) -> dict[str, Any]:
    usual = {"event_id": "1", "timestamp": WHEN, "event_type": "gpu_compute", "provider": "aws", "cost_nanos": None}
    parsed: dict[str, Any] = json.loads(InfraEvent(**usual | values).line())
    return parsed


def test_what_a_collector_leaves_out_is_not_on_the_line() -> None:
    assert infra() == {
        "event_id": "1",
        "timestamp": "2026-11-24T04:05:06.000007Z",
        "event_type": "gpu_compute",
        "provider": "aws",
        "cost_usd": None,
    }


def test_a_gpu_that_did_nothing_says_so() -> None:
    assert infra(gpu_utilization_pct=0.0, gpu_count=0, cost_nanos=-1) == infra() | {
        "gpu_utilization_pct": 0,
        "gpu_count": 0,
        "cost_usd": -1e-9,
    }

"""Compare what calls cost, through a whole proxy, with sums done by hand; and check what their events say."""

import contextlib
import uuid
from typing import Any

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import PROMPT, Proxy, until


def call(
    proxy: Proxy, path: str, model: str, settings: str = "", stream: bool = False, **headers: str
) -> dict[str, Any]:
    """Make a call and return its event."""
    app = uuid.uuid4().hex
    with contextlib.suppress(requests.exceptions.ChunkedEncodingError):  # where the provider hangs up
        post(proxy, "", app, path, fake=settings, headers=headers, model=model, max_tokens=9, stream=stream)
    [event] = until(lambda: proxy.events(app_id=app))
    return event


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("path", "model", "settings", "usd"),
    [
        (ANTHROPIC, "claude-sonnet-4-6", "", 0.006),  # 1000 at 3, 200 at 15 USD per million
        (ANTHROPIC, "claude-sonnet-4-6-20260218", "", 0.006),
        # 1000 at 3, 300 read at 0.30, 300 written for 5 minutes at 3.75, 200 for an hour at 6, 200 out at 15
        (ANTHROPIC, "claude-sonnet-4-6", "cache_read=300,cache_write=500,cache_write_1h=200", 0.008415),
        (ANTHROPIC, "claude-sonnet-4-5", "input_tokens=300000", 1.8045),  # above 200k tokens: 6 / 22.50
        (OPENAI, "gpt-4o", "input_tokens=700,cache_read=300", 0.004125),  # 700 at 2.50, 300 at 1.25, 200 at 10
        (OPENAI, "gpt-4o-mini", "input_tokens=1,output_tokens=1", 0.00000075),  # 0.15 / 0.60
        (OPENAI, "my-fine-tune", "", None),
        (ANTHROPIC, "claude-sonnet-4-6", "input_tokens=0,output_tokens=0", 0),
    ],
)
def test_a_call_costs_what_was_worked_out_by_hand(
    proxy: Proxy, path: str, model: str, settings: str, usd: float | None, stream: bool
) -> None:
    event = call(proxy, path, model, settings, stream)
    assert event["cost_usd"] == usd
    assert event["is_streaming"] is stream
    assert "usage_estimated" not in event and "error" not in event


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_compressed_answer_is_metered(proxy: Proxy, stream: bool) -> None:
    assert call(proxy, ANTHROPIC, "claude-sonnet-4-6", "gzip=1", stream)["cost_usd"] == 0.006
    assert call(proxy, OPENAI, "gpt-4o", "gzip=1", stream)["cost_usd"] == 0.0045


def test_a_deployments_own_name_is_priced_as_the_model_that_was_asked_for(proxy: Proxy) -> None:
    event = call(proxy, OPENAI, "gpt-4o", "model=our-deployment")
    assert (event["model"], event["cost_usd"]) == ("gpt-4o", 0.0045)


def test_the_model_that_answered_is_the_one_billed(proxy: Proxy) -> None:
    event = call(proxy, OPENAI, "gpt-4o", "model=gpt-4o-mini-2024-07-18")
    assert (event["model"], event["cost_usd"]) == ("gpt-4o-mini-2024-07-18", 0.00027)


def test_an_event_says_all_about_its_call(proxy: Proxy) -> None:
    headers = {
        "X-ModelTrack-Team": "zoë".encode().decode("latin-1"),
        "X-ModelTrack-Feature": "feature",
        "X-ModelTrack-Customer-Tier": "tier",
        "X-ModelTrack-Session-ID": "session",
        "X-ModelTrack-Trace-ID": "trace",
        "X-ModelTrack-Prompt-Template": "template",
    }
    event = call(proxy, ANTHROPIC, "claude-sonnet-4-6", "cache_read=3", stream=True, **headers)
    assert uuid.UUID(event.pop("event_id"))
    assert event.pop("timestamp").endswith("Z")
    assert 0 <= event.pop("ttft_ms") <= event.pop("latency_ms")
    assert event.pop("app_id")
    assert event == {
        "event_type": "llm_api",
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
        "input_tokens": 1000,
        "output_tokens": 200,
        "cache_read_tokens": 3,
        "cache_write_tokens": 0,
        "cost_usd": 0.0060009,
        "status_code": 200,
        "is_streaming": True,
        "team": "zoë",
        "feature": "feature",
        "customer_tier": "tier",
        "session_id": "session",
        "trace_id": "trace",
        "cache_hit": False,
        "prompt_template_id": "template",
        "system_prompt_tokens": 0,
        "user_prompt_tokens": len(PROMPT) // 4,
        "token_summary": "in=1000 out=200 cache_read=3 cache_write=0",
    }


@pytest.mark.parametrize(
    ("settings", "stream", "expected"),
    [
        ("usage=0", False, {"usage_estimated": True, "status_code": 200}),
        ("usage=0", True, {"usage_estimated": True, "status_code": 200}),
        ("garbage=1", False, {"cost_usd": 0, "error": "answer_is_not_json", "usage_estimated": None}),
        ("status=500", False, {"cost_usd": 0, "error": "api_error", "status_code": 500}),
        ("status=429", True, {"cost_usd": 0, "error": "api_error", "status_code": 429}),
        ("hangup=0", False, {"cost_usd": 0, "error": "upstream_disconnected", "status_code": 502}),
        ("hangup=1", False, {"usage_estimated": True, "error": "upstream_disconnected"}),
        ("hangup=5", True, {"usage_estimated": True, "error": "upstream_disconnected", "input_tokens": 1000}),
    ],
)
def test_an_answer_that_fails_leaves_one_event_that_says_so(
    proxy: Proxy, settings: str, stream: bool, expected: dict[str, Any]
) -> None:
    event = call(proxy, ANTHROPIC, "claude-sonnet-4-6", settings, stream)
    assert {name: event.get(name) for name in expected} == expected


@pytest.mark.parametrize(("answered", "status"), [("claude-sonnet-4-6", 200), ("no-such-model", 403)])
def test_models_without_a_price_can_be_refused(make_proxy: Any, fake: FakeProvider, answered: str, status: int) -> None:
    proxy = make_proxy(UNKNOWN_MODEL_PRICE="block")
    event = call(proxy, ANTHROPIC, answered)
    assert event["status_code"] == status
    assert event.get("blocked_by") == (None if status == 200 else "unknown_model")
    assert len(fake.requests) == (1 if status == 200 else 0)


def test_the_sums_of_the_status_pages_are_those_of_the_log(make_proxy: Any) -> None:
    proxy = make_proxy()
    for model in ("claude-sonnet-4-6", "claude-haiku-4-5", "nobody-knows-it"):
        call(proxy, ANTHROPIC, model)
    stats = proxy.get("/stats")
    assert stats["total_requests"] == 3
    assert stats["total_cost_usd"] == 0.008
    assert stats["total_tokens"] == 3600
    assert stats["unpriced_requests"] == 1
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)
    metrics = requests.get(proxy.url + "/metrics", timeout=10).text
    assert "modeltrack_cost_usd_total 0.008\n" in metrics
    assert requests.head(proxy.url + "/metrics", timeout=10).status_code == 200


def test_pricing_json_prices_a_model_of_ones_own_and_is_watched(make_proxy: Any) -> None:
    def prices(output: float) -> dict[str, Any]:
        return {"models": [{"provider": "openai", "model": "my-ft", "input": 2.0, "output": output}]}

    proxy = make_proxy(files={"pricing.json": prices(8)})
    assert call(proxy, OPENAI, "my-ft")["cost_usd"] == 0.0036
    proxy.write("pricing.json", prices(9))
    until(lambda: call(proxy, OPENAI, "my-ft")["cost_usd"] == 0.0038)

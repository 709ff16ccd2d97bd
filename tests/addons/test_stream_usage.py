"""Test when CostLogger has a stream report its usage, and when it leaves the request as it came."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mitmproxy import http

from addons.core import Core
from addons.cost_logger import CostLogger
from addons.flow.attached import call_of
from addons.flow.stream_options import StreamOptions

from .cores import arrived, started

CHAT = "/v1/chat/completions"
HOUR = 3600


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path) as core:
        yield core


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def options(core: Core, clock: Clock) -> StreamOptions:
    return StreamOptions(core, clock)


@pytest.fixture
def logger(core: Core, options: StreamOptions) -> CostLogger:
    return CostLogger(core, options)


def sent(core: Core, logger: CostLogger, path: str = CHAT, **body: Any) -> http.HTTPFlow:
    flow = arrived(core, path, {"model": "gpt-4o", "stream": True} | body)
    logger.request(flow)
    return flow


def options_of(flow: http.HTTPFlow) -> object:
    return orjson.loads(flow.request.content or b"").get("stream_options")


def answered(logger: CostLogger, flow: http.HTTPFlow, status: int, body: object = None) -> None:
    content = orjson.dumps(body or {"error": {"message": "Unknown field.", "param": None}})
    flow.response = http.Response.make(status, content, {"Content-Type": "application/json"})
    logger.responseheaders(flow)
    logger.response(flow)


@pytest.mark.parametrize(
    ("mode", "own", "expected"),
    [
        ("ask", {}, {"include_usage": True}),
        ("ask", {"stream_options": {"include_usage": False}}, {"include_usage": True}),
        (
            "ask",
            {"stream_options": {"include_obfuscation": False}},
            {"include_obfuscation": False, "include_usage": True},
        ),
        ("ask", {"stream_options": {"include_usage": True}}, {"include_usage": True}),
        ("leave", {}, None),
        ("leave", {"stream_options": {"include_usage": False}}, {"include_usage": False}),
        ("leave", {"stream_options": {"include_usage": True}}, {"include_usage": True}),
    ],
)
def test_a_stream_is_made_to_report_its_usage_unless_the_setting_leaves_it(
    tmp_path: Path, mode: str, own: dict[str, Any], expected: object
) -> None:
    with started(tmp_path, stream_usage=mode) as core:
        flow = sent(core, CostLogger(core), **own)
        assert options_of(flow) == expected
        call = call_of(flow)
        assert call and call.adds_stream_usage == (mode == "ask" and own.get("stream_options") != expected)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("own", [{}, {"stream_options": {"include_usage": False}}])
def test_an_upstream_that_refuses_the_option_is_not_sent_it_again_for_an_hour(
    core: Core, logger: CostLogger, clock: Clock, status: int, own: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    answered(logger, sent(core, logger, **own), status)
    assert core.counts.options_refused == 1
    [line] = [record.message for record in caplog.records if "stream_options" in record.message]
    assert "openai.test:80 may refuse stream_options for model 'gpt-4o'" in line
    clock.now = HOUR - 1
    again = sent(core, logger, **own)
    assert options_of(again) == own.get("stream_options"), "the request goes as the client sent it"
    call = call_of(again)
    assert call and not call.adds_stream_usage
    clock.now = HOUR + 1
    assert options_of(sent(core, logger, **own)) == {"include_usage": True}


def test_a_refusal_goes_to_the_client_as_it_came_and_costs_nothing(core: Core, logger: CostLogger) -> None:
    flow = sent(core, logger)
    answered(logger, flow, 400)
    assert flow.response and orjson.loads(flow.response.content or b"")["error"]["message"] == "Unknown field."
    call = call_of(flow)
    assert call and call.cost_nanos == 0 and call.error


@pytest.mark.parametrize(
    "other", [{"model": "gpt-4o-mini"}, {"path": "/azure/openai/deployments/gpt-4o/chat/completions"}]
)
def test_other_models_and_other_upstreams_are_still_asked(tmp_path: Path, other: dict[str, Any]) -> None:
    with started(tmp_path, azure_openai_endpoint="http://azure.test") as core:
        logger = CostLogger(core)
        answered(logger, sent(core, logger), 400)
        assert options_of(sent(core, logger, **other)) == {"include_usage": True}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, None),
        (404, None),
        (429, None),
        (500, None),
        (400, {"error": {"message": "Too long.", "param": "messages"}}),
    ],
)
def test_an_answer_that_has_another_reason_teaches_nothing(
    core: Core, logger: CostLogger, status: int, body: object
) -> None:
    answered(logger, sent(core, logger), status, body)
    assert options_of(sent(core, logger)) == {"include_usage": True}
    assert core.counts.options_refused == 0


def test_a_refused_call_that_was_not_asked_for_its_usage_teaches_nothing(core: Core, logger: CostLogger) -> None:
    answered(logger, sent(core, logger, stream_options={"include_usage": True}), 400)
    assert options_of(sent(core, logger)) == {"include_usage": True}


def test_refusals_take_bounded_memory(core: Core, options: StreamOptions, logger: CostLogger) -> None:
    for number in range(1100):
        answered(logger, sent(core, logger, model=f"m{number}"), 400)
    assert len(options._refused) == 1000

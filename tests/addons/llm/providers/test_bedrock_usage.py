"""Test reading the usage that only Bedrock reports like this: metrics of a stream, headers, `converse`."""

import base64
from typing import Any

import orjson
import pytest

from addons.llm.parsing.sse import Event
from addons.llm.providers.bedrock_runtime import CONVERSE, CONVERSE_STREAM, INVOKE_STREAM, with_headers
from addons.llm.usage import Estimate, Usage

GUESS = Estimate(50, 0)
GUESSED = Usage(50, 0, estimated=True)
METRICS = {"inputTokenCount": 10, "outputTokenCount": 4, "cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 2}


def chunk(**content: Any) -> Event:
    return Event("chunk", orjson.dumps({"bytes": base64.b64encode(orjson.dumps(content)).decode()}), b"")


def read(wire: Any, *events: Event) -> Any:
    meter = wire.meter(False)
    assert all(meter.read(event) for event in events)
    return meter


def start(**usage: Any) -> Event:
    return chunk(type="message_start", message={"model": "m", "usage": usage})


def test_anthropics_own_usage_is_taken_before_the_metrics_as_it_says_more() -> None:
    creation = {"ephemeral_1h_input_tokens": 2}
    meter = read(
        INVOKE_STREAM,
        start(input_tokens=10, cache_creation_input_tokens=2, cache_creation=creation, cache_read_input_tokens=3),
        chunk(type="message_delta", usage={"output_tokens": 4}),
        chunk(type="message_stop", **{"amazon-bedrock-invocationMetrics": METRICS}),
    )
    assert meter.usage(GUESS) == Usage(10, 4, 3, 2, 2)
    assert meter.complete and meter.model == "m"


def test_a_stream_is_not_over_before_its_metrics_have_come() -> None:
    events = [
        start(input_tokens=1),
        chunk(type="message_delta", usage={"output_tokens": 4}),
        chunk(type="message_stop"),
    ]
    assert not read(INVOKE_STREAM, *events).complete
    assert read(INVOKE_STREAM, *events, chunk(**{"amazon-bedrock-invocationMetrics": METRICS})).complete


def test_another_models_stream_has_the_metrics_only() -> None:
    meter = read(INVOKE_STREAM, chunk(generation="Hello"), chunk(**{"amazon-bedrock-invocationMetrics": METRICS}))
    assert meter.usage(GUESS) == Usage(10, 4, 3, 2)


def test_another_models_stream_that_is_cut_is_estimated_by_its_text() -> None:
    nova = chunk(contentBlockDelta={"delta": {"text": "Hello!"}, "contentBlockIndex": 0})
    assert read(INVOKE_STREAM, nova, chunk(generation="Hi")).usage(GUESS) == Usage(50, 2, estimated=True)


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b'{"bytes":1}', b'{"bytes":"!"}', b'{"bytes":"W10="}', b'{"bytes":"MQ=="}']
)
def test_a_chunk_that_makes_no_sense_counts_nothing(payload: bytes) -> None:
    meter = read(INVOKE_STREAM, Event("chunk", payload, b""))
    assert meter.usage(GUESS) == Usage(50, 0, estimated=True) and not meter.complete


@pytest.mark.parametrize("wire", [INVOKE_STREAM, CONVERSE_STREAM])
@pytest.mark.parametrize(("name", "kept"), [(b"throttlingException", "throttlingException"), (b"Say hello", "error")])
def test_an_exception_is_kept_as_its_type_alone(wire: Any, name: bytes, kept: str) -> None:
    assert read(wire, Event("exception", name, b"")).error == kept


def test_a_converse_stream_reports_at_its_end() -> None:
    usage = {"inputTokens": 10, "outputTokens": 4, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 2}
    delta = Event("contentBlockDelta", b'{"delta":{"text":"12345678"}}', b"")
    meter = read(CONVERSE_STREAM, delta, Event("messageStop", b"{}", b""))
    assert (meter.usage(GUESS), meter.complete) == (Usage(50, 2, estimated=True), False)
    meter.read(Event("metadata", orjson.dumps({"usage": usage}), b""))
    assert (meter.usage(GUESS), meter.complete) == (Usage(10, 4, 3, 2), True)


def test_converse_limits_its_answer_in_a_field_of_its_own() -> None:
    request = CONVERSE.request({"inferenceConfig": {"maxTokens": 7}, "system": [{"text": "Be brief."}]}, "m")
    assert (request.max_output_tokens, request.system_prompt_tokens, request.stream) == (7, 2, False)
    assert CONVERSE_STREAM.request({}, "m").stream


PREFIX = "x-amzn-bedrock-"


@pytest.mark.parametrize(
    ("headers", "usage"),
    [
        ({"input-token-count": "10", "output-token-count": "4"}, Usage(10, 4)),
        ({"input-token-count": "10"}, Usage(10, 0)),  # an embedding
        (
            {
                "input-token-count": "10",
                "output-token-count": "4",
                "cache-read-input-token-count": "3",
                "cache-write-input-token-count": "2",
            },
            Usage(10, 4, 3, 2),
        ),
        ({"output-token-count": "4"}, GUESSED),
        ({"input-token-count": "ten"}, GUESSED),
        ({"input-token-count": "-1"}, GUESSED),
        ({"input-token-count": "²"}, GUESSED),
        ({"input-token-count": "9" * 16}, GUESSED),
        ({}, GUESSED),
    ],
)
def test_the_headers_of_an_invoke_answer_stand_in_for_its_body(headers: dict[str, str], usage: Usage) -> None:
    assert with_headers(GUESSED, {PREFIX + name: value for name, value in headers.items()}) == usage


def test_the_headers_add_the_caches_tokens_that_the_body_leaves_out() -> None:
    headers = {"input-token-count": "10", "cache-read-input-token-count": "3", "cache-write-input-token-count": "2"}
    reported = Usage(10, 4, cache_write_tokens=5, cache_write_1h_tokens=5)
    found = with_headers(reported, {PREFIX + name: value for name, value in headers.items()})
    assert found == Usage(10, 4, 3, 5, 5)


@pytest.mark.parametrize(
    ("detail", "unpriced"),
    [
        ({"ttl": "5m", "inputTokens": 7}, ()),
        ({"inputTokens": 7}, ()),
        ({"ttl": "24h", "inputTokens": 7}, ("cacheDetails[].ttl",)),
        ({"ttl": "24h", "inputTokens": 0}, ()),
        ({"ttl": "1h", "inputTokens": 7, "newTokens": 3}, ("cacheDetails[].newTokens",)),
    ],
)
def test_cache_writes_of_a_kind_without_a_known_price_are_named(
    detail: dict[str, Any], unpriced: tuple[str, ...]
) -> None:
    usage = {"inputTokens": 1, "outputTokens": 2, "cacheWriteInputTokens": 7, "cacheDetails": [detail]}
    assert CONVERSE.usage({"usage": usage}, GUESS).unpriced == unpriced

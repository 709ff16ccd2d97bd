"""Measure a call: work out its usage, model and cost from the answer on its flow, once.

ResponseCache does so before it keeps an answer, `finish` before it writes the call's event.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import orjson
from mitmproxy import http
from mitmproxy.flow import Error

from addons.core import Core
from addons.flow.guard import describe
from addons.flow.headers import header
from addons.flow.wordings import CLIENT_DISCONNECTED, PROXY_STOPPED, label_for_event
from addons.llm.answers import UNREADABLE, Answer, estimated, read_body, read_events
from addons.llm.call import CallState, LLMCall
from addons.llm.parsing import decoding
from addons.llm.parsing.sniffing import looks_like_events
from addons.llm.plausible import is_plausible, is_small
from addons.llm.providers import StreamMeter
from addons.llm.providers.base import error_type
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.providers.bedrock_runtime import USAGE_HEADER, with_headers
from addons.llm.residency import of_host
from addons.llm.usage import NOTHING, Usage

logger = logging.getLogger(__name__)

_ENDED_HERE = frozenset({CLIENT_DISCONNECTED, PROXY_STOPPED})
"""The errors of calls that the proxy may have ended, so that the model had made more than was seen."""

_LONGEST_ERROR = 64 * 2**10
_MAX_ANSWER_BYTES = 128 * 2**20


def decoded_body(message: http.Message, limit: int) -> bytes:
    """Return the body without its content encoding. Raises ValueError if it cannot be decoded, or exceeds the limit."""
    raw = message.raw_content or b""
    encoding = header(message.headers, b"content-encoding")
    return decoding.decode_body(raw, encoding, limit) if encoding else raw


def answer_body(response: http.Response) -> bytes:
    """Return the body without its content encoding. Raises ValueError if it cannot be decoded."""
    return decoded_body(response, _MAX_ANSWER_BYTES)


def has_failed(call: LLMCall) -> bool:
    """Tell whether more went wrong with a call than that its client left: its answer is whole all the same."""
    return call.error not in ("", CLIENT_DISCONNECTED)


def label_of(flow: http.HTTPFlow, error: Error, was_sent: bool) -> str:
    """Return the `error` of an event whose flow mitmproxy has ended; `was_sent` tells whether the request was whole."""
    return label_for_event(error.msg, was_sent, is_connected=flow.server_conn.timestamp_tcp_setup is not None)


def measure(core: Core, flow: http.HTTPFlow, call: LLMCall) -> None:
    """Set the call's usage, model, cost and error; an answer that cannot be read is estimated and raises nothing."""
    if call.is_measured:
        return
    is_sent = call.state is CallState.SENT
    call.state = CallState.MEASURED
    if flow.error and not call.error:
        call.error = label_of(flow, flow.error, was_sent=bool(call.request))
    asked, seconds = call.model, time.monotonic() - (call.sent or call.started)
    if is_sent and call.error in _ENDED_HERE and not _is_over(flow, call):
        call.ran_tokens = core.speeds.tokens(call.provider.name, asked, seconds)
    try:
        usage, model, characters = _usage(flow, call) if is_sent else _Measured(NOTHING)
    except Exception as error:
        logger.error("the usage of an answer could not be read, so it is estimated: %s", describe(error))
        usage, model, characters = _Measured(_estimated(call, 0))
    if not _is_plausible(core, call, usage, model):
        logger.warning("an answer reports more tokens than its model can have used, so its usage is estimated")
        usage = _estimated(call, characters())
    if (region := of_host(flow.request.data.host)) and usage != NOTHING:
        usage = usage.resident(region)
    call.priced_usage = usage
    call.usage = usage.with_extra() if usage.extra else usage
    if usage == NOTHING:
        call.cost_nanos = 0
        return
    if model and core.bills_as(call, model):
        call.model = model
    call.cost_nanos = core.cost(call, call.model, usage)
    if call.usage.has_parts:
        missing = core.prices.without_price(call.provider.name, call.model, usage, core.now())
        call.usage = replace(call.usage, unpriced=(*call.usage.unpriced, *missing))
    if not usage.estimated:
        choices = call.request.choices if call.request else 1
        core.speeds.learn(call.provider.name, asked, call.usage.output_tokens // choices, seconds)


def _is_over(flow: http.HTTPFlow, call: LLMCall) -> bool:
    """Tell whether the model had ended its answer, so that all of its text has passed."""
    if call.meter:
        return call.meter.finished or call.meter.complete
    return flow.response is not None and flow.response.raw_content is not None


def is_accepted(flow: http.HTTPFlow) -> bool:
    """Tell whether the provider has accepted the call: nothing is billed before the head of its answer says so."""
    return flow.response is not None and 200 <= flow.response.status_code < 300


def _is_plausible(core: Core, call: LLMCall, usage: Usage, model: str) -> bool:
    total = usage.with_extra() if usage.extra else usage
    if is_small(total):
        return True
    windows = (core.prices.context_window(call.provider.name, name) for name in (model, call.model) if name)
    return is_plausible(total, call.request, max(filter(None, windows), default=None))


class _Measured(NamedTuple):
    usage: Usage
    model: str = ""
    """The model that the answer names, "" if none."""
    characters: Callable[[], int] = lambda: 0
    """Returns the length of the text that the model made, as far as it passed."""


def _usage(flow: http.HTTPFlow, call: LLMCall) -> _Measured:
    if meter := call.meter:
        return _by_meter(call, meter)
    response = flow.response
    if response is None:
        return _Measured(NOTHING)
    is_answer = is_accepted(flow)
    if response.raw_content is None and call.error and is_answer:
        return _Measured(_estimated(call, 0))  # it broke off
    answer = call.answer or read_answer(call, response)
    content, body = answer.content, answer.body
    if content is None:
        call.error = call.error or UNREADABLE
        return _Measured(_unreadable(call, len(response.raw_content or b"")) if is_answer else NOTHING)
    if not is_answer:
        call.error = call.error or _error_type(content) or f"http_{response.status_code}"
        return _Measured(NOTHING)
    if answer.meter:
        return _by_meter(call, answer.meter)
    assert body
    call.error = call.error or body.error
    if body.error == UNREADABLE:
        return _Measured(_unreadable(call, len(content)))
    usage = body.usage(call.wire, call.estimate())
    if call.provider is BEDROCK:
        usage = with_headers(usage, response.headers)
    return _Measured(usage, body.model, lambda: body.characters)


def read_answer(call: LLMCall, response: http.Response) -> Answer:
    """Read an answer in one piece. A thread may do so."""
    try:
        content = answer_body(response)
        if not 200 <= response.status_code < 300:
            return Answer(content)
        if looks_like_events(content):
            return Answer(content, meter=read_events(call.wire, content))
        return Answer(content, read_body(content, counts_stand_elsewhere=USAGE_HEADER in response.headers))
    except ValueError:
        return Answer()


def _by_meter(call: LLMCall, meter: StreamMeter) -> _Measured:
    call.error = call.error or meter.error
    usage = meter.usage(call.estimate())
    # All that came is an error: nothing before it, or a last event that says that the model failed.
    is_none = meter.error and usage.estimated and not meter.text_bytes and (meter.complete or not meter.model)
    return _Measured(NOTHING if is_none else usage, meter.model, lambda: meter.text_bytes)


def _error_type(content: bytes) -> str:
    if len(content) > _LONGEST_ERROR:
        return ""
    try:
        return error_type(orjson.loads(content))
    except orjson.JSONDecodeError:
        return ""


def _estimated(call: LLMCall, characters: int) -> Usage:
    return call.estimate().seen(characters).usage()


def _unreadable(call: LLMCall, size: int) -> Usage:
    return estimated(call.estimate(), size, call.most_output)

"""Have streams report their usage by `stream_options`, but where STREAM_USAGE=leave or an upstream refuses that."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cachetools import TTLCache
from mitmproxy import http

from addons.core import Core
from addons.flow.measure import answer_body
from addons.llm.call import LLMCall
from addons.llm.refused_options import MOST, SECONDS, Upstream, may_be_refusal

logger = logging.getLogger(__name__)

_LONGEST_ERROR = 64 * 2**10


class StreamOptions:
    def __init__(self, core: Core, timer: Callable[[], float] = time.monotonic) -> None:
        self.core = core
        self._refused: TTLCache[Upstream, None] = TTLCache(MOST, SECONDS, timer)
        """The upstreams that refused the option within the last hour."""

    def wanted(self, flow: http.HTTPFlow, call: LLMCall, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the `stream_options` that make a stream report its usage; None where the client's own are sent."""
        if self.core.settings.stream_usage == "leave":
            return None
        options = call.wire.stream_options(body)
        return options if options and _upstream(flow, call) not in self._refused else None

    def note_refusal(self, flow: http.HTTPFlow, call: LLMCall) -> None:
        """Remember the upstream of a call that was sent with the option, if its answer may be a refusal of that.

        The client gets the answer as it came; its next try goes without the option.
        """
        response = flow.response
        if response is None or response.status_code < 400 or call.answered_locally:
            return
        is_short = len(response.raw_content or b"") <= _LONGEST_ERROR
        try:
            answer = orjson.loads(answer_body(response)) if is_short else None
        except ValueError:
            answer = None
        if may_be_refusal(response.status_code, answer):
            upstream = _upstream(flow, call)
            self._refused[upstream] = None
            self.core.counts.options_refused += 1
            text = "%s:%d may refuse stream_options for model %r (status %d), so it is not added there for an hour"
            logger.warning(text, upstream.host, upstream.port, upstream.model, response.status_code)


def _upstream(flow: http.HTTPFlow, call: LLMCall) -> Upstream:
    data = flow.request.data
    return Upstream(call.provider.name, call.base_url, data.host, data.port, call.model)

"""Notice where an upstream refuses the `stream_options` that the proxy has added to a stream."""

import logging

import orjson
from cachetools import TTLCache
from mitmproxy import http

from addons.core import Core
from addons.flow.measure import answer_body
from addons.llm.call import LLMCall
from addons.llm.refused_options import Upstream, may_be_refusal

logger = logging.getLogger(__name__)


def key_of(flow: http.HTTPFlow, call: LLMCall) -> Upstream:
    data = flow.request.data
    return Upstream(call.provider.name, call.base_url, data.host, data.port, call.model)


def note_refusal(core: Core, flow: http.HTTPFlow, call: LLMCall, refused: "TTLCache[Upstream, None]") -> None:
    """Remember the upstream of a call to which `stream_options` was added, if its answer may be a refusal of that.

    The client gets the refusal as it came; its next try goes without the option.
    """
    response = flow.response
    if response is None or response.status_code < 400 or call.answered_locally:
        return
    try:
        answer = orjson.loads(answer_body(response))
    except ValueError:
        answer = None
    if may_be_refusal(response.status_code, answer):
        upstream = key_of(flow, call)
        refused[upstream] = None
        core.counts.options_refused += 1
        text = "%s:%d may refuse stream_options for model %r (status %d), so for an hour it is not added there again"
        logger.warning(text, upstream.host, upstream.port, upstream.model, response.status_code)

"""Answer requests from the proxy itself, in JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from mitmproxy import http

from addons.ledger.money import to_decimal_text
from addons.llm.call import LLMCall, UntrackedCall
from addons.llm.denial import Denial
from addons.llm.providers import WireFormat

JSON = "application/json"
_NO_HEADERS: dict[str, str] = {}


def reply(flow: http.HTTPFlow, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    flow.request.stream = False  # mitmproxy cannot answer a request that it is streaming
    is_head = flow.request.method == "HEAD"
    flow.response = http.Response.make(status, b"" if is_head else content, {"Content-Type": JSON, **(headers or {})})
    flow.response.headers["Content-Length"] = str(len(content))


def usd(nanos: int) -> orjson.Fragment:
    """Return an amount as a JSON number of USD, exact."""
    return orjson.Fragment(to_decimal_text(nanos))


def refuse(
    flow: http.HTTPFlow,
    call: LLMCall | UntrackedCall | None,
    denial: Denial | None,
    *,
    wire: WireFormat | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> None:
    """Answer with the denial, if there is one, in the format of the call, or in `wire` if it has none."""
    if not denial:
        return
    if call:
        wire = call.wire or wire
        call.deny(denial)
    body = wire.error_body(denial) if wire else denial.body_for_any()
    reply(flow, denial.status, body, {**denial.headers_for(wire.family if wire else ""), **headers})

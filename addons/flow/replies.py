"""Answers that the proxy makes itself, in JSON."""

from typing import Any

import orjson
from mitmproxy import http

from addons.llm.call import Denial, LLMCall
from addons.llm.providers import WireFormat

JSON = "application/json"


def reply(flow: http.HTTPFlow, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    flow.request.stream = False  # mitmproxy cannot answer a request that it is streaming
    is_head = flow.request.method == "HEAD"
    flow.response = http.Response.make(status, b"" if is_head else content, {"Content-Type": JSON, **(headers or {})})
    flow.response.headers["Content-Length"] = str(len(content))


def error_body(kind: str, message: str) -> dict[str, Any]:
    """Where no provider is known: the shapes of both at once, so that either SDK finds its fields."""
    return {"type": "error", "error": {"type": kind, "message": message, "param": None, "code": kind}}


def refuse(
    flow: http.HTTPFlow,
    call: LLMCall | None,
    status: int,
    kind: str,
    message: str,
    retry_after: int | None = None,
    wire: WireFormat | None = None,
) -> None:
    """Answer with an error in the shape of the call's provider, or of `wire`.

    `retry_after` in seconds; None says that a retry cannot help, which the SDKs then do not try.
    """
    if call:
        wire = call.wire
        call.error = kind
    reply(flow, status, (wire.error_body if wire else error_body)(kind, message), retry_headers(retry_after))


def retry_headers(retry_after: int | None) -> dict[str, str]:
    return {"x-should-retry": "false"} if retry_after is None else {"Retry-After": str(retry_after)}


def deny(flow: http.HTTPFlow, call: LLMCall | None, denial: Denial | None) -> None:
    """`refuse` as a decision says, if it does."""
    if denial:
        refuse(flow, call, *denial)

"""A script before ModelTrack's, whose hooks fail for the request that names them in the header X-Fail."""

from mitmproxy import http


def _fail(flow: http.HTTPFlow, hook: str) -> None:
    if hook in flow.request.headers.get("x-fail", "").split():
        raise RuntimeError(f"the script before ModelTrack's has failed in {hook}")


def requestheaders(flow: http.HTTPFlow) -> None:
    _fail(flow, "requestheaders")


async def request(flow: http.HTTPFlow) -> None:
    _fail(flow, "request")


def responseheaders(flow: http.HTTPFlow) -> None:
    _fail(flow, "responseheaders")


def response(flow: http.HTTPFlow) -> None:
    _fail(flow, "response")


error = 3
"""It is no function, so that mitmproxy fails where it would call it."""

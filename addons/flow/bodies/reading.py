"""Read what a call asks for from its request's body, a large one in a thread."""

from collections.abc import Awaitable

from mitmproxy import http

from addons.flow.bodies.heavy import apart, is_heavy
from addons.flow.headers import header
from addons.llm.cache_key import SIGV4
from addons.llm.call import LLMCall
from addons.llm.denial import Denial, invalid, too_heavy, too_large
from addons.llm.parsing import decoding
from addons.llm.parsing.long_strings import shortened
from addons.llm.request import TooManyValues, parse_object


def read_body(flow: http.HTTPFlow, call: LLMCall, limit: int) -> Denial | Awaitable[Denial | None] | None:
    """Parse the body, the one time that this is done. Return why it cannot be used; of a large one, what to await."""
    encoding = header(flow.request.headers, b"content-encoding").strip().lower()
    if encoding == "identity":
        encoding = ""
    if is_heavy(len(flow.request.raw_content or b""), encoding != ""):
        return apart(_read, flow.request, call, encoding, limit)
    return _read(flow.request, call, encoding, limit)


def _read(request: http.Request, call: LLMCall, encoding: str, limit: int) -> Denial | None:
    """Read what the call asks for, or return why it cannot be. `encoding` is "" for a body that is not compressed."""
    raw = request.raw_content or b""
    if call.base_url and request.headers.get("authorization", "").startswith(SIGV4):
        # The provider checks this signature. One that came to the proxy's own address is made anew by BedrockSigner.
        call.fixed = "signed_request"
    elif encoding:
        call.fixed = "compressed_body"
    try:
        if len(raw) > limit:
            raise decoding.BodyTooLarge
        content = decoding.decode_body(raw, encoding, limit) if encoding else raw
        short = shortened(content)
        call.is_shortened = short is not content
        call.ask(parse_object(short))
        call.text = short
    except (decoding.RatioTooHigh, TooManyValues) as error:
        return too_heavy(error)
    except decoding.BodyTooLarge:
        return too_large("request body", limit)
    except ValueError as error:
        return invalid(error)
    return None

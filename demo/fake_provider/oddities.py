"""Bend answers as some providers and gateways were seen to: what is read must not depend on good manners."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import orjson

from demo.fake_provider.answers import Reply

KINDS = {
    "no_type": "a stream has no Content-Type",
    "plain": "a stream's Content-Type is text/plain",
    "comments": "comment lines come between the events of a stream, as a keep-alive",
    "no_event_lines": "the events of a stream have no `event:` lines",
    "no_last_blank": "a stream has no blank line at its end",
    "running_totals": "every chunk of a chat reports the usage so far",
    "zero_input": "the last event of a Messages stream reports an input of 0",
    "too_many": "the answer reports more tokens of output than there can be",
    "error_in_200": "an error comes with status 200",
    "login_page": "a page of HTML comes with status 200",
}
NOT_ACCEPTED = frozenset({"error_in_200", "login_page"})
"""Answers with status 200 for which nothing is charged, since the call was never accepted."""

_TYPES = {"no_type": "", "plain": "text/plain"}
_CANNOT_BE = 2**32 - 1


def reported(reply: Reply) -> Reply:
    """Return the settings as the answer reports them."""
    return replace(reply, output_tokens=_CANNOT_BE) if reply.odd == "too_many" else reply


def content_type(reply: Reply, usual: str) -> str:
    """Return the Content-Type of a stream, "" where it has none."""
    return _TYPES.get(reply.odd, usual)


def bent(events: Iterable[bytes], odd: str) -> Iterator[bytes]:
    """Yield the server-sent events in an odd form. Each stays the kind of event that it is."""
    last = b""
    for event in events:
        if odd == "comments":
            yield b": keep-alive\n\n"
        elif odd == "no_event_lines" and event.startswith(b"event: "):
            event = type(event)(event.partition(b"\n")[2])
        elif odd == "no_last_blank":
            event, last = last, event
        if event:
            yield event
    if last:
        yield last.removesuffix(b"\n")


def no_answer(odd: str) -> tuple[bytes, str]:
    """Return body and Content-Type of an answer with status 200 to a call that was not accepted."""
    if odd == "login_page":
        return b"<html><body>%b</body></html>" % (b"<p>Please log in.</p>" * 4000), "text/html"
    return orjson.dumps({"error": {"message": "overloaded", "type": "server_error"}}), "application/json"

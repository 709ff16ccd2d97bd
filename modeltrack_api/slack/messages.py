"""Messages for a Slack incoming webhook, and the sending of one.

Lengths: https://docs.slack.dev/reference/block-kit/blocks. Escapes: https://docs.slack.dev/messaging/formatting-message-text.
The webhook's address is a secret, whoever has it can post: it is in no log, no error and no database.
"""

import logging
import queue
import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import orjson
import requests

# At DEBUG urllib3 logs the path of each request, which is the secret part of the address.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

_MOST_FIELDS = 10
_LONGEST_NAME = 100
_LONGEST_TEXT = 500
"""In characters, before escaping makes up to five of one: Slack takes 2000 in a field and 3000 in a section."""
_TIMEOUTS = (4, 8)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LONGEST_WAIT = 3600.0


def short(text: str, length: int = _LONGEST_NAME) -> str:
    """On one line, and without control characters."""
    text = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()
    return text if len(text) <= length else text[: length - 1] + "…"


def escape(text: str, length: int = _LONGEST_TEXT) -> str:
    return short(text, length).translate(_ESCAPES)


def message(
    title: str,
    text: str,
    fields: Sequence[tuple[str, str]] = (),
    lists: Iterable[tuple[str, Sequence[str]]] = (),
    note: str = "",
) -> dict[str, Any]:
    """`text` says it all, and is what a notification shows; `lists` are headings with a line for each item."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": short(title), "emoji": False}},
        {"type": "section", "text": _mrkdwn(escape(text))},
    ]
    if fields:
        pairs = [_mrkdwn(f"*{escape(name, 50)}*\n{escape(value, 200)}") for name, value in fields[:_MOST_FIELDS]]
        blocks.append({"type": "section", "fields": pairs})
    for heading, items in lists:
        shown = items[:5]
        lines = [f"• {escape(item, _LONGEST_TEXT // len(shown))}" for item in shown]
        blocks.append({"type": "section", "text": _mrkdwn("\n".join([f"*{escape(heading, 50)}*", *lines]))})
    if note:
        blocks.append({"type": "context", "elements": [_mrkdwn(escape(note))]})
    return {"text": f"{escape(title)}: {escape(text)}", "blocks": blocks}


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: what looks like a link, a channel or a person in it stays text.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


class Outcome(NamedTuple):
    kind: Literal["sent", "retry", "refused"]
    reason: str = ""
    """For people; never has the address."""
    retry_after: float | None = None
    """Seconds, where Slack says them."""


def post(url: str, payload: bytes | str, seconds: float = 10) -> Outcome:
    """Never raises, and never takes longer than `seconds`: requests' own limits are for each read, and for no DNS."""
    answers: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_post(url, payload)), name="modeltrack-slack", daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return Outcome("retry", f"no answer within {seconds:g} seconds")


def _post(url: str, payload: bytes | str) -> Outcome:
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "ModelTrack"}
    try:
        with requests.post(
            url, data=payload, headers=headers, timeout=_TIMEOUTS, allow_redirects=False, stream=True
        ) as answer:
            said = answer.raw.read(200) or b""
            return _outcome(answer.status_code, said, answer.headers.get("Retry-After", ""))
    except requests.Timeout:
        return Outcome("retry", "no answer in time")
    except Exception as error:  # their texts have the address
        return Outcome("retry", f"no connection ({type(error).__name__})")


def _outcome(status: int, said: bytes, retry_after: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome("sent")
    # Slack's own errors are one word, such as invalid_token; other pages may show the address.
    word = re.fullmatch(rb"\s*([a-z_]{1,60})\s*", said)
    reason = f"HTTP {status}" + (f" {word[1].decode()}" if word else "")
    if status in (408, 429) or status >= 500:
        wait = min(float(retry_after), _LONGEST_WAIT) if re.fullmatch(r"\d{1,6}", retry_after) else None
        return Outcome("retry", reason, wait)
    return Outcome("refused", reason)


def dumps(payload: dict[str, Any]) -> str:
    return orjson.dumps(payload).decode()

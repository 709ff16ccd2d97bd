"""Make messages for a Slack incoming webhook, and send them.

Lengths: https://docs.slack.dev/reference/block-kit/blocks. Escapes: https://docs.slack.dev/messaging/formatting-message-text.
The webhook's address is a secret, since everybody who has it can post. It never goes into a log, an error or the
database.
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
"""Characters before escaping, which can turn one into five. Slack takes 2000 in a field and 3000 in a section."""
_TIMEOUTS = (4, 8)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LONGEST_WAIT = 3600.0


def short(text: str, length: int = _LONGEST_NAME) -> str:
    """Return the text on one line, without control characters, and cut to `length` characters."""
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
    """Return a message in Slack's format.

    `text` must make sense alone, since a notification shows nothing else. `lists` are headings with a line per item.
    """
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
    # verbatim: Slack must not turn names into links, or into mentions of channels and people.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


class Outcome(NamedTuple):
    kind: Literal["sent", "retry", "refused"]
    reason: str = ""
    """The reason, for people. It never contains the address."""
    retry_after: float | None = None
    """Seconds to wait before the next try, if Slack says so."""


def post(url: str, payload: bytes | str, seconds: float = 10) -> Outcome:
    """Send a message and return the outcome. Never raises, and never takes longer than `seconds`.

    It works in a thread, because the time limits of `requests` hold for each single read, and not for DNS look-ups.
    """
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
    except Exception as error:  # the text of these errors contains the address
        return Outcome("retry", f"no connection ({type(error).__name__})")


def _outcome(status: int, said: bytes, retry_after: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome("sent")
    # Slack's own errors are one word, such as invalid_token. Any other body is not shown: it may contain the address.
    word = re.fullmatch(rb"\s*([a-z_]{1,60})\s*", said)
    reason = f"HTTP {status}" + (f" {word[1].decode()}" if word else "")
    if status in (408, 429) or status >= 500:
        wait = min(float(retry_after), _LONGEST_WAIT) if re.fullmatch(r"\d{1,6}", retry_after) else None
        return Outcome("retry", reason, wait)
    return Outcome("refused", reason)


def dumps(payload: dict[str, Any]) -> str:
    return orjson.dumps(payload).decode()

"""Add the content view `LLM`: it shows requests and answers as a conversation, and below an answer its cost."""

from collections.abc import Iterable
from typing import Any

import orjson
from mitmproxy import contentviews, flow, http

from addons.flow.attached import call_of
from addons.inspecting import reassembly, transcript
from addons.inspecting.flow_summary import METADATA, RULE, summary_of
from addons.llm.parsing import decoding, eventstream
from addons.llm.parsing.eventstream import CorruptStream, EventStreamParser
from addons.llm.parsing.sse import SSEParser

_MOST_VIEWED = 4 * 2**20


class LLMContentview(contentviews.Contentview):
    name = "LLM"
    syntax_highlight = "none"

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        flow = metadata.flow
        is_ours = isinstance(flow, http.HTTPFlow) and bool(METADATA in flow.metadata or call_of(flow))
        return 2 if is_ours and data and metadata.http_message else -1

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """Return the text to show. It raises nothing: a body that cannot be read is shown as it is."""
        flow, message = metadata.flow, metadata.http_message
        is_answer = isinstance(message, http.Response)
        kind = (metadata.content_type or "").lower()
        try:
            shown = _conversation(data, kind, message, is_answer)
        except Exception as error:
            shown = f"[not read as a conversation: {type(error).__name__}]\n\n{_raw(data)}"
        text = shown + _footer(flow) if is_answer and flow else shown
        return text.replace("\n\n", "\n \n")  # mitmweb shows no empty lines


def _conversation(data: bytes, kind: str, message: http.Message | None, is_answer: bool) -> str:
    if len(data) > _MOST_VIEWED:
        return f"[{len(data):,} bytes are too many to be shown as a conversation. They begin with:]\n\n{_raw(data)}"
    if kind in ("text/event-stream", eventstream.CONTENT_TYPE):
        return transcript.render(reassembly.of_stream(_events(_decoded(data, message), kind)))
    body = orjson.loads(data)
    if not isinstance(body, dict):
        return _raw(data)
    messages = transcript.of_answer(body) if is_answer else transcript.of_request(body)
    if not messages:
        return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    head = "" if is_answer else transcript.parameters(body)
    return f"{head}\n\n{transcript.render(messages)}" if head else transcript.render(messages)


def _events(data: bytes, kind: str) -> Iterable[Any]:
    parser = EventStreamParser() if kind == eventstream.CONTENT_TYPE else SSEParser()
    try:
        yield from parser.feed(data)
    except CorruptStream:
        return  # what came before the damage is shown


def _decoded(data: bytes, message: http.Message | None) -> bytes:
    """Return the data decompressed: mitmproxy does not decompress a stream that was kept in part."""
    encoding = message.headers.get("content-encoding", "") if message else ""
    if not encoding or not message or data != message.raw_content:
        return data
    return decoding.make_decoder(encoding, _MOST_VIEWED).decode(data)


def _raw(data: bytes) -> str:
    return data[: 64 * 2**10].decode(errors="replace")


def _footer(flow: flow.Flow) -> str:
    known = summary_of(flow)
    if not known:
        return f"\n{RULE}\n{flow.comment}" if flow.comment else ""
    cut = f"\n[{known.left_out:,} bytes were not kept: see INSPECT_STREAM_BYTES, INSPECT_MAX_BYTES]\n"
    return "".join([cut if known.left_out else "", *(f"\n{RULE}\n{text}\n" for text in known.explanations)])

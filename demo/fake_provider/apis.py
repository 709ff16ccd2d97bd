"""Find the API that a path belongs to, and the name under which a call is charged."""

import gzip
import json
import re
from typing import Any
from urllib.parse import unquote

import orjson
import zstandard

from demo.fake_provider import anthropic, bedrock, openai
from demo.fake_provider.answers import Api
from demo.fake_provider.messages import ReceivedRequest
from demo.fake_provider.prices import listed
from demo.fake_provider.responses import RESPONSES

# The end of the path decides, and the first pattern that matches; the model may be in the path.
_APIS: list[tuple[re.Pattern[str], Api]] = [
    (re.compile(r"/v1/messages$"), anthropic.MESSAGES),
    (re.compile(r"/chat/completions$"), openai.CHAT),
    (re.compile(r"/responses(?:/compact)?$"), RESPONSES),
    (re.compile(r"/embeddings$"), openai.EMBEDDINGS),
    (re.compile(r"/completions$"), openai.COMPLETIONS),
    (re.compile(r"/model/([^/]+)/invoke$"), bedrock.INVOKE),
    (re.compile(r"/model/([^/]+)/invoke-with-response-stream$"), bedrock.INVOKE_STREAM),
    (re.compile(r"/model/([^/]+)/converse$"), bedrock.CONVERSE),
    (re.compile(r"/model/([^/]+)/converse-stream$"), bedrock.CONVERSE_STREAM),
]
_WRONG = "wrong"


def find_api(path: str) -> tuple[Api, str] | None:
    """Return the API of a path and the model that the path names, "" where it names none; None for other paths."""
    for pattern, api in _APIS:
        if match := pattern.search(path):
            return api, unquote(match[1]) if pattern.groups else ""
    return None


def charged_as(path_model: str, asked: str, answered: str) -> str:
    """Return the model that a call is charged as: what ran, if that has a price, and else what was asked for.

    Bedrock charges by the id that was asked for, of which the answer names only a part.
    """
    bedrock_id = path_model or (asked if "anthropic." in asked else "")
    return listed(bedrock_id, answered, asked) or path_model or answered or asked


def is_known(request: ReceivedRequest) -> bool:
    """Return whether the caller's credential is right: any is, unless it has the word `wrong` in it."""
    return not any(_WRONG in (request.header(name) or "") for name in ("authorization", "x-api-key", "api-key"))


def read_body(request: ReceivedRequest) -> dict[str, Any]:
    """Return the JSON object in a request's body. Raises ValueError where there is none."""
    body = request.body
    try:
        match (request.header("content-encoding") or "").lower():
            case "gzip":
                body = gzip.decompress(body)
            case "zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    except (OSError, EOFError, zstandard.ZstdError) as problem:
        raise ValueError(f"the body cannot be unpacked: {problem}") from None
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = json.loads(body)  # it accepts half of a surrogate pair, which orjson refuses
    if not isinstance(parsed, dict):
        raise ValueError("the body is not a JSON object")
    return parsed

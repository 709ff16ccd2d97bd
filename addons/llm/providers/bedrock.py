"""Describe Amazon Bedrock, which has two endpoints: Mantle and the runtime API.

Mantle speaks Anthropic's format below /anthropic/v1 and OpenAI's below /v1. The runtime API has formats of its own,
which are in `bedrock_runtime.py`, and OpenAI's below /openai/v1.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/endpoints.html.
"""

from addons.llm.paths.bedrock import PATHS
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import Endpoints, Provider, WireFormat, join
from addons.llm.providers.bedrock_runtime import CONVERSE, CONVERSE_STREAM, INVOKE, INVOKE_STREAM
from addons.llm.providers.openai import CHAT_COMPLETIONS
from addons.llm.providers.responses import COMPACT, RESPONSES


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    if not _is_mantle(path):
        return join(endpoints.bedrock_runtime, path, query)
    is_openais = path.startswith(_OPENAIS_ON_MANTLE)
    return join(endpoints.bedrock.removesuffix("/anthropic") if is_openais else endpoints.bedrock, path, query)


def signing_name(path: str) -> str:
    """Return the name of the AWS service that a request to this path is signed for (SigV4)."""
    return "bedrock-mantle" if _is_mantle(path) else "bedrock"


def _is_mantle(path: str) -> bool:
    return path.startswith("/v1/")


_OPENAIS: dict[str, WireFormat] = {
    "/chat/completions": CHAT_COMPLETIONS,
    "/responses": RESPONSES,
    "/responses/compact": COMPACT,
}
_OPENAIS_ON_MANTLE = tuple(f"/v1{path}" for path in ("/chat/", "/responses"))

BEDROCK = Provider(
    "bedrock",
    "aws",
    "/bedrock",
    {
        "/v1/messages": MESSAGES,
        "/model/{model}/invoke": INVOKE,
        "/model/{model}/invoke-with-response-stream": INVOKE_STREAM,
        "/model/{model}/converse": CONVERSE,
        "/model/{model}/converse-stream": CONVERSE_STREAM,
        **{f"{base}{path}": wire for base in ("/v1", "/openai/v1") for path, wire in _OPENAIS.items()},
    },
    _url,
    PATHS,
    bills_as_asked=True,  # us.anthropic.… costs more than global.anthropic.…, and an answer names neither
)

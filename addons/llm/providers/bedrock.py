"""Describe Amazon Bedrock: its native Messages endpoint speaks Anthropic's format.

The formats of its runtime API are in `bedrock_runtime.py`.
"""

from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import Endpoints, Provider, join
from addons.llm.providers.bedrock_runtime import CONVERSE, CONVERSE_STREAM, INVOKE, INVOKE_STREAM


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    return join(endpoints.bedrock if _is_native(path) else endpoints.bedrock_runtime, path, query)


def signing_name(path: str) -> str:
    """Return the name of the AWS service that a request to this path is signed for (SigV4)."""
    return "bedrock-mantle" if _is_native(path) else "bedrock"


def _is_native(path: str) -> bool:
    return path.startswith("/v1/")


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
    },
    _url,
    bills_as_asked=True,  # us.anthropic.… costs more than global.anthropic.…, and an answer names neither
)

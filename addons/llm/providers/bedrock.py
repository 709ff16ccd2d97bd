"""Amazon Bedrock: its native Messages endpoint speaks Anthropic's format; see `bedrock_runtime.py` for the others."""

from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import Endpoints, Provider, join
from addons.llm.providers.bedrock_runtime import CONVERSE, CONVERSE_STREAM, INVOKE, INVOKE_STREAM


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    return join(endpoints.bedrock_runtime if path.startswith("/model/") else endpoints.bedrock, path, query)


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
)

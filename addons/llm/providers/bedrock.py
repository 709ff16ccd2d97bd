"""Amazon Bedrock: its native Messages endpoint speaks Anthropic's format."""

from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import Endpoints, Provider, join


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    return join(endpoints.bedrock, path, query)


BEDROCK = Provider("bedrock", "aws", "/bedrock", {"/v1/messages": MESSAGES}, _url)

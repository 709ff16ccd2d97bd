"""Azure OpenAI speaks OpenAI's format on paths of its own: /openai/v1/…, or by date /openai/deployments/{model}/….

Source: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle.
"""

from urllib.parse import parse_qs, quote, urlencode

from addons.llm.providers.base import Endpoints, NotConfigured, Provider, join
from addons.llm.providers.openai import CHAT_COMPLETIONS


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    if not endpoints.azure:
        raise NotConfigured(
            "Azure OpenAI has no endpoint: set AZURE_OPENAI_ENDPOINT to https://{resource}.openai.azure.com"
        )
    base = endpoints.azure.removesuffix("/v1").removesuffix("/openai")
    if path.startswith("/openai/"):
        return join(base, path, query)
    if endpoints.azure_api_version == "v1":
        return join(base, "/openai" + path, query)
    if "api-version" not in parse_qs(query):
        query = "&".join(filter(None, [query, urlencode({"api-version": endpoints.azure_api_version})]))
    deployment = f"/deployments/{quote(model, safe='')}" if model else ""
    return join(base, f"/openai{deployment}{path.removeprefix('/v1')}", query)


AZURE = Provider("azure", "azure", "/azure", {"/v1/chat/completions": CHAT_COMPLETIONS}, _url)

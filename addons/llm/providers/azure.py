"""Describe Azure: it speaks OpenAI's format and Anthropic's, on its own paths.

These are /openai/v1/…, for API versions with a date /openai/deployments/{model}/…, /anthropic/v1/…, and /models/… for
the models of others. Azure takes paths in any letter case.

Sources: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle and
https://learn.microsoft.com/rest/api/aifoundry/modelinference.
"""

from urllib.parse import parse_qs, quote, urlencode

from addons.llm.paths.azure import PATHS
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import Endpoints, NotConfigured, Provider, WireFormat, join
from addons.llm.providers.openai import CHAT_COMPLETIONS, COMPLETIONS, EMBEDDINGS
from addons.llm.providers.responses import COMPACT, RESPONSES


def _url(endpoints: Endpoints, path: str, query: str, model: str) -> str:
    if not endpoints.azure:
        raise NotConfigured(
            "Azure OpenAI has no endpoint: set AZURE_OPENAI_ENDPOINT to https://{resource}.openai.azure.com"
        )
    base = endpoints.azure.removesuffix("/v1").removesuffix("/openai")
    if path.lower().startswith(_OWN_PATHS):
        return join(base, path, query)
    if endpoints.azure_api_version == "v1":
        return join(base, "/openai" + path, query)
    if "api-version" not in parse_qs(query):
        query = "&".join(filter(None, [query, urlencode({"api-version": endpoints.azure_api_version})]))
    deployment = f"/deployments/{quote(model, safe='')}" if model and not path.startswith("/v1/responses") else ""
    return join(base, f"/openai{deployment}{path.removeprefix('/v1')}", query)


_OWN_PATHS = ("/openai/", "/anthropic/", "/models/")
"""How Azure's own paths begin. Others are those of its v1 API, without their beginning."""


def _takes_stream_options(query: str) -> bool:
    """Return whether the API version accepts `stream_options`: versions before 2024-09-01 refuse it.

    Source: https://github.com/Azure/azure-rest-api-specs/issues/29157.
    """
    version = parse_qs(query).get("api-version", ["v1"])[0]
    return not version[:1].isdigit() or version >= "2024-09-01"


_BY_DEPLOYMENT: dict[str, WireFormat] = {
    "/chat/completions": CHAT_COMPLETIONS,
    "/responses": RESPONSES,
    "/embeddings": EMBEDDINGS,
    "/completions": COMPLETIONS,
}
_V1 = _BY_DEPLOYMENT | {"/responses/compact": COMPACT}

AZURE = Provider(
    "azure",
    "azure",
    "/azure",
    {f"/v1{path}": wire for path, wire in _V1.items()}
    | {f"/openai/v1{path}": wire for path, wire in _V1.items()}
    | {f"/openai/deployments/{{model}}{path}": wire for path, wire in _BY_DEPLOYMENT.items()}
    | {"/openai/responses": RESPONSES, "/openai/responses/compact": COMPACT}
    | {"/models/chat/completions": CHAT_COMPLETIONS, "/models/embeddings": EMBEDDINGS}
    | {"/anthropic/v1/messages": MESSAGES},
    _url,
    PATHS,
    _takes_stream_options,
)

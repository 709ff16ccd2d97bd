"""Put the proxy's own credential into a request of a caller with a key, in the form that its provider takes.

It goes only to where the settings say that the provider is, and to hosts that are nobody's but the provider's: a tunnel
to a resource of Azure may lead to anybody's.
"""

from mitmproxy import http

from addons.callers.credentials import Missing
from addons.callers.keys import Key
from addons.callers.presented import OF_PROVIDERS
from addons.callers.signatures import is_signature
from addons.core import Core
from addons.flow.attached import attach_credential
from addons.llm.denial import Denial, forbidden
from addons.llm.hosts import is_trusted
from addons.llm.providers import ANTHROPIC, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.bedrock import BEDROCK

_BEARER = ((b"Authorization", b"Bearer %s"),)
_FORMS: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "anthropic": ((b"x-api-key", b"%s"),),
    "openai": _BEARER,
    "azure": ((b"api-key", b"%s"),),
    "bedrock": _BEARER,
}
_OF_FOUNDRY = ((b"api-key", b"%s"), (b"x-api-key", b"%s"))
"""Anthropic's API on Azure: its SDK sends the key in both."""


def needs_credential(request: http.Request) -> bool:
    """Return whether a request has no credential of its caller's for the provider; one beside a key is left alone."""
    return OF_PROVIDERS.isdisjoint([name.lower() for name, _ in request.headers.fields])


def put_in(core: Core, flow: http.HTTPFlow, key: Key | None, provider: Provider, path: str, url: str) -> Denial | None:
    """Have a request whose caller has nothing but a key sent with the proxy's credential; return why it cannot be.

    `path` is the provider's, `url` what a tunnel leads to, "" outside of one. A request that is signed needs none: see
    `signs_for`.
    """
    if key is None:
        return None
    if _is_signed_for_us(flow, provider, url) and provider.name in key.credentials:
        del flow.request.headers["authorization"]  # AWS would not accept it, and the key names an account
    elif not needs_credential(flow.request):
        return None
    try:
        value = core.credentials.of(provider.name, key).encode()
    except Missing as error:
        return Denial(503, "not_configured", f"The proxy cannot call this provider for you: {error}.")
    if url and not is_trusted(provider, url, core.settings.endpoints):
        return forbidden("The proxy does not put its credential into requests to this host: send one of your own.")
    attach_credential(flow.request, tuple([(name, form % value) for name, form in _form(provider, path)]))
    return None


def signs_for(core: Core, flow: http.HTTPFlow, key: Key | None, provider: Provider, url: str) -> bool:
    """Return whether the proxy signs a request to Bedrock because its caller has a key of ours and none of AWS's.

    It does not where the key names an account of its own.
    """
    if key is None or provider is not BEDROCK or provider.name in key.credentials:
        return False
    if not needs_credential(flow.request):
        return _is_signed_for_us(flow, provider, url)
    try:
        core.credentials.of("bedrock", key)
    except Missing:
        return not url or is_trusted(provider, url, core.settings.endpoints)
    return False


def _is_signed_for_us(flow: http.HTTPFlow, provider: Provider, url: str) -> bool:
    """Tell whether a client has signed for the proxy's own address, as if that were AWS's."""
    return provider is BEDROCK and not url and is_signature(flow.request.headers.get("authorization", ""))


def _form(provider: Provider, path: str) -> tuple[tuple[bytes, bytes], ...]:
    if provider is AZURE and path.lower().startswith("/anthropic/"):
        return _OF_FOUNDRY
    if provider is ANTHROPIC and path.startswith("/v1/chat/"):
        return _BEARER
    return _FORMS[provider.name]

"""Tell by its host and path what a request is that came through HTTPS_PROXY, and where it goes."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from addons.llm.providers import ANTHROPIC, OPENAI, Endpoints, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.routes import Tracked, resolve


class Host(NamedTuple):
    """A provider's host."""

    provider: Provider
    base_url: str
    """What the path of a request is put behind: the provider's configured base URL, or the host itself."""
    skipped: str = ""
    """What tracked paths begin with on this host and not on the proxy."""


# Azure and Bedrock have many hosts, regional ones of OpenAI keep data in their region: those are gone to as they are.
_HOSTS: list[tuple[re.Pattern[str], Provider, str]] = [
    (re.compile(r"api\.anthropic\.com"), ANTHROPIC, ""),
    (re.compile(r"(?:[a-z]{2}\.)?api\.openai\.com"), OPENAI, ""),
    (re.compile(r"[a-z0-9-]+\.openai\.azure\.com|[a-z0-9-]+\.services\.ai\.azure\.com"), AZURE, ""),
    (re.compile(r"bedrock-runtime(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com"), BEDROCK, ""),
    (re.compile(r"bedrock-mantle\.[a-z0-9-]+\.api\.aws"), BEDROCK, "/anthropic"),
]


def provider_host(host: str, port: int, endpoints: Endpoints) -> Host | None:
    """None for a host that is no LLM provider's."""
    host = host.lower().rstrip(".")
    if host == "api.anthropic.com":
        return Host(ANTHROPIC, endpoints.anthropic)
    if host == "api.openai.com":
        return Host(OPENAI, endpoints.openai)
    own = f"https://{host}" if port == 443 else f"https://{host}:{port}"
    for pattern, provider, skipped in _HOSTS:
        if pattern.fullmatch(host):
            return Host(provider, own + skipped, skipped)
    configured = (
        (ANTHROPIC, endpoints.anthropic),
        (OPENAI, endpoints.openai),
        (BEDROCK, endpoints.bedrock),
        (AZURE, endpoints.azure),
    )
    for provider, base_url in configured:
        parts = urlsplit(base_url)
        if parts.hostname == host and (parts.port or 443) == port:
            return Host(provider, own)
    return None


def is_own(authority: str, address: str, port: int) -> bool:
    """Whether a request that names its host in full (`GET http://host/…`, as clients do that have HTTP_PROXY set) is
    for the proxy itself, which listens there.
    """
    try:
        parts = urlsplit("//" + authority)
        return (parts.port or 80) == port and parts.hostname in ("localhost", "127.0.0.1", "::1", address)
    except ValueError:
        return False


def tracked_on(host: Host, path: str) -> Tracked | None:
    """The generation call that this path is on the host, None for another call."""
    if not path.startswith(host.skipped):
        return None
    route = resolve(host.provider.prefix + path.removeprefix(host.skipped))
    return route if isinstance(route, Tracked) and route.provider is host.provider else None

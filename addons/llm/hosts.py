"""Tell by its host and path what a request is that came through HTTPS_PROXY, and where it goes."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from addons.llm.providers import ANTHROPIC, OPENAI, Endpoints, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.base import join
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.routes import Tracked, clean, resolve


class Host(NamedTuple):
    """A provider's host, or the part of one that has several."""

    provider: Provider
    base_url: str
    """What the path of a request is put behind: the provider's configured base URL, or the host itself."""
    skipped: str = ""
    """What tracked paths begin with on this host and not on the proxy; `base_url` ends with it."""


# From botocore's endpoint rules: FIPS, dual-stack, China, and VPC endpoints, whose names begin with their own id.
_BEDROCK_RUNTIME = re.compile(
    r"(?:[a-z0-9-]+\.)?bedrock-runtime(?:-fips)?\.(?P<region>[a-z0-9-]+)"
    r"\.(?:(?:vpce\.)?amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)"
)
_BEDROCK_NATIVE = re.compile(r"(?:[a-z0-9-]+\.)?bedrock-mantle(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:vpce\.)?api\.aws")

# Azure and Bedrock have many hosts, regional ones of OpenAI keep data in their region: those are gone to as they are.
_HOSTS: list[tuple[re.Pattern[str], Provider, str]] = [
    (re.compile(r"api\.anthropic\.com"), ANTHROPIC, ""),
    (re.compile(r"(?:[a-z]{2}\.)?api\.openai\.com"), OPENAI, ""),
    (re.compile(r"[a-z0-9-]+\.openai\.azure\.com|[a-z0-9-]+\.services\.ai\.azure\.com"), AZURE, ""),
    (_BEDROCK_RUNTIME, BEDROCK, ""),
    (_BEDROCK_NATIVE, BEDROCK, "/anthropic"),
]


def provider_hosts(host: str, port: int, endpoints: Endpoints) -> tuple[Host, ...]:
    """Empty for a host that is no LLM provider's; more than one where several base URLs name it."""
    host = host.lower().rstrip(".")
    if host == "api.anthropic.com":
        return (Host(ANTHROPIC, endpoints.anthropic),)
    if host == "api.openai.com":
        return (Host(OPENAI, endpoints.openai),)
    own = f"https://{host}" if port == 443 else f"https://{host}:{port}"
    for pattern, provider, skipped in _HOSTS:
        if pattern.fullmatch(host):
            return (Host(provider, own + skipped, skipped),)
    return tuple(_configured(host, port, endpoints))


def _configured(host: str, port: int, endpoints: Endpoints) -> Iterator[Host]:
    for provider, base_url in (
        (ANTHROPIC, endpoints.anthropic),
        (OPENAI, endpoints.openai),
        (BEDROCK, endpoints.bedrock),
        (BEDROCK, endpoints.bedrock_runtime),
        (AZURE, endpoints.azure.removesuffix("/v1").removesuffix("/openai")),
    ):
        parts = urlsplit(base_url.removesuffix("/v1"))
        if parts.hostname == host and (parts.port or 443) == port:
            yield Host(provider, parts.geturl(), parts.path)


def is_own(authority: str, address: str, port: int) -> bool:
    """Whether a request that names its host in full (`GET http://host/…`, as clients do that have HTTP_PROXY set) is
    for the proxy itself, which listens there.
    """
    try:
        parts = urlsplit("//" + authority)
        return (parts.port or 80) == port and parts.hostname in ("localhost", "127.0.0.1", "::1", address)
    except ValueError:
        return False


def tracked_on(hosts: Sequence[Host], path: str) -> tuple[Host, Tracked] | None:
    """The generation call that this path is, None for another call.

    A path that only unescaped is one counts too: unlike the proxy's own, a provider's server may read it so.
    """
    for host in hosts:
        rest = _rest(path, host)
        for spelling in (rest, unquote(rest)) if rest else ():
            route = resolve(host.provider.prefix + clean(spelling))
            if isinstance(route, Tracked) and route.provider is host.provider:
                return host, route
    return None


def untracked_on(hosts: Sequence[Host], path: str) -> str:
    """The URL of another call."""
    for host in hosts:
        if rest := _rest(path, host):
            return join(host.base_url, rest, "")
    return join(hosts[0].base_url.removesuffix(hosts[0].skipped), path, "")


def _rest(path: str, host: Host) -> str:
    """The path without what is skipped on the host, however that is spelled; "" for a path that has it not."""
    if not host.skipped:
        return path
    segments = clean(path).split("/")
    size = host.skipped.count("/") + 1
    return "/" + "/".join(segments[size:]) if unquote("/".join(segments[:size])) == host.skipped else ""


def aws_region(host: str) -> str:
    """The region that a Bedrock host of AWS's is in, "" for another host."""
    match = _BEDROCK_RUNTIME.fullmatch(host) or _BEDROCK_NATIVE.fullmatch(host)
    return match["region"] if match else ""

"""Tell from its host and path what a request through HTTPS_PROXY asks for, and which URL it is sent to."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from addons.llm.paths.table import PathClass
from addons.llm.providers import ANTHROPIC, OPENAI, Endpoints, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.base import join
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.routes import Fields, Tracked, are_anthropics, clean, resolve_at


class Host(NamedTuple):
    """Say which provider a host belongs to, or the part of a host below one base URL."""

    provider: Provider
    base_url: str
    """The URL that a request's path is appended to: the provider's configured base URL, or the host itself."""
    skipped: str = ""
    """The prefix of tracked paths that this host has and the proxy's own paths do not; `base_url` ends with it."""


# Names from botocore's endpoint rules and openai's SDK (`providers/bedrock.py`): FIPS, dual-stack, the partitions of
# AWS, and VPC endpoints, whose names begin with an id.
_AWS = (
    r"(?:vpce\.)?(?:amazonaws\.(?:com(?:\.cn)?|eu)|api\.aws(?:\.ic\.gov|\.scloud|\.hci\.ic\.gov)?"
    r"|api\.amazonwebservices\.(?:com\.cn|eu)|c2s\.ic\.gov|sc2s\.sgov\.gov|csp\.hci\.ic\.gov"
    r"|cloud\.adc-e\.uk|api\.cloud-aws\.adc-e\.uk)"
)
_BEDROCK_RUNTIME = re.compile(rf"(?:[a-z0-9-]+\.)?bedrock-runtime(?:-fips)?\.(?P<region>[a-z0-9-]+)\.{_AWS}")
_BEDROCK_MANTLE = re.compile(rf"(?:[a-z0-9-]+\.)?bedrock-mantle(?:-fips)?\.(?P<region>[a-z0-9-]+)\.{_AWS}")

# A resource of Azure has a name in several domains, and one more where it is reached by a private endpoint, in each of
# Azure's clouds. Source: https://learn.microsoft.com/azure/private-link/private-endpoint-dns. An API of a model that
# was deployed by itself is below the region: https://learn.microsoft.com/azure/ai-foundry/how-to/deploy-models-serverless.
_AZURE = re.compile(
    r"[a-z0-9-]+\.(?:privatelink\.)?(?:"
    r"(?:openai|services\.ai|cognitiveservices)\.azure\.(?:com|us|cn)"
    r"|api\.cognitive\.(?:microsoft\.(?:com|us)|azure\.cn))"
    r"|[a-z0-9-]+\.[a-z0-9-]+\.(?:models|inference)\.ai\.azure\.com"
)

_OPENAI = re.compile(r"(?:[a-z0-9-]+\.)+api\.openai\.com")

# Requests to these hosts stay on the host that the client chose: Azure and Bedrock have many hosts, and OpenAI's
# regional hosts keep data in their region. OpenAI also has hosts for private links and for clients' certificates.
# Anthropic's API on AWS is the host of its SDK's class AnthropicAWS.
_HOSTS: list[tuple[re.Pattern[str], Provider, tuple[str, ...]]] = [
    (re.compile(r"aws-external-anthropic\.[a-z0-9-]+\.api\.aws"), ANTHROPIC, ("",)),
    (_OPENAI, OPENAI, ("",)),
    (_AZURE, AZURE, ("",)),
    (_BEDROCK_RUNTIME, BEDROCK, ("",)),
    (_BEDROCK_MANTLE, BEDROCK, ("/anthropic", "")),
]
_OWN_HOSTS = ((_OPENAI, OPENAI), (_BEDROCK_RUNTIME, BEDROCK), (_BEDROCK_MANTLE, BEDROCK))
"""Hosts that are nobody's but the provider's."""


def provider_hosts(host: str, port: int, endpoints: Endpoints) -> tuple[Host, ...]:
    """Return what the host is: nothing if it is not an LLM provider's, several if it has several base URLs."""
    host = host.lower().rstrip(".")
    if host == "api.anthropic.com":
        return (Host(ANTHROPIC, endpoints.anthropic),)
    if host == "api.openai.com":
        return (Host(OPENAI, endpoints.openai),)
    own = f"https://{host}" if port == 443 else f"https://{host}:{port}"
    for pattern, provider, prefixes in _HOSTS:
        if pattern.fullmatch(host):
            return tuple(Host(provider, own + prefix, prefix) for prefix in prefixes)
    return tuple(_configured(host, port, endpoints))


def _base_urls(endpoints: Endpoints) -> tuple[tuple[Provider, str], ...]:
    return (
        (ANTHROPIC, endpoints.anthropic),
        (OPENAI, endpoints.openai),
        (BEDROCK, endpoints.bedrock),
        (BEDROCK, endpoints.bedrock_runtime),
        (AZURE, endpoints.azure.removesuffix("/v1").removesuffix("/openai")),
    )


def _configured(host: str, port: int, endpoints: Endpoints) -> Iterator[Host]:
    for provider, base_url in _base_urls(endpoints):
        parts = urlsplit(base_url.removesuffix("/v1"))
        if parts.hostname == host and (parts.port or 443) == port:
            yield Host(provider, parts.geturl(), parts.path)


def is_trusted(provider: Provider, url: str, endpoints: Endpoints) -> bool:
    """Return whether a URL leads to the provider, or where the settings say that it is; Azure's hosts are anybody's."""
    parts = urlsplit(url)
    for owner, base_url in _base_urls(endpoints):
        base = urlsplit(base_url)
        if owner is provider and (base.scheme, base.netloc.lower()) == (parts.scheme, parts.netloc.lower()):
            return True
    host = (parts.hostname or "") if parts.scheme == "https" and parts.port in (None, 443) else ""
    return any(owner is provider and pattern.fullmatch(host) for pattern, owner in _OWN_HOSTS)


def below(provider: Provider, base_url: str) -> Host:
    """Return the part of a host below a base URL; the requests that go there have the base URL's own path first."""
    base_url = base_url.removesuffix("/v1")
    return Host(provider, base_url, urlsplit(base_url).path)


def own_path(path: str, provider: Provider, endpoints: Endpoints) -> str:
    """Return the proxy's own path for a path as the provider gets it; "" where it is below none of its base URLs."""
    base_urls = (base_url for name, base_url in _base_urls(endpoints) if name is provider)
    rests = (_rest(path, below(provider, base_url)) for base_url in base_urls)
    return next((provider.prefix + rest for rest in rests if rest), "")


def is_own(authority: str, address: str, port: int) -> bool:
    """Return whether `authority` is the proxy itself, which listens on `address` and `port`.

    Clients that have HTTP_PROXY set name the host in full: `GET http://host/…`.
    """
    try:
        parts = urlsplit("//" + authority)
        return (parts.port or 80) == port and parts.hostname in ("localhost", "127.0.0.1", "::1", address)
    except ValueError:
        return False


def tracked_on(hosts: Sequence[Host], path: str, fields: Fields) -> tuple[Host, Tracked] | None:
    """Return the host and the tracked route that a path belongs to; None where the path is not tracked.

    The path is also tried with its percent-escapes undone: a provider's server may undo them. Where several base URLs
    have it, such as Anthropic's and OpenAI's chat completions behind one gateway, the headers decide.
    """
    found: dict[str, tuple[Host, Tracked]] = {}
    for host in hosts:
        rest = _rest(path, host)
        for spelling in (rest, unquote(rest)) if rest else ():
            if route := resolve_at(host.provider.name, clean(spelling)):
                found.setdefault(host.provider.name, (host, route))
    if len(found) < 2:
        return next(iter(found.values()), None)
    preferred = ANTHROPIC if are_anthropics(fields) else OPENAI
    return found.get(preferred.name) or next(iter(found.values()))


def untracked_on(hosts: Sequence[Host], method: str, path: str) -> tuple[Provider, str, PathClass]:
    """Return the provider, the URL and the class of a request whose path is not tracked.

    Where the path may belong to several base URLs, it belongs to one whose provider has it in a list.
    """
    rests = [(host, rest) for host in hosts if (rest := _rest(path, host))]
    listed = ((host, rest) for host, rest in rests if host.provider.others.listed(method, rest))
    if found := next(listed, next(iter(rests), None)):
        host, rest = found
        return host.provider, join(host.base_url, rest, ""), host.provider.others.class_of(method, rest)
    host = hosts[0]
    url = join(host.base_url.removesuffix(host.skipped), path, "")
    return host.provider, url, host.provider.others.class_of(method, path)


def _rest(path: str, host: Host) -> str:
    """Return the path without the host's `skipped` prefix, however that is escaped; "" where the path lacks it."""
    if not host.skipped:
        return path
    segments = clean(path).split("/")
    size = host.skipped.count("/") + 1
    return "/" + "/".join(segments[size:]) if unquote("/".join(segments[:size])) == host.skipped else ""


def aws_region(host: str) -> str:
    """Return the AWS region of a Bedrock host, "" for any other host."""
    match = _BEDROCK_RUNTIME.fullmatch(host) or _BEDROCK_MANTLE.fullmatch(host)
    return match["region"] if match else ""

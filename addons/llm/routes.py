"""Tell from its path what a request asks for: by the proxy's own paths, or by those of one provider's hosts.

The query plays no part. The tracked paths are those of each provider in `PROVIDERS`, on the proxy with the provider's
prefix before them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import quote, unquote

from addons.llm.memoised import memoised, memoised_for_all
from addons.llm.providers import ANTHROPIC, OPENAI, PROVIDERS, Provider, WireFormat

ME = "/modeltrack/me"
"""The page on which the holder of a key reads about it."""
STATUS_PATHS = frozenset({"/healthz", "/readyz", "/stats", "/cache/stats", "/routing/stats", "/metrics", ME})


@dataclass(frozen=True, slots=True)
class Tracked:
    """Name a path that uses a model. Its calls are metered, budgeted, cached, and subject to the model rules."""

    provider: Provider
    wire: WireFormat
    path: str
    """The path without the provider's prefix."""
    model: str = ""
    """The model that the path names, "" where it names none."""
    template: str = ""
    """The path with `{model}` in place of the model, if the path names one."""

    def with_model(self, model: str) -> "Tracked":
        """Return the same route for another model, where the path names the model."""
        return replace(self, model=model, path=self.template.replace("{model}", quote(model, safe=":")))


@dataclass(frozen=True, slots=True)
class PassedThrough:
    """Name a path of a provider's API that is forwarded, but not metered."""

    path: str
    provider: Provider | None
    """The provider that the path names; None where the path does not tell: see `passed_to`."""


@dataclass(frozen=True, slots=True)
class Status:
    """Name a page that the proxy itself serves."""

    path: str


Route = Tracked | PassedThrough | Status | None
"""The kinds of target that a path can have; None is for a path that has none, and gets a 404."""


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    path: str
    wire: WireFormat


class _Paths:
    """Find the tracked paths of one provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._fold = str.lower if provider.others.ignores_case else str
        flags = re.IGNORECASE if provider.others.ignores_case else 0
        self._fixed = {self._fold(path): (path, wire) for path, wire in provider.paths.items() if "{" not in path}
        self._templates = [
            _Template(re.compile(re.escape(path).replace(r"\{model\}", "(?P<model>.+)"), flags), path, wire)
            for path, wire in provider.paths.items()
            if "{" in path
        ]

    def find(self, name: str, sent: str) -> Tracked | None:
        """Return the route of a path: `name` is without percent-escapes, `sent` is as it came."""
        if found := self._fixed.get(self._fold(name)):
            return Tracked(self._provider, found[1], found[0])
        for pattern, path, wire in self._templates:
            if match := pattern.fullmatch(name):
                return Tracked(self._provider, wire, sent, match["model"], path)
        return None


_PATHS = {provider.name: _Paths(provider) for provider in PROVIDERS}
_WITHOUT_PREFIX = (OPENAI, ANTHROPIC)
"""The providers whose paths on the proxy are their own. Where both have one, the first has it: see `for_whom`."""


@memoised(1024)
def resolve(path: str) -> Route:
    """Return the route of a request to the proxy; its path is given as it was sent, without its query.

    Percent-escapes, doubled slashes and dot segments are resolved, as a provider's server may resolve them, so that no
    spelling of a tracked path escapes tracking. A path that changes its structure when it is unescaped has no route.
    Neither has a path with a fragment, which servers such as nginx cut off.
    """
    if (spellings := _spellings(path)) is None:
        return None
    name, sent = spellings
    for provider in PROVIDERS:
        if provider.prefix and name.startswith(provider.prefix + "/"):
            if not sent.startswith(provider.prefix + "/"):
                return None  # nobody escapes the proxy's own prefix
            at = len(provider.prefix)
            return _PATHS[provider.name].find(name[at:], sent[at:].rstrip("/")) or PassedThrough(sent[at:], provider)
    for provider in _WITHOUT_PREFIX:
        if found := _PATHS[provider.name].find(name, sent.rstrip("/")):
            return found
    if name in STATUS_PATHS:
        return Status(name)
    return PassedThrough(sent, None) if name.startswith("/v1/") else None


@memoised_for_all(1024)
def resolve_at(provider: str, path: str) -> Tracked | None:
    """Return the route of a path on one of the provider's own hosts, None where the path is not tracked."""
    spellings = _spellings(path)
    return _PATHS[provider].find(spellings[0], spellings[1].rstrip("/")) if spellings else None


def _spellings(path: str) -> tuple[str, str] | None:
    """Return a path without percent-escapes and slash at its end, and with them; None for one that has no route."""
    if "#" in path:
        return None
    sent = clean(path)
    plain = unquote(sent)
    return (plain.rstrip("/") or "/", sent) if clean(plain) == plain else None


Fields = Iterable[tuple[bytes, bytes]]
"""The names and values of a request's headers, as they came."""


def passed_to(route: PassedThrough, fields: Fields) -> Provider:
    """Return the provider that a request is for. Where the path does not tell, the headers of Anthropic's SDKs do."""
    if route.provider:
        return route.provider
    fields = list(fields)
    has_key = any(name.lower() == b"x-api-key" for name, _ in fields)
    return ANTHROPIC if has_key or are_anthropics(fields) else OPENAI


def for_whom(route: Tracked, fields: Fields) -> Tracked:
    """Return the route for the provider that the headers tell, where two providers have its path.

    OpenAI's SDK is used for Anthropic's chat completions as well, with a key of Anthropic's.
    """
    if route.provider is OPENAI and route.path in ANTHROPIC.paths and are_anthropics(fields):
        return replace(route, provider=ANTHROPIC, wire=ANTHROPIC.paths[route.path])
    return route


def are_anthropics(fields: Fields) -> bool:
    """Tell by its headers whether a request is for Anthropic: they have its version, or one of its keys."""
    for raw_name, value in fields:
        name = raw_name.lower()
        if name == b"anthropic-version":
            return True
        if name in _KEYS and value.rpartition(b" ")[2].startswith(_ANTHROPICS_KEYS):
            return True
    return False


_KEYS = frozenset({b"authorization", b"x-api-key"})
_ANTHROPICS_KEYS = b"sk-ant-"
"""How Anthropic's keys begin."""


def clean(path: str) -> str:
    """Return the path without doubled slashes and dot segments (RFC 3986, section 5.2.4)."""
    if "//" not in path and "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            kept = kept[:-1]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and parts[-1] in ("", ".", "..") else "")

"""Tell from its path what a request to the proxy asks for. The query plays no part.

The tracked paths are those of each provider in `PROVIDERS`, with its prefix before them.
"""

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from addons.llm.memoised import memoised
from addons.llm.providers import ANTHROPIC, OPENAI, PROVIDERS, Provider, WireFormat

STATUS_PATHS = frozenset({"/healthz", "/readyz", "/stats", "/cache/stats", "/routing/stats", "/metrics"})

_PASSED_THROUGH = re.compile(r"/(?:v1|azure|bedrock)/")
_TRACKED: dict[str, tuple[Provider, WireFormat]] = {
    provider.prefix + path: (provider, wire) for provider in PROVIDERS for path, wire in provider.paths.items()
}
_WITH_MODEL = [
    (re.compile(re.escape(path).replace(r"\{model\}", "(?P<model>.+)")), provider, wire, path)
    for path, (provider, wire) in _TRACKED.items()
    if "{model}" in path
]


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


@memoised(1024)
def resolve(path: str) -> Route:
    """Return the route of a request's path, which is given as it was sent, without its query.

    Percent-escapes, doubled slashes and dot segments are resolved, as a provider's server may resolve them, so that no
    spelling of a tracked path escapes tracking. A path that changes its structure when it is unescaped has no route.
    Neither has a path with a fragment, which servers such as nginx cut off.
    """
    if "#" in path:
        return None
    cleaned = clean(path)
    plain = unquote(cleaned)
    if clean(plain) != plain:
        return None
    name = plain.rstrip("/") or "/"
    if found := _TRACKED.get(name):
        provider, wire = found
        return Tracked(provider, wire, name.removeprefix(provider.prefix))
    for pattern, provider, wire, template in _WITH_MODEL:
        if match := pattern.fullmatch(name):
            at = len(provider.prefix)
            return Tracked(provider, wire, cleaned.rstrip("/")[at:], match["model"], template[at:])
    if name in STATUS_PATHS:
        return Status(name)
    if not _PASSED_THROUGH.match(name):
        return None
    for provider in PROVIDERS:
        if provider.prefix and name.startswith(provider.prefix + "/"):
            return PassedThrough(cleaned[len(provider.prefix) :], provider)
    return PassedThrough(cleaned, None)


def passed_to(route: PassedThrough, headers: Container[str]) -> Provider:
    """Return the provider that a request is for. Where the path does not tell, the headers of Anthropic's SDKs do."""
    if route.provider:
        return route.provider
    return ANTHROPIC if "anthropic-version" in headers or "x-api-key" in headers else OPENAI


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

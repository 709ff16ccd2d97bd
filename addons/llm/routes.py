"""Tell by its path alone what a request to the proxy is. The table is SPEC's "Routes"; the query plays no part."""

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote, unquote

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
    """A generation call: metered, budgeted, cached, routed."""

    provider: Provider
    wire: WireFormat
    path: str
    """Without the provider's prefix."""
    model: str = ""
    """Where the path names it."""
    template: str = ""
    """Of a path that names the model: with `{model}` in its place."""

    def with_model(self, model: str) -> "Tracked":
        """The same call of another model, for a path that names one."""
        return replace(self, model=model, path=self.template.replace("{model}", quote(model, safe=":")))


@dataclass(frozen=True, slots=True)
class PassedThrough:
    """Another call of the providers' APIs."""

    path: str
    provider: Provider | None
    """None: see `passed_to`."""


@dataclass(frozen=True, slots=True)
class Status:
    """A page of the proxy's own."""

    path: str


Route = Tracked | PassedThrough | Status | None
"""None: nothing is there."""


@lru_cache(maxsize=1024)
def resolve(path: str) -> Route:
    """The route of a request path as it was sent, without its query.

    Percent-escapes, doubled slashes and dot segments are seen through, as a provider's server might, so that no
    spelling of a generation path goes untracked. A path that changes its structure when unescaped has no route, nor
    has one with a fragment, which servers such as nginx cut off.
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
    """Whose call it is, where the path does not say: Anthropic's SDKs send headers of their own."""
    if route.provider:
        return route.provider
    return ANTHROPIC if "anthropic-version" in headers or "x-api-key" in headers else OPENAI


def clean(path: str) -> str:
    """Without doubled slashes and dot segments (RFC 3986, section 5.2.4)."""
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

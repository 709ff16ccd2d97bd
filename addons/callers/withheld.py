"""Tell which headers of a request are meant for the proxy, or for another gateway, and do not go to the provider."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from addons.callers.attribution import HEADER_PREFIX
from addons.callers.sent_anyway import GATEWAYS


@dataclass(frozen=True, slots=True)
class Withheld:
    """Hold the names of headers that stay here, all of them in lower case."""

    names: frozenset[bytes]
    prefixes: tuple[bytes, ...]
    """How the names of more of them begin."""
    passed_on: frozenset[bytes]
    """Those that go on all the same."""


FOR_PROXIES = frozenset({b"proxy-authorization", b"proxy-connection"})


def withheld(passes_on: Mapping[str, bool], gateways_upstream: Collection[str] = ()) -> Withheld:
    """Return which headers stay here.

    `passes_on` says it of single headers, by lower-case name. The headers of `gateways_upstream` go on, because that is
    where the provider's URL leads; those of other gateways stay, and with them the keys of these.
    """
    prefixes = [prefix for name, prefix in GATEWAYS.items() if name not in gateways_upstream]
    return Withheld(
        names=FOR_PROXIES | {name.encode() for name, goes_on in passes_on.items() if not goes_on},
        prefixes=tuple(prefix.encode() for prefix in (HEADER_PREFIX, *prefixes)),
        passed_on=frozenset(name.encode() for name, goes_on in passes_on.items() if goes_on),
    )


WITHHELD = withheld({})

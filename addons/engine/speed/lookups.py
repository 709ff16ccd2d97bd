"""Replace functions that mitmproxy calls dozens of times for each request by such as do the same with less.

They are in force together with dispatch.py. Each speed-up stands for itself, and stays away where a mitmproxy has
another function. tests/addons/engine/speed/test_lookups.py compares each with what it replaces.
"""

import copy
from dataclasses import fields
from typing import Any

from mitmproxy import ctx, http, optmanager
from mitmproxy.addons import tlsconfig
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.hooks import Hook
from mitmproxy.http import Headers
from mitmproxy.net.http import url
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context

from addons.engine.replacing import Replacement, SpeedUp
from addons.engine.speed import heads
from addons.engine.touchpoints.for_speed import ADDONS, AUTHORITIES, CHECKS, CONTEXTS, HEADERS, HOOKS, OPTIONS
from addons.llm.memoised import memoised_for_all


def _values(headers: Headers, name: str | bytes) -> list[bytes]:
    wanted = (name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name).lower()
    return [value for key, value in headers.fields if key.lower() == wanted]


def _get_all(self: Headers, name: str | bytes) -> list[str]:
    return [value.decode("utf-8", "surrogateescape") for value in _values(self, name)]


def _get_item(self: Headers, key: str | bytes) -> str:
    if values := _values(self, key):
        return b", ".join(values).decode("utf-8", "surrogateescape")
    raise KeyError(key)


def _get(self: Headers, key: str | bytes, default: Any = None) -> Any:
    values = _values(self, key)
    return b", ".join(values).decode("utf-8", "surrogateescape") if values else default


def _contains(self: Headers, key: str | bytes) -> bool:
    return bool(_values(self, key))


_fields: dict[type[Hook], tuple[str, ...]] = {}


def _args(self: Hook) -> list[Any]:
    """Return the values of a hook's fields, whose names are looked up once for each class."""
    names = _fields.get(type(self))
    if names is None:
        names = _fields[type(self)] = tuple(field.name for field in fields(self))  # type: ignore[arg-type]
    return [getattr(self, name) for name in names]


_complete: set[type] = set()


def _new(cls: type[StartHook], *_: Any, **__: Any) -> StartHook:
    """Make a hook, and check once for each class that it may be made. Raises TypeError."""
    if cls not in _complete:
        _new_start_hook(cls)
        _complete.add(cls)
    return object.__new__(cls)


_new_start_hook: Any = StartHook.__new__


_IMMUTABLE = frozenset({str, int, bool, type(None)})


def _current(self: optmanager._Option) -> Any:
    """Return an option's value: a copy, but of what cannot change. mitmproxy copies all, and defaults twice."""
    value = self._default if self.value is optmanager.unset else self.value
    return value if type(value) in _IMMUTABLE else copy.deepcopy(value)


def _fork(self: Context) -> Context:
    """Copy a context without making a new Server for it, which mitmproxy replaces at once."""
    made = Context.__new__(Context)
    made.client, made.options, made.server, made.layers = self.client, self.options, self.server, self.layers.copy()
    return made


_parsed: Any = memoised_for_all(256)(url.parse_authority)


def _parse_authority(authority: str | bytes, check: bool) -> Any:
    return _parsed(authority, check)


def _unchecked(_: http.MessageData) -> None:
    """Do nothing, where mitmproxy asserts the types of the fields of each message that is made."""


def _onboarding_request(self: Onboarding, f: http.HTTPFlow) -> Any:
    """Return a coroutine only where the onboarding app is on."""
    return _onboarding(self, f) if ctx.options.onboarding else None


def _map_local_request(self: MapLocal, flow: http.HTTPFlow) -> None:
    """Do nothing where no files are mapped, instead of making the request's URL first."""
    if self.replacements:
        _map_local(self, flow)


def _tls_config_request(self: TlsConfig, flow: http.HTTPFlow) -> None:
    """Do nothing for a request that is neither for a list of revoked certificates nor for a host that is blocked."""
    request = flow.request.data
    if request.path.endswith(b".crl") or request.host in _BLOCKED_HOSTS:
        _tls_config(self, flow)


_onboarding: Any = Onboarding.request
_map_local: Any = MapLocal.request
_tls_config: Any = TlsConfig.request
_BLOCKED_HOSTS: frozenset[str] = getattr(tlsconfig, "_EMUDHRA_REVOCATION_HOSTS", frozenset())
"""Hosts that mitmproxy 12.3.1 blocks with its options emudhra and emudhra_old; 12.2 has neither."""


def speed_ups() -> list[SpeedUp]:
    found = [
        SpeedUp(
            "headers",
            HEADERS,
            (
                Replacement(Headers, "get_all", _get_all),
                Replacement(Headers, "__getitem__", _get_item),
                Replacement(Headers, "__contains__", _contains),
                Replacement(Headers, "get", _get),
            ),
        ),
        SpeedUp("options", OPTIONS, (Replacement(optmanager._Option, "current", _current),)),
        SpeedUp(
            "hooks",
            HOOKS,
            (Replacement(Hook, "args", _args), Replacement(StartHook, "__new__", staticmethod(_new))),
        ),
        SpeedUp(
            "addons",
            ADDONS,
            (
                Replacement(Onboarding, "request", _onboarding_request),
                Replacement(MapLocal, "request", _map_local_request),
                Replacement(TlsConfig, "request", _tls_config_request),
            ),
        ),
        *heads.speed_ups(),
        SpeedUp("contexts", CONTEXTS, (Replacement(Context, "fork", _fork),)),
        SpeedUp("authorities", AUTHORITIES, (Replacement(url, "parse_authority", _parse_authority),)),
    ]
    if "__post_init__" in vars(http.MessageData):  # it is gone where Python runs with -O
        found.append(SpeedUp("checks", CHECKS, (Replacement(http.MessageData, "__post_init__", _unchecked),)))
    return found

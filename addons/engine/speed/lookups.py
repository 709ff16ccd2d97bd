"""Functions that mitmproxy calls dozens of times for each request, and that can do the same with less.

They are in force together with dispatch.py. Each part stands for itself: where a mitmproxy has another one, that
part stays as it is. tests/addons/engine/speed/test_lookups.py compares each with what it replaces.
"""

import copy
from dataclasses import fields
from functools import lru_cache
from typing import Any

from mitmproxy import ctx, http, optmanager
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.coretypes.multidict import _MultiDict
from mitmproxy.hooks import Hook
from mitmproxy.http import Headers
from mitmproxy.net import check
from mitmproxy.net.http import url
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.utils import strutils

from addons.engine.replacing import Part, Replacement


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
    """Without going through its dataclass's fields for every event."""
    names = _fields.get(type(self))
    if names is None:
        names = _fields[type(self)] = tuple(field.name for field in fields(self))  # type: ignore[arg-type]
    return [getattr(self, name) for name in names]


_complete: set[type] = set()


def _new(cls: type[StartHook], *_: Any, **__: Any) -> StartHook:
    """Without checking of each hook again that its class is one that may be made. Raises TypeError."""
    if cls not in _complete:
        _new_start_hook(cls)
        _complete.add(cls)
    return object.__new__(cls)


_new_start_hook: Any = StartHook.__new__


_IMMUTABLE = frozenset({str, int, bool, type(None)})


def _current(self: optmanager._Option) -> Any:
    """Options are read a dozen times for each request, and copied as deep as they are, twice, each time."""
    value = self._default if self.value is optmanager.unset else self.value
    return value if type(value) in _IMMUTABLE else copy.deepcopy(value)


def _fork(self: Context) -> Context:
    """Without a Server, with an id and two dozen attributes, that is replaced at once."""
    made = Context.__new__(Context)
    made.client, made.options, made.server, made.layers = self.client, self.options, self.server, self.layers.copy()
    return made


_parsed: Any = lru_cache(maxsize=256)(url.parse_authority)


def _parse_authority(authority: str | bytes, check: bool) -> Any:
    return _parsed(authority, check)


def _unchecked(_: http.MessageData) -> None:
    """In place of what asserts the types of a message's fields, for each one made."""


_checks = vars(http.MessageData).get("__post_init__")  # gone where Python runs with -O


def _onboarding_request(self: Onboarding, f: http.HTTPFlow) -> Any:
    """A coroutine only where there is something to do for one."""
    return _onboarding(self, f) if ctx.options.onboarding else None


def _map_local_request(self: MapLocal, flow: http.HTTPFlow) -> None:
    """Without making the request's URL where there is nothing to compare it with."""
    if self.replacements:
        _map_local(self, flow)


def _tls_config_request(self: TlsConfig, flow: http.HTTPFlow) -> None:
    """Without making the path of the list of revoked certificates for a path that cannot be it."""
    if flow.request.data.path.endswith(b".crl"):
        _tls_config(self, flow)


_onboarding: Any = Onboarding.request
_map_local: Any = MapLocal.request
_tls_config: Any = TlsConfig.request


def parts() -> list[Part]:
    """Fingerprints are those of mitmproxy 12.2."""
    found = [
        Part(
            "headers",
            (
                *(_MultiDict.__getitem__, _MultiDict.get_all, Headers.get_all, Headers._reduce_values, Headers._kconv),
                *(http._native, http._always_bytes, strutils.always_bytes),
            ),
            {"34fe4f3805e22bee"},
            (
                Replacement(Headers, "get_all", _get_all),
                Replacement(Headers, "__getitem__", _get_item),
                Replacement(Headers, "__contains__", _contains),
                Replacement(Headers, "get", _get),
            ),
        ),
        Part(
            "options",
            (optmanager._Option.current, vars(optmanager._Option)["default"].fget),
            {"1553daf3b118b3b3"},
            (Replacement(optmanager._Option, "current", _current),),
        ),
        Part(
            "hooks",
            (Hook.args, Hook.__new__, StartHook.__new__),
            {"1f29b108fe9fe939"},
            (Replacement(Hook, "args", _args), Replacement(StartHook, "__new__", staticmethod(_new))),
        ),
        Part(
            "addons",
            (Onboarding.request, MapLocal.request, TlsConfig.request, TlsConfig.crl_path),
            {"bde56585e61df7b4"},
            (
                Replacement(Onboarding, "request", _onboarding_request),
                Replacement(MapLocal, "request", _map_local_request),
                Replacement(TlsConfig, "request", _tls_config_request),
            ),
        ),
        Part(
            "contexts", (Context.__init__, Context.fork), {"145364d038a5c879"}, (Replacement(Context, "fork", _fork),)
        ),
        Part(
            "authorities",
            (url.parse_authority, check.is_valid_host, check.is_valid_port),
            {"dc7a5f8486ed39b2"},
            (Replacement(url, "parse_authority", _parse_authority),),
        ),
    ]
    if _checks:
        found.append(
            Part(
                "checks",
                (_checks,),
                {"f65088e210cd9cc1"},
                (Replacement(http.MessageData, "__post_init__", _unchecked),),
            )
        )
    return found

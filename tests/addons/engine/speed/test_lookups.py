"""Each of the functions in lookups.py beside the one of mitmproxy's whose place it takes."""

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import addonmanager, ctx, http, optmanager, version
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.coretypes.multidict import MultiDict
from mitmproxy.net.http import url
from mitmproxy.options import Options
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.proxy.layers.tls import TlsClienthelloHook
from mitmproxy.test import taddons, tflow

from addons.engine.checking import Function
from addons.engine.replacing import Replacement, SpeedUp
from addons.engine.speed import lookups
from addons.engine.touchpoints.for_speed import HOOKS

PARTS = {part.what: part for part in lookups.speed_ups()}
REPLACED = [each for part in PARTS.values() for each in part._replacements]
ORIGINALS = [vars(each.owner).get(each.name) for each in REPLACED]


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    yield
    assert [vars(each.owner).get(each.name) for each in REPLACED] == ORIGINALS


def both(what: str, ask: Callable[[], Any]) -> tuple[str, str]:
    """Return the outcome without a part of the speed-up, and with it: a value or an error."""
    part = next(part for part in lookups.speed_ups() if part.what == what)
    before = outcome(ask)
    assert part.apply()
    try:
        return before, outcome(ask)
    finally:
        part.undo()


def outcome(ask: Callable[[], Any]) -> str:
    try:
        return repr(ask())
    except Exception as error:
        return repr(error)


NAMES = st.sampled_from([b"host", b"Host", b"HOST", b"x-a", b"X-A", b"caf\xc3\xa9", b"\xff", b""])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=6) | st.sampled_from([b"\xc3", b"\xa9", b"a"])), max_size=6)
KEYS = NAMES | NAMES.map(lambda name: name.decode("utf-8", "surrogateescape")) | st.just("Ä")


@given(FIELDS, KEYS)
@pytest.mark.parametrize(
    "ask",
    [
        lambda headers, key: headers[key],
        lambda headers, key: headers.get(key),
        lambda headers, key: headers.get(key, "other"),
        lambda headers, key: headers.get_all(key),
        lambda headers, key: key in headers,
        lambda headers, key: headers.pop(key),
        lambda headers, key: headers.setdefault(key, "v"),
        lambda headers, key: [headers.pop(key, None), headers],
    ],
    ids=["[]", "get", "get with default", "get_all", "in", "pop", "setdefault", "pop with default"],
)
def test_headers(ask: Callable[..., Any], fields: list[tuple[bytes, bytes]], key: str | bytes) -> None:
    before, after = both("headers", lambda: ask(http.Headers(fields), key))
    assert after == before


@pytest.mark.parametrize("key", [None, 1, ("host",)])
def test_headers_refuse_what_is_no_name(key: Any) -> None:
    headers = http.Headers([(b"host", b"a")])
    assert "host" in headers
    for ask in (headers.get_all, headers.get, headers.__getitem__, headers.__contains__):
        before, after = both("headers", lambda ask=ask: ask(key))  # type: ignore[misc]
        assert "Error" in before and "Error" in after


def test_other_multidicts_are_as_they_were() -> None:
    before, after = both("headers", lambda: [MultiDict([("A", 1), ("a", 2)]).get_all("A")])
    assert after == before


@pytest.mark.parametrize(
    ("kind", "value"), [(str | None, None), (bool, True), (int, 3), (str, "text"), (Sequence[str], ["a", "b"])]
)
def test_options(kind: Any, value: Any) -> None:
    def ask() -> list[Any]:
        option = optmanager._Option("a", kind, value, "", None)
        found = [option.current()]
        option.set(value)
        if isinstance(value, list):
            option.current().append("of the caller's")
        return [*found, option.current(), option.has_changed()]

    before, after = both("options", ask)
    assert after == before == repr([value, value, False])


def test_a_default_that_may_change_is_copied() -> None:
    def ask() -> list[str]:
        option = optmanager._Option("a", Sequence[str], ["x"], "", None)
        option.current().append("of the caller's")
        return list(option.current())

    assert both("options", ask) == ("['x']", "['x']")


def test_a_forked_context_shares_all_but_the_list_of_its_layers() -> None:
    context = Context(tflow.tclient_conn(), Options())
    context.layers.append("a layer")  # type: ignore[arg-type]

    def ask() -> list[bool]:
        fork = context.fork()
        fork.layers.append("another")  # type: ignore[arg-type]
        same = [fork.client is context.client, fork.server is context.server, fork.options is context.options]
        return [*same, len(context.layers) == 1, vars(fork).keys() == vars(context).keys(), type(fork) is Context]

    before, after = both("contexts", ask)
    assert after == before == repr([True] * 6)


@given(
    st.sampled_from(
        ["a", "a.com", "a.com:80", "a.com:99999", "[::1]:443", "::1", "a b", "", ":", "ä.com", "-", "a..b", "a" * 300]
    )
    | st.text(max_size=8)
)
def test_authorities(authority: str) -> None:
    for each in (authority, authority.encode()):
        for check in (True, False):
            before, after = both("authorities", lambda each=each, check=check: url.parse_authority(each, check))  # type: ignore[misc]
            assert after == before


def test_the_arguments_of_hooks() -> None:
    flow, data = tflow.tflow(), object()
    hooks = [HttpRequestHook(flow), TlsClienthelloHook(data), addonmanager.LoadHook(1)]  # type: ignore[arg-type]
    hooks[0].blocking = "its layer"  # type: ignore[union-attr]
    before, after = both("hooks", lambda: [hook.args() for hook in hooks])
    assert after == before == repr([[flow], [data], [1]])


def test_the_types_of_a_messages_fields_are_not_checked() -> None:
    fields: dict[str, Any] = dict.fromkeys(("http_version", "headers", "content", "trailers", "timestamp_end"), 1)
    before, after = both("checks", lambda: http.MessageData(**fields, timestamp_start="no time").timestamp_start)  # type: ignore[arg-type]
    assert before.startswith("TypeError") and after == "'no time'"


@pytest.mark.parametrize("is_mapped", [True, False])
def test_files_are_served_in_the_place_of_answers_where_they_are_asked_for(is_mapped: bool, tmp_path: Any) -> None:
    (tmp_path / "page").write_text("from a file")
    with taddons.context(addon := MapLocal()) as context:
        context.configure(addon, map_local=[f"|address|{tmp_path}/page"] if is_mapped else [])

        def ask() -> Any:
            flow = tflow.tflow(live=True)  # type: ignore[call-arg]
            MapLocal.request(addon, flow)
            return flow.response and flow.response.content

        before, after = both("addons", ask)
    assert after == before == repr(b"from a file" if is_mapped else None)


@pytest.mark.parametrize("path", ["/v1/messages", "/other.crl", "the list's"])
def test_the_list_of_revoked_certificates_is_served(path: str, tmp_path: Any) -> None:
    with taddons.context(addon := TlsConfig()) as context:
        context.configure(addon, confdir=str(tmp_path))

        def ask() -> Any:
            flow = tflow.tflow()
            flow.live = True
            flow.request.path = addon.crl_path() if path == "the list's" else path
            TlsConfig.request(addon, flow)
            return flow.response and flow.response.headers["content-type"]

        before, after = both("addons", ask)
    assert after == before == repr("application/pkix-crl" if path == "the list's" else None)


@pytest.mark.parametrize("host", ["ocsp-a.emsign.com", "CRL.emsign.com", "api.anthropic.com"])
@pytest.mark.parametrize("option", ["emudhra", "emudhra_old", ""])
@pytest.mark.parametrize("is_answered", [True, False])
def test_the_hosts_that_tell_of_revoked_certificates_are_blocked_as_mitmproxy_does(
    host: str, option: str, is_answered: bool, tmp_path: Any
) -> None:
    with taddons.context(addon := TlsConfig()) as context:
        if option and option not in context.options:
            pytest.skip(f"mitmproxy {version.VERSION} has no option {option}")
        context.configure(addon, confdir=str(tmp_path), **({option: True} if option else {}))

        def ask() -> Any:
            flow = tflow.tflow(resp=is_answered, live=True)
            flow.request.host = host
            TlsConfig.request(addon, flow)
            return flow.error and flow.error.msg, bool(flow.response)

        before, after = both("addons", ask)
    is_blocked = bool(option) and host == "ocsp-a.emsign.com" and not is_answered
    assert after == before == repr(("Connection killed." if is_blocked else None, is_answered))


@pytest.mark.parametrize("kind", [StartHook, type("NoDataclass", (StartHook,), {"name": "no_dataclass"})])
def test_hooks_that_are_none_cannot_be_made(kind: type) -> None:
    for _ in range(2):
        before, after = both("hooks", kind)
        assert after == before and "TypeError" in after


@pytest.mark.parametrize("is_on", [True, False])
def test_the_onboarding_app_waits_only_where_it_is_on(is_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctx, "options", SimpleNamespace(onboarding=is_on), raising=False)
    app, flow = Onboarding(), tflow.tflow()

    def ask() -> bool:
        waits = Onboarding.request(app, flow)
        if waits is not None:
            waits.close()
        return waits is not None

    assert both("addons", ask) == ("True", repr(is_on))


def value() -> str:
    return "original"


@pytest.mark.parametrize("path", ["builtins:len", "mitmproxy.test.tflow:tflow", "mitmproxy:gone", "no_package:gone"])
def test_a_part_stays_as_it_is_where_it_is_not_known(path: str) -> None:
    owner = SimpleNamespace(value=value)
    relied_on = Function(path, {"0123456789abcdef": ("12.2.3",)})
    part = SpeedUp("values", [*HOOKS, relied_on], [Replacement(owner, "value", lambda: "faster")])
    assert not part.apply()
    assert part.problem.startswith(path)
    part.undo()
    assert owner.value is value


def test_what_others_put_in_the_place_of_a_replacement_stays() -> None:
    owner = SimpleNamespace(value=value)
    part = SpeedUp("values", [], [Replacement(owner, "value", lambda: "faster")])
    assert part.apply() and owner.value() == "faster"
    owner.value = theirs = lambda: "theirs"
    part.undo()
    assert owner.value is theirs


def test_an_inherited_name_is_inherited_again_afterwards() -> None:
    part = PARTS["headers"]
    assert "get" not in vars(http.Headers)
    assert part.apply() and "get" in vars(http.Headers)
    part.undo()
    assert "get" not in vars(http.Headers)


@pytest.mark.parametrize("is_first_undone_first", [True, False])
def test_two_proxies_in_one_process_leave_nothing_behind(is_first_undone_first: bool) -> None:
    first = lookups.speed_ups()
    assert all([part.apply() for part in first])
    second = lookups.speed_ups()
    assert [part.what for part in second if part.apply()] == [], "they are there already"
    for parts in (first, second) if is_first_undone_first else (second, first):
        for part in parts:
            part.undo()

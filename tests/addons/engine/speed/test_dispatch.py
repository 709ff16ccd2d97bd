"""FastDispatch against AddonManager itself: the same hooks in the same order, the same errors logged."""

import asyncio
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from mitmproxy import hooks, http, version
from mitmproxy.addonmanager import AddonManager

from addons.core import Core
from addons.engine.checking import Function
from addons.engine.fixes.script_errors import ScriptErrors
from addons.engine.speed import dispatch, hook_table
from addons.engine.touchpoints.for_speed import DISPATCH

from .dispatch_world import FAILURES, REPLACED, Isolating, Made, World, outcome, steps


@settings(max_examples=150, deadline=None)
@given(steps())
def test_it_does_what_addonmanager_does(program: list[tuple[Any, ...]]) -> None:
    assert outcome(AddonManager, True, program) == outcome(AddonManager, False, program)


@settings(max_examples=150, deadline=None)
@given(steps("raise", "raise later"))
def test_an_error_below_another_addon_skips_nothing_and_all_else_is_the_same(program: list[tuple[Any, ...]]) -> None:
    assert outcome(AddonManager, True, program) == outcome(Isolating, False, program)


@pytest.fixture
def script_errors() -> Iterator[None]:
    fix = ScriptErrors(Core())
    fix.load(None)
    yield
    fix.done()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps("raise", "raise later"))
def test_without_it_the_fix_for_scripts_errors_does_the_same(
    script_errors: None, program: list[tuple[Any, ...]]
) -> None:
    assert outcome(AddonManager, False, program) == outcome(Isolating, False, program)


@pytest.mark.parametrize("failure", ["raise", "not callable", "options error", "halt"])
def test_an_error_in_a_script_skips_no_other_when_options_change(script_errors: None, failure: str) -> None:
    program: list[tuple[Any, ...]] = [
        ("add", Made({}, (Made({"configure": failure}), Made({"configure": "note"})))),
        ("configure",),
    ]
    is_reached = "a2.configure(set)" in outcome(AddonManager, False, program)
    assert is_reached == (failure in FAILURES)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_script_that_fails_does_not_skip_the_next_one(failure: str) -> None:
    """AddonManager skips the next one, which may be the one that guards the budgets."""
    scripts = Made({}, (Made({}, (Made({"request": failure}),)), Made({}, (Made({"request": "note"}),))))
    program: list[tuple[Any, ...]] = [("add", scripts), ("fire", "request")]
    is_reached = "a4.request(HTTPFlow)"
    assert is_reached in outcome(AddonManager, True, program)
    assert is_reached not in outcome(AddonManager, False, program)


def test_an_addon_whose_addons_cannot_be_had_is_logged_and_the_next_one_goes_on() -> None:
    world = World(AddonManager, is_fast=True)
    broken: Any = type("Broken", (), {"addons": property(lambda self: [1 / 0])})()
    world.manager.chain += [broken, world.make(Made({"request": "note"}))]
    asyncio.run(world.fire("request"))
    world.fast.uninstall()
    assert world.seen == ["a0.request(HTTPFlow)", "request is through"]


def test_it_ends_while_an_event_is_under_way() -> None:
    async def run() -> list[str]:
        world = World(AddonManager, is_fast=True)
        world.manager.add(
            world.make(Made({"request": "wait", "update": "note"})), world.make(Made({"request": "note"}))
        )
        event = asyncio.create_task(world.fire("request"))
        await asyncio.sleep(0)
        world.fast.uninstall()
        await event
        return world.seen

    expected = ["a0.request(HTTPFlow)", "a0 goes on", "a1.request(HTTPFlow)", "a0.update(list)", "request is through"]
    assert asyncio.run(run()) == expected


def test_it_skips_the_checks_of_a_messages_types_and_gives_them_back() -> None:
    fields: dict[str, Any] = dict.fromkeys(("http_version", "headers", "content", "trailers"), 1)
    fields |= dict.fromkeys(("timestamp_start", "timestamp_end"), "no time")
    world = World(AddonManager, is_fast=True)
    assert http.MessageData(**fields).timestamp_start == "no time"
    world.fast.uninstall()
    with pytest.raises(TypeError):
        http.MessageData(**fields)


@pytest.mark.parametrize("part", [AddonManager.handle_lifecycle, AddonManager._iter_hooks, None])
def test_it_leaves_a_mitmproxy_that_it_does_not_know_alone(
    part: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if part:
        monkeypatch.setattr(AddonManager, part.__name__, lambda *_: None)
        path = f"mitmproxy.addonmanager:{part.__qualname__}"
    else:  # of `len` there is no source at all
        path = "builtins:len"
        monkeypatch.setattr(dispatch, "DISPATCH", (*DISPATCH, Function(path, {"0123456789abcdef": ("12.2.3",)})))
    world = World(AddonManager, is_fast=False)
    world.fast.install(world.manager)
    assert not REPLACED & vars(world.manager).keys()
    world.fast.uninstall()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    [message] = caplog.messages
    assert message.startswith(
        f"modeltrack_fast_dispatch was made for mitmproxy 12.2.3, 12.3.1; with this {version.VERSION} something"
        f" differs, so these speed-ups are off: dispatch ({path} has fingerprint "
    )


def test_it_leaves_a_manager_that_others_have_changed_alone() -> None:
    world, subclass = World(AddonManager, is_fast=False), World(Isolating, is_fast=False)
    theirs: Any = lambda event: None  # noqa: E731
    world.manager.trigger_event = theirs  # type: ignore[method-assign]
    for each in (world, subclass):
        each.fast.install(each.manager)
        each.fast.uninstall()
        assert "handle_lifecycle" not in vars(each.manager)
    assert world.manager.trigger_event is theirs


def test_what_others_put_on_top_of_it_stays_and_is_asked_for_each_connections_events() -> None:
    world = World(AddonManager, is_fast=True)
    below = world.manager.trigger_event
    assert world.fast._begin()
    theirs: Any = lambda event: below(event)  # noqa: E731
    world.manager.trigger_event = theirs  # type: ignore[method-assign]
    assert not world.fast._begin()
    world.fast.uninstall()
    assert world.manager.trigger_event is theirs and "handle_lifecycle" not in vars(world.manager)


def test_it_knows_the_mitmproxy_that_is_installed(caplog: pytest.LogCaptureFixture) -> None:
    World(AddonManager, is_fast=True).fast.uninstall()
    assert not caplog.messages


def test_mitmproxys_own_addons_have_no_hooks_but_those_of_their_classes() -> None:
    """This is why it is enough to look them up once."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # pyparsing's, of mitmproxy
        from mitmproxy.addons import default_addons
        from mitmproxy.tools.web import webaddons

    for addon in [*default_addons(), webaddons.WebAddon()]:
        if type(addon).__module__.startswith(hook_table._DECLARING):
            assert not set(hooks.all_hooks) & set(getattr(addon, "__dict__", {})), addon

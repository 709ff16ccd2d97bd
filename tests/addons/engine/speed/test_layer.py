"""FastLayer beside mitmproxy's own way: the same hooks in the same order, the same bytes, the same ends."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from mitmproxy.proxy import events, layer

from addons.engine.speed.hook_table import HookTable

from .layer_world import UNUSUAL, USUAL, ScriptedLayer, Step, World, outcome, plans


@settings(max_examples=150, deadline=None)
@given(plans(USUAL | UNUSUAL))
def test_the_same_comes_of_the_same_events(plans: list[list[Step]]) -> None:
    assert outcome(plans, True, at_once=False) == outcome(plans, False, at_once=False)


@settings(max_examples=150, deadline=None)
@given(plans(USUAL))
def test_the_same_comes_of_events_that_come_while_hooks_wait(plans: list[list[Step]]) -> None:
    """Layers that crash are left out: which events they lose depends on the time of the crash."""
    assert outcome(plans, True, at_once=True) == outcome(plans, False, at_once=True)


def test_a_hook_that_stops_keeps_its_request_waiting_and_nothing_else() -> None:
    plan: list[Step] = [("send", "client head"), ("hook", "request stops"), ("send", "client body")]
    seen = outcome([plan], True, at_once=False)
    assert seen["client"] == [b"client head"] == outcome([plan], False, at_once=False)["client"]
    assert seen["log"] == ["the hook request did not end: CancelledError()"]


def test_others_get_their_turn_however_much_comes_of_an_event() -> None:
    """A client may send thousands of requests in one piece."""
    plans: list[list[Step]] = [[("hook", "request another"), *[("hook", "request")] * 200, ("send", "client end")]]
    seen = outcome(plans, True, at_once=False)
    assert seen["client"] == [b"client end"] and len(seen["hooks"]) == 202
    assert seen["hooks"].index("another's turn") < 100


class Both(layer.Layer):
    """Gives each event to two layers that do not wait for one another, as the streams of a connection do not."""

    def __init__(self, context: Any, plans: list[list[list[Step]]], world: World) -> None:
        super().__init__(context)
        self._children = [ScriptedLayer(context, each, world) for each in plans]

    def _handle_event(self, event: events.Event) -> Iterator[Any]:
        for child in self._children:
            yield from child.handle_event(event)


async def test_a_command_that_cannot_be_carried_out_loses_nothing_of_others() -> None:
    world = World([], is_fast=True)
    layers: Any = world.handler.layer
    one: list[Step] = [("hook", "request"), ("send", "client one"), ("hook", "response waits"), ("send", "client too")]
    layers._layer = Both(layers._layer.context, [[one], [[("impossible", None)]]], world)
    seen = await world.run(1, at_once=False)
    assert b"".join(seen["client"]) == b"client oneclient too"


async def test_nor_where_the_log_keeps_what_was_under_way() -> None:
    """The log keeps the error's traceback, and with it what was under way."""
    world = World([], is_fast=True)
    layers: Any = world.handler.layer
    one: list[Step] = [("hook", "response waits"), ("send", "client after")]
    layers._layer = Both(layers._layer.context, [[one], [[], [("impossible", None)]]], world)
    world.kept = []
    seen = await world.run(2, at_once=True)
    assert world.kept and seen["client"] == [b"client after"]


async def test_what_an_event_leads_to_is_written_in_one_piece() -> None:
    plan: list[Step] = [("send", "client head"), ("hook", "response"), ("log", "x"), ("send", "client body")]
    world = World([plan, [("send", "client" + "a" * 70_000), ("send", "client b")]], is_fast=True)
    seen = await world.run(2, at_once=False)
    assert seen["client"] == [b"client headclient body", b"client" + b"a" * 70_000, b"client b"]


async def test_what_is_no_stream_keeps_its_boundaries() -> None:
    """These are datagrams, of which each is a message."""
    world = World([[("send", "client a"), ("send", "client b")]], is_fast=True)
    sent: list[bytes] = []
    io = world.handler.transports[world.client]
    stream, io.writer = io.writer, SimpleNamespace(write=sent.append, is_closing=lambda: False)  # type: ignore[assignment]
    await world.run(1, at_once=False)
    io.writer = stream
    assert sent == [b"client a", b"client b"]


@pytest.mark.parametrize(("is_on", "tasks"), [(True, 0), (False, 2)])
async def test_a_hook_that_does_not_wait_makes_no_task(is_on: bool, tasks: int) -> None:
    world = World([[("hook", "request"), ("hook", "response")]], is_fast=True)
    made: list[Any] = []

    def factory(loop: Any, work: Any, **more: Any) -> Any:
        made.append(work)
        return asyncio.eager_task_factory(loop, work, **more)

    begin = HookTable(world.handler.master.addons).begin_lifecycle
    world.handler.layer._begin = lambda: begin if is_on else None  # type: ignore[attr-defined]
    asyncio.get_running_loop().set_task_factory(factory)
    await world.handler.server_event(events.DataReceived(world.client, b""))
    while len(world.seen["hooks"]) < 2:
        await asyncio.sleep(0)
    assert world.seen["hooks"] == ["request", "response"] and len(made) == tasks
    await world.run(0, at_once=False)

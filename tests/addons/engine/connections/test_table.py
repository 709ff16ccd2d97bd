"""The order of connections, and which of them are idle or too slow, with a clock that the tests turn."""

from dataclasses import dataclass
from typing import Any

import pytest

from addons.engine.connections.phases import BUSY, IDLE, Kind, Phase
from addons.engine.connections.table import Table

BODY = Phase(Kind.BODY)


def head(number: int, of: Any = "reader") -> Phase:
    return Phase(Kind.HEAD, (of, number))


UNKNOWN = Phase(Kind.HEAD)


@dataclass
class Fake:
    now: Phase = IDLE
    stamp: float = 0.0
    is_held: bool = False
    looks: int = 0

    def phase(self) -> Phase:
        self.looks += 1
        return self.now

    def does(self, phase: Phase) -> None:
        self.stamp += 1
        self.now = phase


class World:
    def __init__(self, **connections: Fake) -> None:
        self.seconds = 0.0
        self.table: Table[Fake] = Table(lambda: self.seconds)
        self.names: dict[int, str] = {}
        for name, connection in connections.items():
            self.names[id(connection)] = name
            self.table.add(name, connection)

    def sweep(self, at: float) -> list[str]:
        self.seconds = at
        return [self.names[id(connection)] for connection, _ in self.table.sweep()]

    def oldest(self) -> str | None:
        found = self.table.take_oldest_idle()
        return self.names[id(found)] if found else None


def test_the_oldest_idle_one_goes_first() -> None:
    world = World(a=Fake(), b=Fake(), c=Fake())
    assert [world.oldest() for _ in range(4)] == ["a", "b", "c", None]
    assert len(world.table) == 0


def test_activity_makes_a_connection_young_whether_or_not_a_sweep_has_seen_it() -> None:
    a, b, c = Fake(), Fake(), Fake()
    world = World(a=a, b=b, c=c)
    world.sweep(1)
    a.does(IDLE)
    world.sweep(2)
    b.does(IDLE)
    assert [world.oldest() for _ in range(3)] == ["c", "a", "b"]


@pytest.mark.parametrize("phase", [BUSY, BODY, UNKNOWN, head(1), Phase(Kind.SENDING)])
def test_what_is_not_idle_stays(phase: Phase) -> None:
    world = World(a=Fake(phase), b=Fake())
    assert [world.oldest(), world.oldest()] == ["b", None]
    assert len(world.table) == 1


def test_a_client_that_waits_for_the_proxy_is_not_idle() -> None:
    assert World(a=Fake(is_held=True)).oldest() is None


def test_a_connection_whose_client_has_read_its_answer_is_idle_though_nothing_else_has_passed() -> None:
    a = Fake(Phase(Kind.SENDING))
    world = World(a=a)
    world.sweep(1)
    assert world.oldest() is None
    a.now = IDLE
    world.sweep(2)
    assert world.oldest() == "a"


def test_nobody_looks_again_before_the_next_sweep_where_none_was_idle() -> None:
    busy = [Fake(BUSY) for _ in range(50)]
    world = World(**{str(number): each for number, each in enumerate(busy)})
    assert world.oldest() is None
    looks = sum(each.looks for each in busy)
    assert looks == len(busy)
    assert world.oldest() is None and sum(each.looks for each in busy) == looks
    busy[7].does(IDLE)
    world.sweep(1)
    assert world.oldest() == "7"


def test_a_sweep_looks_only_at_those_on_which_something_has_passed() -> None:
    a, b = Fake(), Fake()
    world = World(a=a, b=b)
    world.sweep(1)
    a.does(IDLE)
    world.sweep(2)
    world.sweep(3)
    assert (a.looks, b.looks) == (2, 1)


def test_an_idle_or_busy_connection_may_stay() -> None:
    world = World(a=Fake(), b=Fake(BUSY))
    assert world.sweep(1) == world.sweep(100_000) == []


@pytest.mark.parametrize("is_trickling", [True, False])
def test_a_head_has_30_seconds_however_its_bytes_come(is_trickling: bool) -> None:
    a = Fake(head(1))
    world = World(a=a)
    for second in range(1, 31):
        assert world.sweep(second) == []
        if is_trickling:
            a.does(head(1))
    assert world.sweep(31) == ["a"]
    assert world.sweep(32) == [] and world.sweep(100) == []


@pytest.mark.parametrize(
    ("then", "is_slow"),
    [(head(1), True), (head(2), False), (head(1, "another reader"), False), (IDLE, False), (BUSY, False)],
)
def test_the_time_of_a_head_ends_with_it(then: Phase, is_slow: bool) -> None:
    a = Fake(head(1))
    world = World(a=a)
    world.sweep(1)
    a.does(then)
    world.sweep(30)
    assert world.sweep(31) == (["a"] if is_slow else [])


def test_the_time_of_a_head_began_before_it_was_known_what_it_is() -> None:
    a = Fake(UNKNOWN)
    world = World(a=a)
    world.sweep(1)
    a.does(head(1))
    world.sweep(20)
    assert world.sweep(31) == ["a"]


def test_a_body_has_60_seconds_from_each_piece() -> None:
    a = Fake(BODY)
    world = World(a=a)
    for second in range(0, 600, 59):
        a.does(BODY)
        assert world.sweep(second) == []
    assert world.sweep(590 + 59) == [] and world.sweep(590 + 60) == ["a"]


@pytest.mark.parametrize("phase", [BODY, head(1)])
def test_the_time_that_the_proxy_takes_is_not_the_clients(phase: Phase) -> None:
    a = Fake(phase, is_held=True)
    world = World(a=a)
    assert [world.sweep(second) for second in (0, 60, 120)] == [[], [], []]
    a.is_held = False
    assert world.sweep(121) == [] and world.sweep(180) == ["a"]

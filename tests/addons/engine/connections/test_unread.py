from dataclasses import dataclass
from typing import Any

from addons.engine.connections.unread import SECONDS, Unread


@dataclass(eq=False)
class Ended:
    unsent: int
    is_cut: bool = False

    def abort(self) -> None:
        self.is_cut = True


def test_who_takes_nothing_of_the_last_bytes_is_cut_and_who_takes_some_is_not() -> None:
    now = 0.0
    unread = Unread(lambda: now)
    stuck, slow, done = Ended(5), Ended(1000), Ended(0)
    ended: list[Any] = [stuck, slow, done]
    for each in ended:
        unread.add(each)
    assert len(unread) == 2
    now = SECONDS
    slow.unsent -= 1
    unread.sweep()
    assert (stuck.is_cut, slow.is_cut, len(unread)) == (True, False, 1)
    now = 2 * SECONDS - 1
    unread.sweep()
    assert len(unread) == 1
    slow.unsent = 0
    unread.sweep()
    assert (slow.is_cut, len(unread)) == (False, 0)

from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.held import HeldBytes

NAMES = st.sampled_from("abc")


def test_what_is_over_the_limit_is_not_noted() -> None:
    held = HeldBytes()
    assert held.hold("client", "one", 60, 100)
    assert not held.hold("client", "two", 41, 100)
    assert held.hold("client", "two", 40, 100)
    assert not held.hold("client", "one", 61, 100)
    assert held.total == 100


def test_a_body_that_grows_counts_once() -> None:
    held = HeldBytes()
    assert all(held.hold("client", "one", size, 100) for size in (10, 50, 100, 100))
    held.release("client", "one")
    held.release("client", "one")
    assert held.total == 0


@given(st.lists(st.tuples(NAMES, NAMES, st.integers(0, 50))), st.lists(st.tuples(NAMES, NAMES)))
def test_the_total_is_the_sum_of_what_is_held_and_nothing_after_all_owners_are_gone(
    holds: list[tuple[str, str, int]], releases: list[tuple[str, str]]
) -> None:
    held, expected = HeldBytes(), {}
    for owner, key, size in holds:
        if held.hold(owner, key, size, 200):
            expected[owner, key] = size
        assert held.total == sum(expected.values()) <= 200
    for owner, key in releases:
        held.release(owner, key)
        expected.pop((owner, key), None)
        assert held.total == sum(expected.values())
    for owner in "abc":
        held.release_all(owner)
    assert (held.total, held._owners) == (0, {})

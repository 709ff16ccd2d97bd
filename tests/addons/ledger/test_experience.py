"""Check what is learned from calls that ended: by kind, by a high percentile of the last ones, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.experience import NOTHING_LEARNED, Experience, Learned, Window

KIND = ("openai", "gpt-4o", "team", "app")


def learned(*calls: tuple[int, int, int | None]) -> Learned:
    """Return what is learned from calls: each has an estimated and a real cost, and the tokens of its output."""
    experience = Experience()
    for estimated, cost, output in calls:
        experience.add(KIND, cost - estimated, estimated, output)
    return experience.of(KIND)


def test_nothing_is_known_before_the_first_call() -> None:
    assert learned() == NOTHING_LEARNED == Learned(1000, 0, 0)
    assert NOTHING_LEARNED.grown(123) == 123


def test_the_longest_answer_counts_where_requests_set_no_limit() -> None:
    assert learned((100, 100, 8000), (100, 100, 500)).output_tokens == 8000
    assert learned((100, 100, None)).output_tokens == 0


def test_an_input_that_costs_a_few_times_its_estimate_grows_with_the_body() -> None:
    found = learned((100, 250, None), (100, 300, None))
    assert found == Learned(3000, 0, 0)
    assert found.grown(1000) == 3000


def test_an_input_that_costs_more_than_any_text_can_does_not_grow_with_the_body() -> None:
    assert learned((10, 50_000, None)) == Learned(1000, 49_990, 0)
    assert learned((0, 700, None)) == Learned(1000, 700, 0)


def test_an_input_that_costs_less_than_estimated_lowers_nothing() -> None:
    assert learned((100, 7, None), (100, 0, None), (0, 0, None)) == NOTHING_LEARNED


def test_kinds_of_calls_do_not_teach_each_other() -> None:
    experience = Experience()
    experience.add(KIND, 10**15, 10, 10**6)
    for place in range(4):
        other = list(KIND)
        other[place] = "another"
        assert experience.of((other[0], other[1], other[2], other[3])) == NOTHING_LEARNED


def test_one_huge_call_is_forgotten_with_the_20th_call() -> None:
    usual = (100, 100, 300)
    assert learned((100, 100, 10**6), *[usual] * 18).output_tokens == 10**6
    assert learned((100, 100, 10**6), *[usual] * 19).output_tokens == 300
    assert learned(*[usual] * 25, (100, 10**9, 10**6)) == Learned(1000, 0, 300)


def test_two_huge_calls_are_forgotten_once_32_others_have_ended() -> None:
    huge, usual = (100, 10**9, 10**6), (100, 100, 300)
    assert learned(huge, huge, *[usual] * 29).output_tokens == 10**6
    assert learned(huge, huge, *[usual] * 32) == Learned(1000, 0, 300)


@given(st.lists(st.integers(0, 2**80), min_size=1, max_size=80))
def test_the_percentile_is_one_of_the_last_values_and_at_most_one_is_above_it(values: list[int]) -> None:
    window = Window()
    for value in values:
        window.add(value)
    last = [min(value, 2**62) for value in values[-32:]]
    assert window.high in last
    assert sum(value > window.high for value in last) <= (len(last) >= 20)


def test_kinds_that_were_not_seen_for_long_are_forgotten() -> None:
    experience = Experience()
    for number in range(3000):
        experience.add(("openai", "gpt-4o", str(number), ""), 4, 1, None)
        experience.add(KIND, 4, 1, None)
    assert experience.of(KIND).growth == 5000
    assert experience.of(("openai", "gpt-4o", "2999", "")).growth == 5000
    assert experience.of(("openai", "gpt-4o", "0", "")) == NOTHING_LEARNED
    assert len(experience._calls) == len(experience._learned) == 2048

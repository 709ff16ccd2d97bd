import pytest

from addons.callers.attribution import Attribution
from addons.llm import speeds
from addons.llm.call import LLMCall
from addons.llm.routes import Tracked, resolve
from addons.llm.speeds import Speeds

MODEL = ("openai", "gpt-4o")


def test_a_model_that_nothing_is_known_of_has_the_usual_speed() -> None:
    assert Speeds().tokens(*MODEL, 10) == 600


def test_the_speed_is_that_of_the_calls_that_ended_and_the_last_ones_count_most() -> None:
    known = Speeds()
    known.learn(*MODEL, 200, 2)
    assert known.tokens(*MODEL, 10) == 1000 and known.tokens("azure", "gpt-4o", 10) == 600
    for _ in range(50):
        known.learn(*MODEL, 100, 5)
    assert known.tokens(*MODEL, 10) == pytest.approx(200, abs=2)


@pytest.mark.parametrize(("tokens", "seconds"), [(200, 0.01), (0, 60)], ids=["short", "no output"])
def test_calls_that_say_nothing_of_the_speed_are_left_out(tokens: int, seconds: float) -> None:
    known = Speeds()
    known.learn(*MODEL, tokens, seconds)
    assert known.tokens(*MODEL, 1) == 60


def test_no_model_is_faster_than_any_is() -> None:
    known = Speeds()
    known.learn(*MODEL, 1_000_000, 1)
    assert known.tokens(*MODEL, 2) == 2000


def test_only_so_many_models_are_kept_and_those_learned_first_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "_MOST_MODELS", 2)
    known = Speeds()
    for model in ("one", "two", "one", "three"):
        known.learn("openai", model, 1000, 10)
    assert [known.tokens("openai", model, 1) for model in ("one", "two", "three")] == [100, 60, 100]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 9000),
        ({"max_tokens": 100_000}, 9000),
        ({"max_tokens": 50}, 50),
        ({"n": 2}, 18_000),
        ({"n": 2, "max_tokens": 50}, 100),
    ],
)
def test_an_answer_that_was_cut_is_no_longer_than_its_limit(body: dict[str, int], expected: int) -> None:
    route = resolve("/v1/chat/completions")
    assert isinstance(route, Tracked)
    call = LLMCall(route, "", Attribution(), 0.0)
    call.ask({"model": "gpt-4o", **body})
    assert call.estimate().output_tokens == 0
    call.ran_tokens = 9000
    assert call.estimate().output_tokens == expected

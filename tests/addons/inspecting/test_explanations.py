"""Test the explanation of what a call cost."""

from dataclasses import replace

import pytest

from addons.core import Core
from addons.inspecting.inspector import Watch
from addons.llm.usage import Usage

from .calls import OUTCOMES, amounts, downgraded, ended, explanation, hit, make_call, used


def test_a_cost_is_explained_by_bucket_rule_and_cache(core: Core, watch: Watch) -> None:
    call = replace(downgraded(core), saved_nanos=None, cache_key=b"x")
    used(core, call, Usage(200, 200, 300, 500, 200, web_searches=1))
    text = explanation(ended(core, call))
    assert amounts(text) == ["0.0002", "0.001", "0.00003", "0.000375", "0.0004", "0.01", "0.012005"]
    assert "'save' replaced claude-sonnet-4-6 with claude-haiku-4-5, budget at 80%" in text.replace("\n", " ")
    assert "cache   MISS" in text
    assert "budget  Team 'product' at 80% of monthly budget ($0.80/$1.00)" in text


def test_what_other_models_used_for_an_answer_is_told_apart(core: Core, watch: Watch) -> None:
    usage = Usage(extra=(("", Usage(1000, 200)), ("claude-sonnet-4-6", Usage(100, 10))))
    text = explanation(ended(core, used(core, make_call(), usage)))
    assert amounts(text) == ["0.001", "0.001", "0.0003", "0.00015", "0.00245"]
    assert "\n      claude-sonnet-4-6:\n" in text


def test_a_hit_is_explained_by_what_it_saved(core: Core, watch: Watch) -> None:
    text = explanation(ended(core, hit(core)))
    assert amounts(text) == ["0.001", "0.001", "0.002"]
    assert "cost    $0.00: answered from the cache" in text
    assert "cache   HIT: saved $0.0020" in text


def test_a_hit_of_an_answer_in_passes_still_adds_up(core: Core, watch: Watch) -> None:
    text = explanation(ended(core, replace(hit(core), saved_nanos=2_500_000)))
    assert amounts(text) == ["0.001", "0.001", "0.0005", "0.0025"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("over budget", "cost    $0: nothing was used"),
        ("without a price", "data/pricing.json can give it one"),
        ("refused by a rule", "rule    'no-opus' refused the model"),
        ("failed", "error   overloaded_error, status 529"),
        ("of a user with a key", "caller  user ann, key product-1"),
        ("of a user with a long id", f"caller  user {'0123456789' * 6}, key product-1"),
        ("abandoned", "what is missing is estimated"),
    ],
)
def test_who_called_and_what_cost_nothing_or_an_estimate_is_explained_too(
    core: Core, watch: Watch, name: str, says: str
) -> None:
    make, status, *_ = OUTCOMES[name]
    assert says in explanation(ended(core, make(core), status)).replace("\n", " ")


def test_the_explanation_of_a_call_without_user_and_key_has_no_line_for_them(core: Core, watch: Watch) -> None:
    assert "caller" not in explanation(ended(core, hit(core)))

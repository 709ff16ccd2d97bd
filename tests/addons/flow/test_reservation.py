"""Check what a call reserves once calls of its kind have ended, and which calls teach nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addons.core import Core
from addons.flow.attached import call_of
from addons.flow.reservation import highest_cost, learn
from addons.flow.wordings import CLIENT_DISCONNECTED, UPSTREAM_DISCONNECTED
from addons.llm.call import LLMCall
from addons.llm.usage import Usage
from tests.addons.cores import arrived, started

PATH = "/v1/chat/completions"
INPUT, OUTPUT = 2500, 10_000
"""Nano-USD for a token of gpt-4o."""


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path) as core:
        yield core


def call_to(core: Core, team: str = "t", path: str = PATH, **body: Any) -> LLMCall:
    usual = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 3990}]}
    call = call_of(arrived(core, path, usual | body, team=team))
    assert call and call.request
    return call


def ended(core: Core, call: LLMCall, used: Usage, **how: Any) -> None:
    """Have a call end with this usage, and `how` else it ended."""
    call.usage, call.cost_nanos = used, core.cost(call, call.model, used)
    for name, value in how.items():
        setattr(call, name, value)
    learn(core, call)


def test_an_output_without_a_limit_reserves_the_default_and_then_what_was_seen(core: Core) -> None:
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 4096 * OUTPUT
    ended(core, call_to(core), Usage(input_tokens=1000, output_tokens=9000))
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 9000 * OUTPUT
    assert highest_cost(core, call_to(core, n=3)) == 1000 * INPUT + 27_000 * OUTPUT
    assert highest_cost(core, call_to(core, max_tokens=50)) == 1000 * INPUT + 50 * OUTPUT


def test_short_answers_do_not_lower_the_default(core: Core) -> None:
    ended(core, call_to(core), Usage(input_tokens=1000, output_tokens=3))
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 4096 * OUTPUT


def test_of_several_choices_each_is_as_long_as_their_mean(core: Core) -> None:
    ended(core, call_to(core, n=2), Usage(input_tokens=1000, output_tokens=20_001))
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 10_001 * OUTPUT


def test_a_limited_answer_teaches_nothing_about_unlimited_ones(core: Core) -> None:
    ended(core, call_to(core, max_tokens=50_000), Usage(input_tokens=1000, output_tokens=50_000))
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 4096 * OUTPUT


def test_an_input_that_was_estimated_too_low_grows(core: Core) -> None:
    ended(core, call_to(core, max_tokens=50), Usage(input_tokens=3000, output_tokens=50))
    assert highest_cost(core, call_to(core, max_tokens=50)) == 3000 * INPUT + 50 * OUTPUT


def test_a_conversation_that_the_provider_keeps_is_added_and_not_multiplied(core: Core) -> None:
    long, short = ({"messages": [{"role": "user", "content": "x" * size}], "max_tokens": 50} for size in (39_990, 390))
    ended(core, call_to(core, **short), Usage(input_tokens=50_100, output_tokens=50))
    assert highest_cost(core, call_to(core, **long)) == (10_000 + 50_000) * INPUT + 50 * OUTPUT


def test_fees_and_writes_to_the_cache_are_part_of_what_was_too_low(core: Core) -> None:
    ended(core, call_to(core, max_tokens=50), Usage(input_tokens=1000, output_tokens=50, web_searches=3))
    fees = 30_000_000
    assert highest_cost(core, call_to(core, max_tokens=50)) == 1000 * INPUT + fees + 50 * OUTPUT


@pytest.mark.parametrize(
    "how",
    [
        {"cache_hit": True},
        {"error": "rate_limit_error"},
        {"error": UPSTREAM_DISCONNECTED},
        {"cost_nanos": None},
        {"cost_nanos": 0},
        {"request": None},
        {"usage": Usage(input_tokens=10**6, output_tokens=10**6, estimated=True)},
    ],
    ids=lambda how: str([*how]),
)
def test_calls_that_say_nothing_about_the_next_ones_teach_nothing(core: Core, how: dict[str, Any]) -> None:
    before = highest_cost(core, call_to(core))
    ended(core, call_to(core), Usage(input_tokens=10**6, output_tokens=10**6), **how)
    assert highest_cost(core, call_to(core)) == before


def test_a_call_whose_usage_came_after_its_client_had_gone_teaches(core: Core) -> None:
    ended(core, call_to(core), Usage(input_tokens=1000, output_tokens=9000), error=CLIENT_DISCONNECTED)
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 9000 * OUTPUT


def test_a_call_of_one_team_changes_nothing_for_another(core: Core) -> None:
    before = highest_cost(core, call_to(core, "other"))
    ended(core, call_to(core), Usage(input_tokens=10**6, output_tokens=10**6))
    assert highest_cost(core, call_to(core, "other")) == before


def test_a_downgraded_call_teaches_about_the_model_that_answered(core: Core) -> None:
    call = call_to(core)
    call.routed_from, call.routed_to, call.model = "gpt-4o", "gpt-4o-mini", "gpt-4o-mini"
    ended(core, call, Usage(input_tokens=1000, output_tokens=9000))
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 4096 * OUTPUT
    assert highest_cost(core, call_to(core, model="gpt-4o-mini")) == 1002 * 150 + 9000 * 600


def test_the_model_in_the_answer_may_be_a_dated_form_of_the_one_asked_for(core: Core) -> None:
    call = call_to(core)
    call.model = "gpt-4o-2024-08-06"
    ended(core, call, Usage(input_tokens=1000, output_tokens=9000))
    assert highest_cost(core, call_to(core)) == 1000 * INPUT + 9000 * OUTPUT


def test_a_call_without_a_price_or_a_body_reserves_nothing(core: Core) -> None:
    assert highest_cost(core, call_to(core, model="no-such-model")) == 0
    call = call_to(core)
    call.request = None
    assert highest_cost(core, call) == 0


def test_a_response_in_the_background_is_billed_its_limit(core: Core) -> None:
    call = call_to(core, path="/v1/responses", input="x", background=True, max_output_tokens=10**9)
    assert call.request and call.estimate().output_tokens == 128_000
    call.request = replace(call.request, background=False)
    assert call.estimate().output_tokens == 0

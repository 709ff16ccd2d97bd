"""Costs against sums done by hand, to the nano-dollar (USD per million tokens in the comments)."""

import time
import timeit
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.llm.prices import pricing
from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.usage import Usage

WHEN = datetime(2026, 11, 24, tzinfo=UTC)


def cost(provider: str, model: str, usage: Usage, overrides: list[dict[str, Any]] | None = None) -> int | None:
    prices = Prices(PricingFile.model_validate({"models": overrides or []}))
    return prices.cost(provider, model, usage, WHEN)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "nanos"),
    [
        ("anthropic", "claude-sonnet-4-6", Usage(1000, 200), 6_000_000),  # 3 / 15
        ("anthropic", "claude-sonnet-4-6-20260218", Usage(1000, 200), 6_000_000),
        ("anthropic", "claude-haiku-4-5", Usage(1000, 200), 2_000_000),  # 1 / 5
        # 200 in, 300 read at 0.30, 300 written for 5 minutes at 3.75 and 200 for an hour at 6, 200 out
        ("anthropic", "claude-sonnet-4-6", Usage(200, 200, 300, 500, 200), 6_015_000),
        ("anthropic", "claude-sonnet-4-5", Usage(300_000, 200), 1_804_500_000),  # above 200k: 6 / 22.5
        ("anthropic", "claude-sonnet-4-5", Usage(100, 200, cache_read_tokens=299_900), 185_040_000),  # 0.60 read
        ("anthropic", "claude-sonnet-4-5", Usage(200_000, 200), 603_000_000),  # not above: 3 / 15
        ("openai", "gpt-4o", Usage(700, 200, 300), 4_125_000),  # 2.5 / 10, read 1.25
        ("openai", "gpt-4o-2024-08-06", Usage(700, 200, 300), 4_125_000),
        ("openai", "gpt-4o-mini", Usage(1000, 200), 270_000),  # 0.15 / 0.6
        ("bedrock", "global.anthropic.claude-sonnet-4-6", Usage(1000, 200), 6_000_000),
        ("bedrock", "anthropic.claude-sonnet-4-6", Usage(1000, 200), 6_600_000),  # one region's endpoint: 10% more
        ("azure", "gpt-4o", Usage(1000, 200), 4_500_000),
        ("openai", "gpt-4o", Usage(0, 0), 0),
    ],
)
def test_a_call_costs_what_its_tokens_cost(provider: str, model: str, usage: Usage, nanos: int) -> None:
    assert cost(provider, model, usage) == nanos


@pytest.mark.parametrize("model", ["my-fine-tune", "", "gpt-4o" + "x" * 300])
def test_the_price_of_an_unknown_model_is_not_known_rather_than_nothing(model: str) -> None:
    assert cost("openai", model, Usage(1000, 200)) is None


MINE = {"provider": "openai", "model": "my-ft", "input": 2.0, "output": 8.0, "cache_read": 0.5, "cache_write": 2.5}


@pytest.mark.parametrize("model", ["whisper-1", "tts-1", "gpt-live-1", "gpt-transcribe"])
def test_tokens_of_a_model_that_is_billed_by_time_or_characters_have_no_known_price(model: str) -> None:
    assert cost("openai", model, Usage(1000, 200)) is None


def test_a_model_that_is_free_costs_nothing() -> None:
    assert cost("azure", "phi-4-reasoning:free", Usage(1000, 200)) == 0


def test_pricing_json_adds_a_model() -> None:
    # 100 * 2 + 10 * 8 + 1000 * 0.5 + 40 * 2.5 = 880 USD per million tokens
    assert cost("openai", "my-ft", Usage(100, 10, 1000, 40, 4), [MINE]) == 880_000


def test_pricing_json_comes_before_the_library_for_its_provider_only() -> None:
    override = [MINE | {"model": "gpt-4o"}]
    assert cost("openai", "gpt-4o", Usage(1000, 0), override) == 2_000_000
    assert cost("azure", "gpt-4o", Usage(1000, 0), override) == 2_500_000


def test_a_price_left_out_of_pricing_json_is_that_of_the_input() -> None:
    price = {"provider": "openai", "model": "my-ft", "input": 2, "output": 8}
    assert cost("openai", "my-ft", Usage(1, 0, 1, 1), [price]) == 6000


def test_a_deployments_name_can_be_given_the_price_of_its_model() -> None:
    alias = {"provider": "azure", "model": "prod-chat", "same_as": "gpt-4o"}
    assert cost("azure", "prod-chat", Usage(1000, 200), [alias]) == 4_500_000
    assert (
        cost("azure", "prod-chat", Usage(1000, 0), [alias, MINE | {"provider": "azure", "model": "gpt-4o"}])
        == 2_000_000
    )
    loop = [alias | {"same_as": "prod-chat"}]
    assert cost("azure", "prod-chat", Usage(1, 1), loop) is None


@pytest.mark.parametrize("entry", [{"input": 1}, {"output": 1}, {}, {"same_as": "x", "input": 1}])
def test_an_entry_has_prices_or_the_name_of_a_model_that_has(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="same_as"):
        PricingFile.model_validate({"models": [{"provider": "openai", "model": "m"} | entry]})


@pytest.mark.parametrize(
    ("provider", "model", "usage", "nanos"),
    [
        # 6.00 for the tokens as above, and two searches at 10 USD per thousand
        ("anthropic", "claude-sonnet-4-6", Usage(1000, 200, web_searches=2), 26_000_000),
        ("openai", "gpt-5", Usage(1000, 200, web_searches=1), 13_250_000),  # 1.25 / 10
        # an answer in two passes: 1000 / 200 of its own at 3 / 15, 100 / 10 of another model at 1 / 5
        (
            "anthropic",
            "claude-sonnet-4-6",
            Usage(extra=(("", Usage(1000, 200)), ("claude-haiku-4-5", Usage(100, 10)))),
            6_150_000,
        ),
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", Usage(1000, 200), 2_200_000),  # 1.10 / 5.50
        ("bedrock", "amazon.nova-lite-v1:0", Usage(1000, 200), 108_000),  # 0.06 / 0.24
        ("openai", "text-embedding-3-small", Usage(1000, 0), 20_000),  # 0.02
    ],
)
def test_searches_passes_and_regions_have_their_prices(provider: str, model: str, usage: Usage, nanos: int) -> None:
    assert cost(provider, model, usage) == nanos


@pytest.mark.parametrize(
    ("provider", "model", "usage", "nanos"),
    [
        ("openai", "gpt-4o", Usage(700, 200, 300, service_tier="default"), 4_125_000),  # 2.5 / 10, read 1.25
        ("openai", "gpt-4o", Usage(700, 200, 300, service_tier="priority"), 7_012_500),  # 4.25 / 17, read 2.125
        ("openai", "gpt-5", Usage(700, 200, 300), 2_912_500),  # 1.25 / 10, read 0.125
        ("openai", "gpt-5", Usage(700, 200, 300, service_tier="flex"), 1_456_250),  # half of it
        ("openai", "gpt-5", Usage(700, 200, 300, service_tier="priority"), 5_825_000),  # twice
        ("openai", "gpt-5", Usage(700, 200, 300, service_tier="batch"), 1_456_250),
        ("openai", "gpt-4o", Usage(700, 200, 300, service_tier="flex"), 4_125_000),  # it has no such tier
        ("anthropic", "claude-sonnet-4-6", Usage(1000, 200, service_tier="standard"), 6_000_000),
        ("anthropic", "claude-sonnet-4-6", Usage(1000, 200, service_tier="batch"), 3_000_000),  # 1.5 / 7.5
        # half of the table's first case with all kinds of tokens
        ("anthropic", "claude-sonnet-4-6", Usage(200, 200, 300, 500, 200, service_tier="batch"), 3_007_500),
        ("anthropic", "claude-opus-4-8", Usage(1000, 200), 10_000_000),  # 5 / 25
        ("anthropic", "claude-opus-4-8", Usage(1000, 200, speed="fast"), 20_000_000),  # 10 / 50
        # read 1, written 12.50 for 5 minutes and 20 for an hour
        ("anthropic", "claude-opus-4-8", Usage(100, 10, 1000, 300, 100, speed="fast"), 7_000_000),
        ("anthropic", "claude-opus-4-8", Usage(1000, 200, speed="standard"), 10_000_000),
        ("anthropic", "claude-sonnet-4-6", Usage(web_searches=1), 10_000_000),
        ("openai", "o3-pro", Usage(web_searches=1), 10_000_000),  # no fee in the library: the one for all models
        ("openai", "gpt-5", Usage(1000, 0, service_tier="flex", web_searches=1), 10_625_000),  # a fee has no tiers
        # a compaction in the batch tier: 1000 at 1.5
        ("anthropic", "claude-sonnet-4-6", Usage(extra=(("", Usage(1000, 0, service_tier="batch")),)), 1_500_000),
    ],
)
def test_tiers_and_speeds_have_their_prices_as_the_answer_states_them(
    provider: str, model: str, usage: Usage, nanos: int
) -> None:
    assert cost(provider, model, usage) == nanos


@pytest.mark.parametrize(("fee", "nanos"), [({}, 30_000_000), ({"web_search": 4}, 12_000_000)])
def test_searches_of_a_model_in_pricing_json_have_their_fee(fee: dict[str, int], nanos: int) -> None:
    assert cost("openai", "my-ft", Usage(web_searches=3), [MINE | fee]) == nanos


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("anthropic", "claude-sonnet-4-6", Usage(200, 200, 300, 500, 200)),
        ("openai", "gpt-4o-2024-08-06", Usage(700, 200, 300)),
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", Usage(1000, 200)),
        ("azure", "gpt-4o", Usage(1000, 200)),
    ],
)
def test_a_price_takes_less_than_a_fifth_of_a_millisecond(provider: str, model: str, usage: Usage) -> None:
    """The best of many, in CPU time: the machine may be busy."""
    prices = Prices()
    price = partial(prices.cost, provider, model, usage, WHEN)
    price()
    assert min(timeit.repeat(price, timer=time.process_time, number=20, repeat=20)) / 20 < 0.0002


def test_a_model_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = Prices()
    looked_up = []
    original = prices._look_up
    monkeypatch.setattr(prices, "_look_up", lambda *key: looked_up.append(key) or original(*key))
    for model in ("gpt-4o", "nobody", "gpt-4o", "nobody"):
        prices.cost("openai", model, Usage(1, 1), WHEN)
    assert looked_up == [("openai", "gpt-4o"), ("openai", "nobody")]


PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
OF_AN_APPLICATION = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"


@pytest.mark.parametrize(
    ("model", "nanos"),  # of 1000 in, 200 out
    [
        # within one region or a group of regions: 10% more than where it may go anywhere
        ("anthropic.claude-sonnet-4-6", 6_600_000),
        ("us.anthropic.claude-sonnet-4-6", 6_600_000),
        ("eu.anthropic.claude-sonnet-4-6", 6_600_000),
        ("jp.anthropic.claude-sonnet-4-5-20250929-v1:0", 6_600_000),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", 6_600_000),
        ("global.anthropic.claude-sonnet-4-6", 6_000_000),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 2_000_000),
        ("eu.anthropic.claude-opus-4-6-v1", 11_000_000),  # 5.50 / 27.50
        ("apac.anthropic.claude-sonnet-4-20250514-v1:0", 6_000_000),  # 3 / 15 everywhere
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", 6_000_000),
        (PROFILE + "us.anthropic.claude-sonnet-4-6", 6_600_000),
        (PROFILE + "global.anthropic.claude-sonnet-4-6", 6_000_000),
        (PROFILE + "us.amazon.nova-pro-v1:0", 1_440_000),  # 0.80 / 3.20
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0", 2_200_000),
        ("us.amazon.nova-pro-v1:0", 1_440_000),
        ("meta.llama3-1-8b-instruct-v1:0", 264_000),  # 0.22 / 0.22
        ("us.anthropic.claude-haiku-4-5", None),  # no id of Bedrock's
        (OF_AN_APPLICATION, None),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a1b2c3", None),
    ],
)
def test_bedrocks_ids_have_prices_by_region_and_profile(model: str, nanos: int | None) -> None:
    assert cost("bedrock", model, Usage(1000, 200)) == nanos


def test_an_applications_own_profile_can_be_given_the_price_of_its_model() -> None:
    alias = {"provider": "bedrock", "model": OF_AN_APPLICATION, "same_as": "us.anthropic.claude-sonnet-4-6"}
    assert cost("bedrock", OF_AN_APPLICATION, Usage(1000, 200), [alias]) == 6_600_000


@pytest.mark.parametrize(
    ("model", "full"),
    [
        ("us.anthropic.claude-haiku-4-5", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        (PROFILE + "eu.anthropic.claude-haiku-4-5", PROFILE + "eu.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("global.anthropic.claude-sonnet-4-5", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("us.anthropic.claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6"),
        ("anthropic.claude-3-5-sonnet", "anthropic.claude-3-5-sonnet"),  # there are two
        ("anthropic.nobody", "anthropic.nobody"),
        ("amazon.nova", "amazon.nova"),
    ],
)
def test_the_date_and_version_that_bedrock_wants_are_filled_in(model: str, full: str) -> None:
    assert Prices().full_name("bedrock", model) == full


def test_a_pass_by_a_model_without_a_price_makes_the_whole_cost_unknown() -> None:
    assert cost("anthropic", "claude-sonnet-4-6", Usage(extra=(("", Usage(1, 1)), ("nobody", Usage(1, 1))))) is None


def test_an_override_applies_to_models_that_were_looked_up_before() -> None:
    prices = Prices()
    assert not prices.known("openai", "my-ft")
    prices.override(PricingFile.model_validate({"models": [MINE]}))
    assert prices.known("openai", "my-ft")
    prices.override(PricingFile())
    assert not prices.known("openai", "my-ft")


tokens = st.integers(0, 10**7)


@given(tokens, tokens, tokens, tokens)
def test_a_cost_is_rounded_once_half_to_even(inputs: int, outputs: int, read: int, write: int) -> None:
    price = {"provider": "openai", "model": "m", "input": 0.0005, "output": 0.1, "cache_read": 1.5, "cache_write": 7}
    usd = (
        Decimal(inputs) * 5 / 10**10
        + Decimal(outputs) / 10**7
        + Decimal(read) * 15 / 10**7
        + Decimal(write) * 7 / 10**6
    )
    assert cost("openai", "m", Usage(inputs, outputs, read, write), [price]) == round(usd * 10**9)


def test_models_are_remembered_up_to_a_number() -> None:
    """Clients may send any number of names."""
    prices = Prices()
    for number in range(pricing._REMEMBERED_MODELS + 10):
        prices._found["openai", f"m{number}"] = None
    assert prices.known("openai", "gpt-4o")
    assert len(prices._found) < 20

import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from addons.llm.model_rules import Decision, RoutingFile, choose

RULE = {
    "name": "down",
    "trigger": "budget_percent_above",
    "threshold": 70,
    "from_models": ["claude-sonnet-4-6"],
    "to_model": "claude-haiku-4-5",
    "provider": "anthropic",
    "action": "downgrade",
    "enabled": True,
}


def decide(*rules: dict[str, Any], **request: Any) -> Decision | None:
    names = itertools.count()
    file = RoutingFile.model_validate({"rules": [RULE | {"name": f"rule {next(names)}"} | rule for rule in rules]})
    usual: dict[str, Any] = {
        "provider": "anthropic",
        "family": "anthropic",
        "model": "claude-sonnet-4-6",
        "percent": 70.0,
        "opted_out": False,
        "fixed": "",
        "body": {},
        "priced": lambda model: True,
    }
    return choose(file, **usual | request)


def target(*rules: dict[str, Any], **request: Any) -> str | None:
    decision = decide(*rules, **request)
    return decision.target if decision else None


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(70.0, "claude-haiku-4-5"), (250.0, "claude-haiku-4-5"), (69.99, None), (None, None)],
)
def test_a_rule_fires_from_its_threshold_on(percent: float | None, expected: str | None) -> None:
    assert target({}, percent=percent) == expected


@pytest.mark.parametrize(
    ("from_model", "model", "fires"),
    [
        ("claude-sonnet-4-6", "claude-sonnet-4-6-20260218", True),
        ("claude-sonnet-4-6", "claude-sonnet-4-6-thinking", False),
        ("claude-sonnet-4-6", "claude-sonnet-4", False),
        ("claude-*", "claude-opus-4-6", True),
        ("claude-*", "claude-haiku-4-5", False),
        ("claude-*", "claude-haiku-4-5-20251001", False),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6-20260218-v1:0", True),
        ("claude-opus-4-6", "us-gov.anthropic.claude-opus-4-6-v1", True),
        ("us.anthropic.claude-opus-4-6-v1", "us.anthropic.claude-opus-4-6-v1", True),
        ("claude-opus-4-6", "claude-opus-4-6-v1", False),
        ("claude-*", "anthropic.claude-haiku-4-5-20251001-v1:0", False),
        ("claude-sonnet-4-6", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6", True),
        ("claude-*", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", False),
    ],
)
def test_a_model_is_matched_by_name_by_dated_name_or_by_pattern(from_model: str, model: str, fires: bool) -> None:
    assert bool(target({"from_models": [from_model]}, model=model)) == fires


@pytest.mark.parametrize(
    ("rules_provider", "provider", "family", "fires"),
    [
        ("", "openai", "openai", True),
        ("anthropic", "bedrock", "anthropic", True),
        ("openai", "azure", "openai", True),
        ("azure", "openai", "openai", False),
        ("openai", "anthropic", "anthropic", False),
    ],
)
def test_a_rules_provider_covers_those_that_speak_the_same(
    rules_provider: str, provider: str, family: str, fires: bool
) -> None:
    assert bool(target({"provider": rules_provider}, provider=provider, family=family)) == fires


def test_the_first_enabled_rule_that_matches_wins() -> None:
    assert target({"enabled": False, "to_model": "a"}, {"threshold": 99, "to_model": "b"}, {"to_model": "c"}) == "c"


def test_a_bedrock_model_keeps_its_prefix() -> None:
    model = target({}, model="eu.anthropic.claude-sonnet-4-6", provider="bedrock")
    assert model == "eu.anthropic.claude-haiku-4-5"


def test_a_bedrock_profile_stays_in_its_account() -> None:
    profile = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic."
    model = target({}, model=profile + "claude-sonnet-4-6", provider="bedrock")
    assert model == profile + "claude-haiku-4-5"


def test_a_target_takes_the_name_that_the_provider_knows_it_by() -> None:
    decision = decide({}, full_name=lambda model: model + "-20251001", priced=lambda model: model.endswith("1001"))
    assert decision and (decision.target, decision.skip) == ("claude-haiku-4-5-20251001", "")


SIGNED = {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "", "signature": "x"}]}]}
REDACTED = {"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}]}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"opted_out": True}, "opt_out"),
        ({"fixed": "compressed_body"}, "compressed_body"),
        ({"fixed": "signed_request"}, "signed_request"),
        ({"body": SIGNED}, "signed_thinking"),
        ({"body": REDACTED}, "signed_thinking"),
        ({"body": {"messages": [None, {"content": "x"}, {"content": [1]}]}}, ""),
        ({"priced": lambda model: False}, "unpriced_target"),
        ({"body": {"thinking": {"type": "adaptive"}}}, "thinking"),
        ({"body": {"output_config": {"effort": "high"}}}, "effort"),
        ({"body": {"max_tokens": 64_001}}, "max_tokens"),
        ({"input_tokens": 190_000, "window": {"claude-haiku-4-5": 200_000}.get}, "context"),
        ({"input_tokens": 190_000, "window": {"claude-sonnet-4-6": 200_000}.get}, ""),
        ({"refused_before": lambda model: model == "claude-haiku-4-5"}, "refused_before"),
    ],
)
def test_a_downgrade_that_the_turn_would_not_survive_is_skipped(request_: dict[str, Any], reason: str) -> None:
    decision = decide({}, **request_)
    assert decision and decision.skip == reason


def test_nothing_is_looked_at_where_no_rule_fires() -> None:
    def fail(model: str) -> Any:
        raise AssertionError

    assert decide({}, percent=69.0, priced=fail, full_name=fail, window=fail, refused_before=fail) is None


def test_opting_out_of_routing_does_not_help_against_a_refusal() -> None:
    decision = decide({"action": "block_expensive"}, opted_out=True)
    assert decision and decision.rule.action == "block_expensive" and not decision.skip


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"threshold": 101}, "threshold"),
        ({"threshold": "70"}, "threshold"),
        ({"trigger": "moon"}, "trigger"),
        ({"action": "upgrade"}, "action"),
        ({"provider": "mistral"}, "provider"),
        ({"from_models": []}, "from_models"),
        ({"to_model": ""}, "to_model"),
        ({"treshold": 1}, "treshold"),
        ({"name": "a\nb"}, "name"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(change: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as error:
        RoutingFile.model_validate({"rules": [RULE | change]})
    assert error.value.errors()[0]["loc"] == ("rules", 0, *([where] if where != "from_models" else ["from_models"]))


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two rules are named 'down'"):
        RoutingFile.model_validate({"rules": [RULE, RULE]})

"""data/routing.json: send a request to a cheaper model, or refuse it, once a budget is nearly used up."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT_OPT_OUT_HEADER = "X-ModelTrack-No-Route"

# Ids that Bedrock gives Anthropic's models: anthropic.claude-…, us.anthropic.claude-…, arn:…/us.anthropic.claude-….
_BEDROCK_PREFIX = re.compile(r"(?:arn:[^/]*/)?(?:[a-z-]+\.)?anthropic\.")
_BEDROCK_VERSION = re.compile(r"-v\d+(?::\d+)?\Z")
_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})(?:-v\d+(?::\d+)?)?\Z")

Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    trigger: Literal["budget_percent_above"]
    threshold: float = Field(ge=0, le=100, allow_inf_nan=False, strict=True)
    """Percent of the budget spent from which on the rule applies."""
    from_models: list[Name] = Field(min_length=1)
    to_model: Name
    provider: Literal["", "anthropic", "openai", "bedrock", "azure"] = ""
    action: Literal["downgrade", "block_expensive"] = "downgrade"
    enabled: bool = True

    def covers(self, provider: str, family: str, model: str) -> bool:
        """Whether it is about this model; one that the rule leads to is not."""
        bare = _bare(model)
        undated = _undated(bare if bare == model else _BEDROCK_VERSION.sub("", bare))
        return (
            self.enabled
            and self.provider in ("", provider, family)
            and undated != _undated(_bare(self.to_model))
            and any(fnmatchcase(bare, p) or fnmatchcase(undated, p) for p in map(_bare, self.from_models))
        )

    def target(self, model: str) -> str:
        """The model to use instead, with the prefix that the requested one has on Bedrock."""
        prefix = _BEDROCK_PREFIX.match(model)
        return (prefix[0] if prefix else "") + _bare(self.to_model)


class RoutingFile(BaseModel):
    """data/routing.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[Rule] = Field(default_factory=list)
    opt_out_header: str = Field(default=DEFAULT_OPT_OUT_HEADER, pattern=r"^[A-Za-z0-9-]{1,64}$")

    @model_validator(mode="after")
    def _names_are_unique(self) -> "RoutingFile":
        seen: set[str] = set()
        for rule in self.rules:
            if rule.name in seen:
                raise ValueError(f"two rules are named {rule.name!r}")
            seen.add(rule.name)
        return self


@dataclass(frozen=True, slots=True)
class Decision:
    rule: Rule
    target: str
    """The model to use, or to recommend."""
    skip: str = ""
    """Why a downgrade is left out, "" if it is not: opt_out, compressed_body, signed_request, signed_thinking or
    unpriced_target."""


def choose(
    file: RoutingFile,
    *,
    provider: str,
    family: str,
    model: str,
    percent: float | None,
    opted_out: bool,
    fixed: str,
    body: dict[str, Any],
    priced: Callable[[str], bool],
    full_name: Callable[[str], str] = str,
) -> Decision | None:
    """The first enabled rule that fires; None where none does. `percent` is None where no budget covers the request.

    `full_name` gives the name that the provider knows a target by, where a rule leaves a part of it out.
    """
    if percent is None:
        return None
    for rule in file.rules:
        if percent >= rule.threshold and rule.covers(provider, family, model):
            target = full_name(rule.target(model))
            if rule.action == "block_expensive":
                return Decision(rule, target)
            reasons = {
                "opt_out": opted_out,
                fixed: fixed != "",
                "signed_thinking": family == "anthropic" and has_signed_thinking(body),
                "unpriced_target": not priced(target),
            }
            return Decision(rule, target, next((name for name, holds in reasons.items() if holds), ""))
    return None


def has_signed_thinking(body: dict[str, Any]) -> bool:
    """Whether the conversation holds thinking that only the model that signed it accepts."""
    messages = body.get("messages")
    blocks = (
        block
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for block in message["content"]
        if isinstance(block, dict)
    )
    return any(
        block.get("type") == "redacted_thinking" or (block.get("type") == "thinking" and block.get("signature"))
        for block in blocks
    )


def _bare(model: str) -> str:
    return _BEDROCK_PREFIX.sub("", model, count=1) if _BEDROCK_PREFIX.match(model) else model


def _undated(model: str) -> str:
    return _DATE.sub("", model)

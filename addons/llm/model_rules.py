"""Choose the model rule for a request: once a budget is nearly spent, use a cheaper model, or refuse the call.

The rules are in data/routing.json.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from addons.llm.model_limits.check import why_refused
from addons.llm.model_limits.names import BEDROCK_PREFIX, bare, undated

DEFAULT_OPT_OUT_HEADER = "X-ModelTrack-No-Route"

Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Rule(BaseModel):
    """Define a model rule: which models it replaces or refuses, and from which share of a budget on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    trigger: Literal["budget_percent_above"]
    threshold: float = Field(ge=0, le=100, allow_inf_nan=False, strict=True)
    """Percent of a budget; the rule applies once that much has been spent."""
    from_models: list[Name] = Field(min_length=1)
    to_model: Name
    provider: Literal["", "anthropic", "openai", "bedrock", "azure"] = ""
    action: Literal["downgrade", "block_expensive"] = "downgrade"
    enabled: bool = True

    def covers(self, provider: str, family: str, model: str) -> bool:
        """Return whether the rule applies to this model; it never applies to its own `to_model`."""
        names = bare(model), undated(model)
        return (
            self.enabled
            and self.provider in ("", provider, family)
            and undated(model) != undated(bare(self.to_model))
            and any(fnmatchcase(name, pattern) for pattern in map(bare, self.from_models) for name in names)
        )

    def target(self, model: str) -> str:
        """Return the model to use instead, with the Bedrock prefix of the requested model."""
        prefix = BEDROCK_PREFIX.match(model)
        return (prefix[0] if prefix else "") + bare(self.to_model)


class RoutingFile(BaseModel):
    """Define the content of data/routing.json: the model rules, in the order in which they are tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[Rule] = Field(default_factory=list)
    opt_out_header: str = Field(default=DEFAULT_OPT_OUT_HEADER, pattern=r"^[A-Za-z0-9-]{1,64}$")
    """The request header by which a client keeps the model that it asked for."""

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
    """Say which rule fired, and what it does to the call."""

    rule: Rule
    target: str
    """The model to use; where the rule refuses the call, the model to recommend."""
    skip: str = ""
    """Why the model is kept after all, as docs/budgets-and-rules.md lists it; "" where it is replaced."""


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
    input_tokens: int = 0,
    window: Callable[[str], int | None] = lambda model: None,
    refused_before: Callable[[str], bool] = lambda model: False,
) -> Decision | None:
    """Return what the first enabled rule that fires decides; None where no rule fires.

    `percent` is how much of the fullest budget is spent, None where no budget covers the request. `fixed` says why the
    request must not be changed, "" where it may. `priced` returns whether a model's price is known. `full_name` returns
    the provider's name of a model that a rule names only in part. `input_tokens` is the estimated size of the prompt,
    and `window` returns the size of a model's context. `refused_before` returns whether the provider has just refused
    a request like this one for a model.
    """
    if percent is None:
        return None
    for rule in file.rules:
        if percent >= rule.threshold and rule.covers(provider, family, model):
            target = full_name(rule.target(model))
            if rule.action == "block_expensive":
                return Decision(rule, target)
            skip = (
                ("opt_out" if opted_out else "")
                or fixed
                or ("signed_thinking" if family == "anthropic" and has_signed_thinking(body) else "")
                or ("" if priced(target) else "unpriced_target")
                or why_refused(target, body, input_tokens, window(target))
                or ("refused_before" if refused_before(target) else "")
            )
            return Decision(rule, target, skip)
    return None


def has_signed_thinking(body: dict[str, Any]) -> bool:
    """Return whether the conversation holds signed thinking, which only the model that signed it accepts."""
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

"""Apply data/routing.json to a call: give it a cheaper model, or refuse it, when a budget is nearly spent."""

import logging
from collections.abc import Callable

import orjson

from addons.core import Core
from addons.ledger.spend import highest
from addons.llm.call import LLMCall
from addons.llm.denial import Denial
from addons.llm.model_limits.check import shape
from addons.llm.model_limits.memory import REMEMBERED_SECONDS, Downgrade
from addons.llm.model_rules import Decision, choose

logger = logging.getLogger(__name__)

_REFUSALS = (400, 404)
"""The statuses by which a provider says that a model does not take such a request, or that there is no such model."""


def apply_rules(core: Core, call: LLMCall, set_model: Callable[[bytes], None]) -> Denial | None:
    """Give the call the model that the rules choose, or return why it is refused.

    `set_model` puts a model, as JSON, into the body that is sent.
    """
    assert call.request
    worst = highest(call.standings)
    decision = choose(
        core.routing.value,
        provider=call.provider.name,
        family=call.wire.family,
        model=call.request.model,
        percent=worst.exact_percent if worst else None,
        opted_out=call.no_route,
        fixed=call.fixed,
        body=call.body,
        priced=lambda model: core.has_price(call, model),
        full_name=lambda model: core.prices.full_name(call.provider.name, model),
        input_tokens=call.request.input_tokens,
        window=lambda model: core.prices.context_window(call.provider.name, model),
        refused_before=lambda model: bool(core.refused_downgrades) and _to(call, model) in core.refused_downgrades,
    )
    if decision is None or decision.skip:
        core.counts.not_routed += 1
        if decision:
            core.counts.routing_skipped[decision.skip] += 1
        return None
    is_downgrade = decision.rule.action == "downgrade"
    call.downgrade = _to(call, decision.target) if is_downgrade else None
    if is_downgrade and "model" in call.body:
        set_model(orjson.dumps(decision.target))
        call.body["model"] = decision.target
    call.routing_rule = decision.rule.name
    call.route_reason = f"budget at {worst.percent if worst else 0}%, rule '{decision.rule.name}'"
    core.counts.rule_hits[decision.rule.name] += 1
    if not is_downgrade:
        return _block(core, call, decision)
    _downgrade(core, call, decision)
    return None


def learn(core: Core, call: LLMCall, status: int) -> None:
    """Take in the status that the provider answered a call with: whether it refused what a model rule made of it."""
    if (downgrade := call.downgrade) and status in _REFUSALS:
        core.refused_downgrades.add(downgrade)
        text = "%s answered %d to a call whose model %s was replaced by %s: for %d minutes, calls like it (%s) keep %s"
        minutes, has = REMEMBERED_SECONDS // 60, ", ".join(downgrade.shape) or "no special parameters"
        provider, model, target, _ = downgrade
        logger.warning(text, provider, status, model, target, minutes, has, model)


def _to(call: LLMCall, target: str) -> Downgrade:
    """Return the downgrade of this call to another model; its body and its model are still those asked for."""
    return Downgrade(call.provider.name, call.model, target, shape(call.body))


def _downgrade(core: Core, call: LLMCall, decision: Decision) -> None:
    model, target = call.model, decision.target
    call.routed_from, call.routed_to = model, target
    call.model = target
    if call.route.model:
        call.route = call.route.with_model(target)
    core.counts.routed += 1
    logger.info("model %s is replaced by %s: %s", model, target, call.route_reason)


def _block(core: Core, call: LLMCall, decision: Decision) -> Denial:
    core.counts.routing_blocked += 1
    message = f"Model '{call.model[:256]}' is refused ({call.route_reason}). Use '{decision.target}' instead."
    logger.info("%s", message)
    return Denial(429, "model_blocked", message, blocked_by="rule")

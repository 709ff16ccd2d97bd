"""ModelRules: by data/routing.json, give a request a cheaper model or refuse it when a budget is nearly spent."""

import logging
from collections.abc import Callable

import orjson
from mitmproxy import http

from addons.core import Core
from addons.flow.attached import open_call
from addons.flow.guard import guarded
from addons.flow.replies import deny
from addons.flow.upstream import aim
from addons.ledger.spend import highest
from addons.llm.call import Denial, LLMCall
from addons.llm.model_rules import Decision, choose
from addons.llm.parsing.json_edit import replace_member

logger = logging.getLogger(__name__)


class ModelRules:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        """The request goes on with the model that it asks for."""

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        call = open_call(flow)
        if not call or not call.request:
            return

        def set_model(model: bytes) -> None:
            flow.request.content = replace_member(flow.request.raw_content or b"", "model", model)

        deny(flow, call, self.apply(call, set_model))
        if call.routed_to:
            aim(flow, call, self.core.settings.endpoints)

    def apply(self, call: LLMCall, set_model: Callable[[bytes], None]) -> Denial | None:
        """Give the call the model that the rules say, unless they refuse it.

        `set_model` puts a model, as JSON, into the body.
        """
        assert call.request
        worst = highest(call.standings)
        decision = choose(
            self.core.routing.value,
            provider=call.provider.name,
            family=call.wire.family,
            model=call.request.model,
            percent=worst.exact_percent if worst else None,
            opted_out=call.no_route,
            fixed=call.fixed,
            body=call.body,
            priced=lambda model: self.core.has_price(call, model),
            full_name=lambda model: self.core.prices.full_name(call.provider.name, model),
        )
        counts = self.core.counts
        if decision is None:
            counts.not_routed += 1
            return None
        if decision.skip:
            counts.not_routed += 1
            counts.routing_skipped[decision.skip] += 1
            return None
        reason = f"budget at {worst.percent if worst else 0}%, rule '{decision.rule.name}'"
        denial = None
        if decision.rule.action == "downgrade":
            if "model" in call.body:
                set_model(orjson.dumps(decision.target))
                call.body["model"] = decision.target
            self._downgrade(call, decision, reason)
        else:
            denial = self._block(call, decision, reason)
        counts.rule_hits[decision.rule.name] += 1
        return denial

    def _downgrade(self, call: LLMCall, decision: Decision, reason: str) -> None:
        model, target = call.model, decision.target
        call.routed_from, call.routed_to, call.routing_rule = model, target, decision.rule.name
        call.model = target
        if call.route.model:
            call.route = call.route.with_model(target)
        call.response_headers |= {
            "X-ModelTrack-Routed": "true",
            "X-ModelTrack-Original-Model": model,
            "X-ModelTrack-Routed-To": target,
            "X-ModelTrack-Route-Reason": reason,
        }
        self.core.counts.routed += 1
        logger.info("%s -> %s: %s", model, target, reason)

    def _block(self, call: LLMCall, decision: Decision, reason: str) -> Denial:
        call.blocked_by, call.routing_rule = "rule", decision.rule.name
        self.core.counts.routing_blocked += 1
        message = f"Model '{call.model[:256]}' is refused ({reason}). Use '{decision.target}' instead."
        logger.info("%s", message)
        return Denial(429, "model_blocked", message)

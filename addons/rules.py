"""RoutingRules: by data/routing.json, give a request a cheaper model or refuse it when a budget is nearly spent."""

import logging

import orjson
from mitmproxy import http

from addons.core import Core
from addons.flow_call import open_call
from addons.guard import guarded
from addons.ledger.spend import highest
from addons.llm.call import LLMCall
from addons.llm.json_edit import replace_member
from addons.llm.rules import Decision, choose
from addons.replies import refuse
from addons.upstream import aim

logger = logging.getLogger(__name__)


class RoutingRules:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        """The request goes on with the model that it asks for."""

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        call = open_call(flow)
        if not call or not call.request:
            return
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
            full_name=lambda model: self.core.prices.full_name(call.provider.name, call.provider.price_id, model),
        )
        counts = self.core.counts
        if decision is None:
            counts.not_routed += 1
            return
        if decision.skip:
            counts.not_routed += 1
            counts.routing_skipped[decision.skip] += 1
            return
        reason = f"budget at {worst.percent if worst else 0}%, rule '{decision.rule.name}'"
        if decision.rule.action == "downgrade":
            self._downgrade(flow, call, decision, reason)
        else:
            self._block(flow, call, decision, reason)
        counts.rule_hits[decision.rule.name] += 1

    def _downgrade(self, flow: http.HTTPFlow, call: LLMCall, decision: Decision, reason: str) -> None:
        model, target = call.model, decision.target
        if "model" in call.body:
            flow.request.content = replace_member(flow.request.raw_content or b"", "model", orjson.dumps(target))
            call.body["model"] = target
        call.routed_from, call.routed_to, call.routing_rule = model, target, decision.rule.name
        call.model = target
        if call.route.model:
            call.route = call.route.with_model(target)
            aim(flow, call, self.core.settings.endpoints)
        call.response_headers |= {
            "X-ModelTrack-Routed": "true",
            "X-ModelTrack-Original-Model": model,
            "X-ModelTrack-Routed-To": target,
            "X-ModelTrack-Route-Reason": reason,
        }
        self.core.counts.routed += 1
        logger.info("%s -> %s: %s", model, target, reason)

    def _block(self, flow: http.HTTPFlow, call: LLMCall, decision: Decision, reason: str) -> None:
        call.blocked_by, call.routing_rule = "rule", decision.rule.name
        self.core.counts.routing_blocked += 1
        message = f"Model '{call.model[:256]}' is refused ({reason}). Use '{decision.target}' instead."
        refuse(flow, call, 429, "model_blocked", message)
        logger.info("%s", message)

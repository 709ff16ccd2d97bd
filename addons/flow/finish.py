"""End a call: measure it, settle its reservation, write its one event. CostLogger and WebSockets share this."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from mitmproxy import http

from addons.callers.attribution import Attribution
from addons.core import Core
from addons.flow.guard import describe
from addons.flow.measure import measure
from addons.flow.reservation import learn
from addons.ledger.events import CostEvent
from addons.llm.call import LLMCall

logger = logging.getLogger(__name__)

CLIENT_GONE = 499
"""Status of a call whose client got no answer, or only a part of one. nginx logs the same number."""


def finish(core: Core, flow: http.HTTPFlow, call: LLMCall, status: Callable[[], int], key: str = "") -> None:
    """Settle a call and write its one event; calling this again changes nothing.

    `status` is called after the call has been measured. `key` is the call's in `core.live`, by default the flow's id.
    """
    if call.is_logged:
        return
    try:
        measure(core, flow, call)
        _count_savings(core, call)
    except Exception as error:
        logger.error("a call could not be measured, so it is billed what was reserved: %s", describe(error))
        call.usage = replace(call.usage, estimated=True)
        call.cost_nanos = call.ticket.nanos if call.ticket else None
        call.error = call.error or "metering_failed"
    call.answer = None  # nothing reads it from here on, and mitmweb keeps the call with its flow
    now = core.now()
    core.settle(key or flow.id, call, now)
    try:
        event = _event(call, status(), now)
        core.record(call, event)
    except Exception as error:
        logger.error("the cost event of a call could not be written, so reports lack it: %s", describe(error))
        return
    learn(core, call)
    if core.on_record:
        core.on_record(flow, call, event)


def _count_savings(core: Core, call: LLMCall) -> None:
    """Note what the model rules saved: the tokens' cost with the model asked for, less their real cost."""
    if call.routed_from and not call.cache_hit and call.cost_nanos is not None:
        # What other models added, such as one that drew an image, costs the same either way.
        passes = tuple(("" if name == call.model else name, part) for name, part in call.priced_usage.extra)
        full_price = core.cost(call, call.routed_from, replace(call.priced_usage, extra=passes))
        if full_price is not None:
            call.saved_nanos = full_price - call.cost_nanos
            core.counts.routing_savings_nanos += call.saved_nanos


def _event(call: LLMCall, status: int, now: datetime) -> CostEvent:
    request, usage = call.request, call.usage
    event = CostEvent(
        event_id=call.event_id,
        timestamp=now,
        provider=call.provider.name,
        model=call.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens or None,
        audio_input_tokens=usage.audio_input_tokens or None,
        audio_output_tokens=usage.audio_output_tokens or None,
        image_input_tokens=usage.image_input_tokens or None,
        image_output_tokens=usage.image_output_tokens or None,
        reasoning_tokens=usage.reasoning_tokens or None,
        unpriced_usage=() if call.cache_hit else usage.unpriced,  # a hit costs nothing, whatever is in it
        cost_nanos=call.cost_nanos,
        latency_ms=call.elapsed_ms(),
        ttft_ms=call.ttft_ms,
        status_code=status,
        is_streaming=call.is_stream,
        cache_hit=call.cache_hit,
        saved_nanos=call.saved_nanos,
        routed_from=call.routed_from,
        routed_to=call.routed_to,
        routing_rule=call.routing_rule,
        blocked_by=call.blocked_by,
        usage_estimated=usage.estimated,
        error=call.error,
        prewarm=request.prewarm if request else False,
        replayed=call.replayed,
        answered_locally=call.answered_locally,
        prompt_hash=request.prompt_hash if request else "",
        system_prompt_tokens=request.system_prompt_tokens if request else 0,
        user_prompt_tokens=request.user_prompt_tokens if request else 0,
        token_summary=usage.summary(),
    )
    say_who(event, call.attribution)
    return event


def say_who(event: CostEvent, who: Attribution) -> None:
    """Put the labels of the caller on an event."""
    event.team = who.team
    event.app_id = who.app
    event.feature = who.feature
    event.customer_tier = who.customer_tier
    event.user = who.user
    event.key_id = who.key_id
    event.session_id = who.session_id
    event.trace_id = who.trace_id
    event.prompt_template_id = who.prompt_template

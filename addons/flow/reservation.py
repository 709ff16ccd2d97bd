"""Work out what a call is likely to cost at most, and learn from the calls that ended."""

from addons.core import Core
from addons.flow.measure import has_failed
from addons.ledger.experience import MOST_GROWTH, Kind
from addons.llm.call import LLMCall
from addons.llm.request import LLMRequest
from addons.llm.usage import Usage


def highest_cost(core: Core, call: LLMCall) -> int:
    """Return what the call is likely to cost at most, in nano-USD; 0 if the model's price is not known.

    A limit on the output that the request sets holds. Where it sets none, the default holds until longer answers have
    been seen.
    """
    request = call.request
    if request is None:
        return 0
    learned = core.experience.of(_kind(call))
    output = request.max_output_tokens
    if not request.limits_output:
        output = max(output, learned.output_tokens * request.choices)
    usage = Usage(input_tokens=learned.grown(request.input_tokens), output_tokens=output)
    cost = core.cost(call, call.model, usage)
    return 0 if cost is None else cost + learned.extra


def learn(core: Core, call: LLMCall) -> None:
    """Remember what the call cost, unless it says nothing about the next ones.

    That is so if it was refused, failed or was answered from the cache, and if its usage or its price is not known.
    """
    request, usage = call.request, call.usage
    if request is None or call.cache_hit or usage.estimated or not call.cost_nanos or has_failed(call):
        return
    output = None if request.limits_output else -(-usage.output_tokens // request.choices)
    excess, estimated = usage.input_tokens - request.input_tokens, request.input_tokens
    if not (_is_plain(usage) and excess < estimated * MOST_GROWTH):
        excess, estimated = _excess(core, call, request)
    core.experience.add(_kind(call), excess, estimated, output)


def _is_plain(usage: Usage) -> bool:
    """Tell whether all of the input has one price, so that tokens say how much more it cost than was estimated."""
    return not (
        usage.cache_read_tokens
        or usage.cache_write_tokens
        or usage.web_searches
        or usage.file_searches
        or usage.residency
        or usage.speed
        or usage.has_parts
        or usage.service_tier not in _USUAL_TIERS
    )


_USUAL_TIERS = frozenset({"", "standard", "default"})


def _excess(core: Core, call: LLMCall, request: LLMRequest) -> tuple[int, int]:
    """Return what the call cost more than was estimated of its input, and that estimate, in nano-USD.

    The estimate is 0 where there was no excess, since nobody needs it then.
    """
    assert call.cost_nanos is not None
    expected = Usage(input_tokens=request.input_tokens, output_tokens=call.usage.output_tokens)
    excess = call.cost_nanos - (core.cost(call, call.model, expected) or 0)
    if excess <= 0:
        return excess, 0
    return excess, core.cost(call, call.model, Usage(input_tokens=request.input_tokens)) or 0


def _kind(call: LLMCall) -> Kind:
    """Return the kind of call. Its model is the one that the provider was asked for: an answer may name a dated one."""
    asked = call.routed_to or (call.request.model if call.request else "")
    who = call.attribution
    return call.provider.name, asked, who.team, who.app

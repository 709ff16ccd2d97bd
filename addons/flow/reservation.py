"""Work out what a call is likely to cost at most, and learn from the calls that ended."""

from addons.core import Core
from addons.flow.measure import CLIENT_DISCONNECTED
from addons.ledger.experience import Kind
from addons.llm.call import LLMCall
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
    if request is None or call.cache_hit or usage.estimated or not call.cost_nanos:
        return
    if call.error not in ("", CLIENT_DISCONNECTED):
        return
    expected = Usage(input_tokens=request.input_tokens, output_tokens=usage.output_tokens)
    excess = call.cost_nanos - (core.cost(call, call.model, expected) or 0)
    estimated = 0
    if excess > 0:
        estimated = core.cost(call, call.model, Usage(input_tokens=request.input_tokens)) or 0
    output = None if request.limits_output else -(-usage.output_tokens // request.choices)
    core.experience.add(_kind(call), excess, estimated, output)


def _kind(call: LLMCall) -> Kind:
    """Return the kind of call. Its model is the one that the provider was asked for: an answer may name a dated one."""
    asked = call.routed_to or (call.request.model if call.request else "")
    who = call.attribution
    return call.provider.name, asked, who.team, who.app

"""Describe a call that has ended, for people: in one line, in tags to filter by, and in full with its cost."""

from collections.abc import Iterator
from decimal import Decimal

from addons.inspecting.bill import FILE_SEARCHES, SEARCHES, Line
from addons.inspecting.transcript import wrapped
from addons.ledger.events import CostEvent
from addons.ledger.money import NANOS_PER_USD, format_usd
from addons.ledger.spend import highest
from addons.llm.call import LLMCall

REFUSED = "refused"
FAILED = "failed"
HIT = "hit"
DOWNGRADED = "downgraded"
UNPRICED = "unpriced"
SERVED = "served"

SEPARATOR = " · "
_DECIMALS = 4
_LONGEST_USER = 24
_TAGS = (
    *("team", "app_id", "feature", "customer_tier", "user", "key_id", "session_id", "trace_id", "prompt_template_id"),
    *("provider", "model", "routed_from", "routing_rule", "blocked_by", "error"),
)


def outcome(event: CostEvent) -> str:
    """Return the one word for what matters most about the call, such as REFUSED."""
    found = {
        REFUSED: event.blocked_by,
        FAILED: event.error,
        HIT: event.cache_hit,
        UNPRICED: event.cost_nanos is None,
        DOWNGRADED: event.routed_to,
    }
    return next((name for name, is_so in found.items() if is_so), SERVED)


def tags(event: CostEvent) -> list[str]:
    """Return tags such as `team=product`, one for each value. None holds a secret, or text of a prompt."""
    named = ((name.removesuffix("_id") if name == "app_id" else name, getattr(event, name)) for name in _TAGS)
    return [*(f"{name}={value}" for name, value in named if value), f"outcome={outcome(event)}"]


def summary(call: LLMCall, event: CostEvent) -> str:
    """Return the call in one line: `product/chatbot (ann) · claude-haiku-4-5 · 1,000 in 200 out · $0.0020 · HIT`."""
    return SEPARATOR.join(filter(None, _summary(call, event)))


def who(team: str, app: str, user: str) -> str:
    """Return whom a call is for, in a few words: many users are the long ids of accounts and devices."""
    user = user if len(user) <= _LONGEST_USER else f"{user[: _LONGEST_USER - 1]}…"
    return "/".join(filter(None, (team or "(no team)", app))) + (f" ({user})" if user else "")


def money(nanos: int) -> str:
    return format_usd(nanos, _DECIMALS)


def counts(inputs: int, outputs: int) -> str:
    return f"{inputs:,} in {outputs:,} out" if inputs or outputs else ""


def _summary(call: LLMCall, event: CostEvent) -> Iterator[str]:
    yield who(event.team, event.app_id, event.user)
    yield f"{event.routed_from} → {event.model}" if event.routed_to else event.model
    yield counts(call.usage.total_input_tokens, call.usage.output_tokens)
    if event.usage_estimated:
        yield "estimated"
    yield from (name for name, is_so in _notes(event).items() if is_so)
    if not event.blocked_by:
        yield "no price" if event.cost_nanos is None else money(event.cost_nanos)
    if event.cache_hit:
        yield "HIT" + (f" saved {money(event.saved_nanos)}" if event.saved_nanos else "")
    if event.routed_to:
        yield f"downgraded by rule '{event.routing_rule}'{_spent(call)}"
    if event.blocked_by:
        yield f"refused: {_refusal(call, event)}"
    elif event.error:
        yield f"{event.status_code} {event.error}"


def _notes(event: CostEvent) -> dict[str, bool]:
    return {"prewarm": event.prewarm, "replayed": event.replayed, "answered locally": event.answered_locally}


def _spent(call: LLMCall) -> str:
    worst = highest(call.standings)
    return f", budget at {worst.percent}%" if worst else ""


def _refusal(call: LLMCall, event: CostEvent) -> str:
    if event.blocked_by == "rule":
        return f"rule '{event.routing_rule}'{_spent(call)}"
    if event.blocked_by == "unknown_model":
        return "the model has no known price"
    exceeded = next((s for s in call.standings if s.is_exceeded), None)
    return exceeded.exceeded_message() if exceeded else event.error


def explanation(call: LLMCall, event: CostEvent, lines: list[Line] | None) -> str:
    """Explain in full why a call cost what it cost.

    `lines` are the lines of the bill for the call's usage, None where a price is not known.
    """
    text = [
        summary(call, event),
        "",
        f"model   {event.model} at {event.provider}, as billed" if event.model else "model   the request named none",
        *_tier(call),
        *_caller(event),
        *_table(event, lines),
        f"rule    {_rule(call, event)}",
        f"cache   {_cache(call, event)}",
        *(f"budget  {standing.warning()}, before this call" for standing in call.standings),
    ]
    if event.usage_estimated:
        text.append(
            "usage   the provider did not report all of it: what is missing is estimated, at 4 characters a token"
        )
    if event.error:
        text.append(f"error   {event.error}, status {event.status_code}")
    return wrapped("\n".join(text))


def _caller(event: CostEvent) -> Iterator[str]:
    known = {"user": event.user, "key": event.key_id}
    if any(known.values()):
        yield f"caller  {', '.join(f'{name} {value}' for name, value in known.items() if value)}"


def _tier(call: LLMCall) -> Iterator[str]:
    usage = call.priced_usage
    special = [word for word in (usage.service_tier, usage.speed) if word and word not in ("default", "standard")]
    if special:
        yield f"tier    {', '.join(special)}"


def _table(event: CostEvent, lines: list[Line] | None) -> Iterator[str]:
    if event.cost_nanos is None or lines is None:
        yield "cost    not known: the model, or a kind of its tokens, has no price. data/pricing.json can give it one"
        return
    paid = event.cost_nanos
    due = event.saved_nanos or 0 if event.cache_hit else paid
    if not lines and not due:
        yield "cost    $0: nothing was used"
        return
    total = sum((line.usd for line in lines), Decimal(0))
    if event.cache_hit:
        yield "        What the answer cost when it was made, and would have cost again:"
    yield f"        {'':<26}{'count':>12}{'USD per 1M':>14}{'USD':>16}"
    model = event.model
    for line in lines:
        if line.model != model:
            model = line.model
            yield f"      {model[:60]}:"
        per = f"{line.rate:f} per 1K" if line.bucket in (SEARCHES, FILE_SEARCHES) else f"{line.rate:f}"
        yield f"        {line.bucket:<26}{line.quantity:>12,}{per:>14}{_usd(line.usd):>16}"
    rest = Decimal(due) / NANOS_PER_USD - total
    if abs(rest) >= Decimal("1e-9"):  # other models' passes in a cached answer, or a call billed as reserved
        yield f"        {'other':<26}{'':>26}{_usd(rest):>16}"
    yield f"        {'sum' if event.cache_hit else 'cost':<52}{_usd(Decimal(due) / NANOS_PER_USD):>16}"
    if event.cache_hit:
        yield f"cost    {money(paid)}: answered from the cache"


def _usd(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rule(call: LLMCall, event: CostEvent) -> str:
    if event.blocked_by == "rule":
        return f"'{event.routing_rule}' refused the model{_spent(call)}"
    if not event.routed_to:
        return "none changed the model" + (", as the client asked" if call.no_route else "")
    saved = f"; that saved {money(event.saved_nanos)}" if event.saved_nanos and not event.cache_hit else ""
    return f"'{event.routing_rule}' replaced {event.routed_from} with {event.routed_to}{_spent(call)}{saved}"


def _cache(call: LLMCall, event: CostEvent) -> str:
    if event.cache_hit:
        return "HIT" + (f": saved {money(event.saved_nanos)}" if event.saved_nanos else "")
    if event.blocked_by:
        return "not used: the call was refused"
    if call.cache_key:
        return "MISS"
    reasons = {"the client asked not to": call.no_cache, "streams are not cached": call.is_stream}
    return "not used: " + next((why for why, is_so in reasons.items() if is_so), "it is off, or the call has no key")

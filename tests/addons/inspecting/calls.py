"""Make calls that end as they do in the proxy, and read what is then known of them."""

from dataclasses import replace
from typing import Any

from mitmproxy import http
from mitmproxy.test import tflow

from addons.callers.attribution import Attribution
from addons.core import Core
from addons.flow.attached import attach
from addons.flow.finish import finish
from addons.inspecting.flow_summary import summary_of
from addons.inspecting.inspector import Watch
from addons.ledger.budgets import Budget, Standing
from addons.llm.call import CallState, LLMCall
from addons.llm.routes import Tracked, resolve
from addons.llm.usage import Usage

SECRET = "s3cr3t-f00"
CALLER = Attribution(team="product", app="chatbot", user="ann", key_id="product-1")
BUDGET = Budget.model_validate({"team": "product", "monthly_limit": 1, "action": "block"})


def make_call(path: str = "/v1/messages", model: str = "claude-haiku-4-5", **changes: Any) -> LLMCall:
    route = resolve(path)
    assert isinstance(route, Tracked)
    call = LLMCall(route, "", Attribution(team="product", app="chatbot"), started=0)
    call.ask({"model": model, "messages": [{"role": "user", "content": SECRET}]})
    call.state = CallState.MEASURED
    for name, value in changes.items():
        setattr(call, name, value)
    return call


def used(core: Core, call: LLMCall, usage: Usage) -> LLMCall:
    call.usage, call.priced_usage = usage.with_extra() if usage.extra else usage, usage
    call.cost_nanos = core.cost(call, call.model, usage)
    return call


def make_flow(call: LLMCall | None = None) -> http.HTTPFlow:
    flow: http.HTTPFlow = tflow.tflow(resp=True)
    if call:
        attach(flow, call)
    return flow


def ended(core: Core, call: LLMCall, status: int = 200, flow: http.HTTPFlow | None = None) -> http.HTTPFlow:
    flow = flow or make_flow(call)
    finish(core, flow, call, lambda: status)
    return flow


def served(core: Core) -> LLMCall:
    return used(core, make_call(), Usage(1000, 200))


def hit(core: Core) -> LLMCall:
    return make_call(usage=Usage(1000, 200), cost_nanos=0, saved_nanos=2_000_000, cache_hit=True)


def downgraded(core: Core) -> LLMCall:
    rule = {"routed_from": "claude-sonnet-4-6", "routed_to": "claude-haiku-4-5", "routing_rule": "save"}
    return used(core, make_call(**rule, standings=[Standing(BUDGET, 800_000_000, 0)]), Usage(1000, 200))


def over_budget(core: Core) -> LLMCall:
    standing = Standing(BUDGET, 2_000_000_000, 0)
    return make_call(blocked_by="budget", error="budget_exceeded", standings=[standing])


OUTCOMES = {
    "served": (served, 200, "product/chatbot · claude-haiku-4-5 · 1,000 in 200 out · $0.0020", ""),
    "of a user with a key": (
        lambda core: replace(served(core), attribution=CALLER),
        200,
        "product/chatbot (ann) · claude-haiku-4-5 · 1,000 in 200 out · $0.0020",
        "",
    ),
    "of a user with a long id": (
        lambda core: replace(served(core), attribution=replace(CALLER, user="0123456789" * 6)),
        200,
        "product/chatbot (01234567890123456789012…) · claude-haiku-4-5 · 1,000 in 200 out · $0.0020",
        "",
    ),
    "replayed": (
        lambda core: replace(served(core), replayed=True),
        200,
        "product/chatbot · claude-haiku-4-5 · 1,000 in 200 out · replayed · $0.0020",
        "",
    ),
    "answered locally": (
        lambda core: make_call(answered_locally=True),
        200,
        "product/chatbot · claude-haiku-4-5 · answered locally · $0.00",
        "",
    ),
    "hit": (hit, 200, "product/chatbot · claude-haiku-4-5 · 1,000 in 200 out · $0.00 · HIT saved $0.0020", ":zap:"),
    "downgraded": (
        downgraded,
        200,
        "product/chatbot · claude-sonnet-4-6 → claude-haiku-4-5 · 1,000 in 200 out · $0.0020"
        " · downgraded by rule 'save', budget at 80%",
        ":arrow_down:",
    ),
    "over budget": (
        over_budget,
        429,
        "product/chatbot · claude-haiku-4-5"
        " · refused: Team 'product' has exceeded monthly budget of $1.00 (current: $2.00)",
        ":no_entry:",
    ),
    "reserved": (
        lambda core: make_call(blocked_by="budget", error="budget_reserved"),
        429,
        "product/chatbot · claude-haiku-4-5 · refused: budget_reserved",
        ":no_entry:",
    ),
    "refused by a rule": (
        lambda core: make_call(blocked_by="rule", routing_rule="no-opus", error="model_blocked"),
        429,
        "product/chatbot · claude-haiku-4-5 · refused: rule 'no-opus'",
        ":no_entry:",
    ),
    "refused for want of a price": (
        lambda core: make_call(model="mine", blocked_by="unknown_model", error="unknown_model"),
        403,
        "product/chatbot · mine · refused: the model has no known price",
        ":no_entry:",
    ),
    "without a price": (
        lambda core: used(core, make_call(model="mine"), Usage(1000, 200)),
        200,
        "product/chatbot · mine · 1,000 in 200 out · no price",
        ":grey_question:",
    ),
    "failed": (
        lambda core: make_call(error="overloaded_error"),
        529,
        "product/chatbot · claude-haiku-4-5 · $0.00 · 529 overloaded_error",
        ":x:",
    ),
    "abandoned": (
        lambda core: used(core, make_call(error="client_disconnected"), Usage(1000, 20, estimated=True)),
        499,
        "product/chatbot · claude-haiku-4-5 · 1,000 in 20 out · estimated · $0.0011 · 499 client_disconnected",
        ":x:",
    ),
}


def explanation(flow: http.HTTPFlow) -> str:
    known = summary_of(flow)
    assert known
    return known.explanations[-1]


def amounts(text: str) -> list[str]:
    """Return the last column of the table in an explanation."""
    return [line.split()[-1] for line in text.splitlines() if line.startswith(" " * 8) and line[-1].isdigit()]


def answered(kind: str, headers: dict[str, str], content: bytes | None) -> http.HTTPFlow:
    """Make the flow of a call with this answer. `_` in the names of headers stands for `-`."""
    flow = make_flow(make_call())
    assert flow.response
    flow.response.headers["content-type"] = kind
    for name, value in headers.items():
        flow.response.headers[name.replace("_", "-")] = value
    flow.response.raw_content = content
    return flow


def stream(watch: Watch, chunks: list[bytes], kind: str = "text/event-stream", **headers: str) -> http.HTTPFlow:
    """Make a flow whose streamed answer has passed through the watch and has ended."""
    flow = answered(kind, headers, None)
    assert flow.response
    flow.response.stream = True
    watch.responseheaders(flow)
    passed = [flow.response.stream(chunk) for chunk in [*chunks, b""]] if callable(flow.response.stream) else chunks
    assert b"".join(part if isinstance(part, bytes) else b"".join(part) for part in passed) == b"".join(chunks)
    watch.response(flow)
    return flow


def kept(flow: http.HTTPFlow) -> bytes | None:
    assert flow.response
    return flow.response.raw_content


def left_out(flow: http.HTTPFlow) -> int:
    known = summary_of(flow)
    return known.left_out if known else 0

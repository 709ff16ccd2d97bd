"""What mitmweb and mitmproxy show of a call, without a browser. Calls end as in the proxy, by `record.finish`."""

import gc
import gzip
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from mitmproxy import contentviews, flowfilter, http
from mitmproxy.addons.view import View
from mitmproxy.contentviews import Metadata
from mitmproxy.contentviews._registry import ContentviewRegistry
from mitmproxy.test import taddons, tflow

from addons.content_view import LLMContentview
from addons.core import Core
from addons.flow_call import attach
from addons.inspector import Inspector, Watch
from addons.kept_streams import KeptStreams, Tee
from addons.ledger.budgets import Budget, Standing
from addons.llm.attribution import Attribution
from addons.llm.call import LLMCall
from addons.llm.routes import Tracked, resolve
from addons.llm.usage import Usage
from addons.record import finish
from addons.seen import seen
from addons.settings import SETTINGS, Settings, from_options

SECRET = "s3cr3t-f00"
BUDGET = Budget.model_validate({"team": "product", "monthly_limit": 1, "action": "block"})


def settings(folder: Path, **values: Any) -> Settings:
    options = {name: info.default for name, info in SETTINGS.items()} | {"modeltrack_data_dir": str(folder)}
    return from_options(options | {f"modeltrack_{name}": value for name, value in values.items()})


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    core = Core()
    core.configure(settings(tmp_path))
    core.log.open()
    yield core
    core.close()


@pytest.fixture
def view() -> Iterator[View]:
    view = View()
    with taddons.context(view):
        yield view


@pytest.fixture
def watch(core: Core, view: View) -> Watch:
    watch = Watch(core, view)
    core.on_record = watch.recorded
    return watch


def make_call(path: str = "/v1/messages", model: str = "claude-haiku-4-5", **changes: Any) -> LLMCall:
    route = resolve(path)
    assert isinstance(route, Tracked)
    call = LLMCall(route, "", Attribution(team="product", app="chatbot"), started=0)
    call.ask({"model": model, "messages": [{"role": "user", "content": SECRET}]})
    call.measured = True
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


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_comment_and_the_marker_say_what_became_of_a_call(core: Core, watch: Watch, name: str) -> None:
    make, status, comment, marker = OUTCOMES[name]
    flow = ended(core, make(core), status)
    assert (flow.comment, flow.marked) == (comment, marker)


@pytest.mark.parametrize(
    ("expression", "is_found"),
    [
        ("~meta team=product", True),
        ("~meta ^team=product$", True),
        ("~meta ^team=prod$", False),
        ("~meta app=chatbot & ~meta outcome=downgraded", True),
        ("~meta routed_from=claude-sonnet", True),
        ("~meta outcome=hit", False),
        ("~comment ^product/", True),
        ("~marker arrow_down", True),
    ],
)
def test_flows_can_be_filtered(core: Core, watch: Watch, expression: str, is_found: bool) -> None:
    flow = ended(core, downgraded(core))
    assert bool(flowfilter.match(expression, flow)) is is_found


def test_what_is_shown_in_the_list_or_saved_beside_the_flow_has_no_text_of_the_prompt(core: Core, watch: Watch) -> None:
    flow = ended(core, served(core))
    assert SECRET not in f"{flow.comment}{flow.metadata}{seen(flow)}"
    assert http.HTTPFlow.from_state(flow.get_state()).metadata == flow.metadata


def test_the_calls_of_one_websocket_are_summed_up(core: Core, watch: Watch) -> None:
    flow = make_flow()
    for make in (served, served, over_budget):
        ended(core, make(core), flow=flow)
    assert flow.comment == ("product/chatbot · claude-haiku-4-5 · 3 calls · 2,000 in 400 out · $0.0040 · 1 refused")
    assert flow.marked == ":no_entry:"
    assert flowfilter.match("~meta outcome=served & ~meta outcome=refused", flow)


def test_a_mark_that_somebody_made_stays(core: Core, watch: Watch) -> None:
    flow = make_flow()
    flow.marked = ":default:"
    assert ended(core, hit(core), flow=flow).marked == ":default:"


def test_a_failure_to_comment_is_logged_without_the_prompt_and_harms_no_call(
    core: Core, watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr("addons.inspector.bill", fail)
    call = served(core)
    ended(core, call)
    assert call.logged
    assert "could not be commented on: ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_a_flow_says_what_it_is_until_its_call_has_ended_but_not_its_query(watch: Watch) -> None:
    flow = make_flow()
    flow.request.path = f"/v1/files?key={SECRET}"
    watch.requestheaders(flow)
    assert flow.comment == "GET /v1/files"


# ---- why it cost what it cost


def explanation(flow: http.HTTPFlow) -> str:
    known = seen(flow)
    assert known
    return known.explanations[-1]


def amounts(text: str) -> list[str]:
    """The last column of the table."""
    return [line.split()[-1] for line in text.splitlines() if line.startswith(" " * 8) and line[-1].isdigit()]


def test_a_cost_is_explained_by_bucket_rule_and_cache(core: Core, watch: Watch) -> None:
    call = replace(downgraded(core), saved_nanos=None, cache_key=b"x")
    used(core, call, Usage(200, 200, 300, 500, 200, web_searches=1))
    text = explanation(ended(core, call))
    assert amounts(text) == ["0.0002", "0.001", "0.00003", "0.000375", "0.0004", "0.01", "0.012005"]
    assert "'save' gave it claude-haiku-4-5 for claude-sonnet-4-6, budget at 80%" in text.replace("\n", " ")
    assert "cache   MISS" in text
    assert "budget  Team 'product' at 80% of monthly budget ($0.80/$1.00)" in text


def test_a_hit_is_explained_by_what_it_saved(core: Core, watch: Watch) -> None:
    text = explanation(ended(core, hit(core)))
    assert amounts(text) == ["0.001", "0.001", "0.002"]
    assert "cost    $0.00: answered from the cache" in text
    assert "cache   HIT: saved $0.0020" in text


def test_a_hit_of_an_answer_in_passes_still_adds_up(core: Core, watch: Watch) -> None:
    text = explanation(ended(core, replace(hit(core), saved_nanos=2_500_000)))
    assert amounts(text) == ["0.001", "0.001", "0.0005", "0.0025"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("over budget", "cost    $0: nothing was used"),
        ("without a price", "data/pricing.json can give it one"),
        ("refused by a rule", "rule    'no-opus' refused the model"),
        ("failed", "error   overloaded_error, status 529"),
        ("abandoned", "what is missing is estimated"),
    ],
)
def test_what_cost_nothing_or_an_estimate_is_explained_too(core: Core, watch: Watch, name: str, says: str) -> None:
    make, status, *_ = OUTCOMES[name]
    assert says in explanation(ended(core, make(core), status)).replace("\n", " ")


# ---- streams


def stream(watch: Watch, chunks: list[bytes], kind: str = "text/event-stream", **headers: str) -> http.HTTPFlow:
    """A streamed answer, passed through and over."""
    flow = make_flow(make_call())
    assert flow.response
    flow.response.headers["content-type"] = kind
    for name, value in headers.items():
        flow.response.headers[name.replace("_", "-")] = value
    flow.response.raw_content = None
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
    known = seen(flow)
    return known.left_out if known else 0


def test_a_streamed_answer_can_be_looked_at_afterwards(watch: Watch) -> None:
    assert kept(stream(watch, [b"data: 1\n\n", b"data: 2\n\n"])) == b"data: 1\n\ndata: 2\n\n"


def test_as_the_client_got_it(watch: Watch) -> None:
    """CostLogger takes events out that the client did not ask for."""
    flow = make_flow()
    assert flow.response
    tee = Tee(lambda chunk: [b"kept"] if chunk == b"a" else [], KeptStreams(), flow, 100, 100)
    assert [tee(b"a"), tee(b"b"), tee(b"")] == [[b"kept"], [], []]
    tee.finish()
    assert kept(flow) == b"kept"


def test_of_a_long_stream_the_beginning_is_kept(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_stream_bytes=10)
    flow = stream(watch, [b"12345678", b"12345678", b"1"])
    assert (kept(flow), left_out(flow)) == (b"1234567812", 7)


def test_the_oldest_streams_make_room_for_new_ones(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_max_bytes=20)
    flows = [stream(watch, [bytes([n]) * 8]) for n in range(4)]
    assert [kept(flow) for flow in flows] == [None, None, b"\2" * 8, b"\3" * 8]
    assert [left_out(flow) for flow in flows] == [8, 8, 0, 0]


def test_streams_under_way_count_as_well(core: Core) -> None:
    streams, flows = KeptStreams(), [make_flow(), make_flow()]
    first, second = (Tee(True, streams, flow, 100, 10) for flow in flows)
    first(b"12345678")
    second(b"12345678")
    second(b"1")
    first.finish()
    second.finish()
    assert [kept(flow) for flow in flows] == [b"12345678", b"message"]  # tflow's own: nothing was kept
    assert left_out(flows[1]) == 9
    assert streams.size == 8


def test_nothing_is_kept_where_that_is_switched_off(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_stream_bytes=0)
    assert kept(stream(watch, [b"12345678"])) is None


def test_a_kept_stream_goes_with_its_flow(watch: Watch) -> None:
    reference = weakref.ref(stream(watch, [b"x" * 100]))
    gc.collect()
    assert reference() is None


# ---- flows


def add(view: View, **state: Any) -> http.HTTPFlow:
    flow = make_flow()
    flow.live = False
    for name, value in state.items():
        setattr(flow, name, value)
    view.add([flow])
    return flow


def test_the_oldest_flows_go_first_but_not_marked_or_unfinished_ones(
    core: Core, watch: Watch, view: View, tmp_path: Path
) -> None:
    core.settings = settings(tmp_path, inspect_max_flows=3)
    marked, live = add(view, marked=":default:"), add(view, live=True)
    others = [add(view, marked=":zap:"), *(add(view) for _ in range(4))]
    watch.response(make_flow())
    assert list(view._store.values()) == [marked, live, others[-1]]


def test_all_flows_stay_where_there_is_no_limit(core: Core, watch: Watch, view: View, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_max_flows=0)
    for _ in range(20):
        add(view)
    watch.response(make_flow())
    assert view.store_count() == 20


# ---- where and how


@pytest.mark.parametrize(
    ("mode", "has_view", "is_watched"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("always", False, True),
        ("never", True, False),
    ],
)
def test_flows_are_watched_where_they_are_looked_at(
    core: Core, tmp_path: Path, mode: str, has_view: bool, is_watched: bool
) -> None:
    core.settings = settings(tmp_path, inspect=mode)
    inspector = Inspector(core, dict, lambda: 0)
    with taddons.context(*([View()] if has_view else []), inspector):
        assert (len(inspector.addons), core.on_record is not None) == (is_watched, is_watched)


def test_the_commands_answer_in_lines(core: Core, watch: Watch) -> None:
    core.ledger.budgets = core.budgets.value.model_copy(update={"budgets": [BUDGET]})
    inspector = Inspector(core, lambda: {"total_requests": 1}, lambda: 7)
    view = View()
    with taddons.context(view, inspector) as context:
        flow = ended(core, served(core))
        view.add([flow])
        run = context.master.commands.execute
        assert run("modeltrack.stats") == ["{", '  "total_requests": 1', "}"]
        assert run("modeltrack.budgets") == ["Team 'product' at 0% of monthly budget ($0.002/$1.00)"]
        assert run("modeltrack.cache.clear") == "7 answers forgotten"
        assert run("modeltrack.explain @focus")[0] == flow.comment
        assert run("modeltrack.explain '~comment nothing'") == ["No call that has ended: nothing is known of its cost."]
    core.ledger.budgets = core.budgets.value


# ---- the content view

ANSWER = orjson.dumps({"content": [{"type": "text", "text": "It rains."}]})
VIEW = LLMContentview()


def shown(flow: http.HTTPFlow, message: http.Message) -> tuple[str | None, str]:
    """By the view that mitmproxy chooses."""
    registry = ContentviewRegistry()
    for view in (*contentviews.registry.values(), VIEW):
        registry.register(view)
    with taddons.context() as context:
        context.options.add_option("protobuf_definitions", str, "", "")
        result = contentviews.prettify_message(message, flow, registry=registry)
    return result.view_name, result.text


def test_requests_and_answers_of_calls_are_shown_as_conversations(core: Core, watch: Watch) -> None:
    flow = make_flow(served(core))
    assert flow.response
    flow.request.headers["content-type"] = flow.response.headers["content-type"] = "application/json"
    flow.request.text = '{"model":"m","messages":[{"role":"user","content":"Hello"}]}'
    flow.response.content = ANSWER
    ended(core, served(core), flow=flow)
    name, text = shown(flow, flow.request)
    assert (name, text.split("\n")[-2]) == ("LLM", "Hello")
    name, text = shown(flow, flow.response)
    assert name == "LLM"
    assert "It rains." in text
    assert amounts(text)[-1] == "0.002"


def test_a_saved_flow_is_shown_as_well(core: Core, watch: Watch) -> None:
    flow = ended(core, served(core))
    assert flow.response
    flow.response.content = ANSWER
    saved = http.HTTPFlow.from_state(flow.get_state())
    assert saved.response
    name, text = shown(saved, saved.response)
    assert name == "LLM"
    assert text.endswith(flow.comment)


def test_what_is_no_call_is_shown_as_ever() -> None:
    flow = make_flow()
    assert flow.response
    assert shown(flow, flow.response)[0] != "LLM"


def prettify(data: bytes, kind: str = "application/json", **headers: str) -> str:
    flow = make_flow(make_call())
    assert flow.response
    flow.response.headers["content-type"] = kind
    for name, value in headers.items():
        flow.response.headers[name.replace("_", "-")] = value
    flow.response.raw_content = data
    return VIEW.prettify(data, Metadata(flow, content_type=kind, http_message=flow.response))


SSE = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"It rains."}}\n\n'


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", "application/json", "not read as a conversation"),
        (b"\xff\x00<html>", "text/html", "<html>"),
        (b"[1, 2]", "application/json", "[1, 2]"),
        (b'{"a": 1}', "application/json", '"a": 1'),
        (b'{"a": ' * 100_000, "application/json", "not read as a conversation"),
        (b'{"content": ' + b"[" * 900 + b"]" * 900 + b"}", "application/json", "(cannot be shown)"),
        (b'{"content": "' + b"x" * 5 * 2**20 + b'"}', "application/json", "5,242,895 bytes are too many"),
        (b"\x00\x00\x00\x20garbage" * 9, "application/vnd.amazon.eventstream", ""),
        (SSE + b'data: {"type":"content_bl', "text/event-stream", "It rains."),
    ],
)
def test_whatever_a_body_is_something_is_shown_and_it_is_bounded(data: bytes, kind: str, says: str) -> None:
    text = prettify(data, kind)
    assert says in text
    assert len(text) < 600_000


def test_a_compressed_stream_of_which_the_beginning_was_kept_is_read() -> None:
    whole = gzip.compress(SSE * 1000)
    assert "It rains.It rains." in prettify(whole[:-10], "text/event-stream", content_encoding="gzip")


def test_what_of_a_stream_was_not_kept_is_said(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_stream_bytes=len(SSE))
    flow = stream(watch, [SSE, SSE * 20])
    text = VIEW.prettify(SSE, Metadata(flow, content_type="text/event-stream", http_message=flow.response))
    assert "It rains." in text
    assert f"[{20 * len(SSE):,} bytes more were not kept: INSPECT_STREAM_BYTES]" in text

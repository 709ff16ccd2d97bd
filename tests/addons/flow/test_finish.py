"""Test what the event of a call says of its caller, and of its usage where the cache or a rule had a part in it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson
from mitmproxy.test import tflow

from addons.callers.attribution import Attribution
from addons.core import Core
from addons.flow.finish import finish
from addons.flow.unmetered import finish_unmetered
from addons.ledger.events import CostEvent
from addons.llm.call import CallState, LLMCall, UntrackedCall
from addons.llm.paths.table import PathClass
from addons.llm.providers import PROVIDERS
from addons.llm.routes import Tracked, resolve
from addons.llm.usage import Usage
from tests.addons.cores import settings

DRAWN = Usage(0, 4160, image_output_tokens=4160)


def event_of(core: Core, call: LLMCall) -> CostEvent:
    events: list[CostEvent] = []
    core.on_record = lambda flow, call, event: events.append(event)
    finish(core, tflow.tflow(), call, lambda: 200)
    [event] = events
    return event


def measured(core: Core, usage: Usage) -> LLMCall:
    """Return a call of gpt-5-mini that has been measured."""
    route = resolve("/v1/responses")
    assert isinstance(route, Tracked)
    call = LLMCall(route, "", Attribution(team="t"), 0.0)
    call.model, call.state = "gpt-5-mini", CallState.MEASURED
    call.priced_usage, call.usage = usage, usage.with_extra()
    call.cost_nanos = core.cost(call, call.model, usage)
    return call


def made(tmp_path: Path) -> Core:
    core = Core()
    core.configure(settings(tmp_path))
    return core


def test_a_rule_saves_nothing_on_what_other_models_did_for_the_answer(tmp_path: Path) -> None:
    core = made(tmp_path)
    savings = []
    for extra in ((), (("gpt-image-1", DRAWN),)):
        call = measured(core, Usage(1000, 200, extra=extra))
        call.routed_from, call.routed_to, call.routing_rule = "gpt-5", "gpt-5-mini", "r"
        savings.append(event_of(core, call).saved_nanos)
    # 1000 at 1.25 - 0.25, and 200 at 10 - 2 USD per million
    assert savings == [2_600_000, 2_600_000]


def test_a_rule_saves_on_passes_that_name_the_model_that_answered(tmp_path: Path) -> None:
    core = made(tmp_path)
    call = measured(core, Usage(extra=(("gpt-5-mini", Usage(1000, 200)),)))
    call.routed_from, call.routed_to, call.routing_rule = "gpt-5", "gpt-5-mini", "r"
    assert event_of(core, call).saved_nanos == 2_600_000


def test_usage_without_a_price_is_named_and_counted_but_not_where_the_cache_answered(tmp_path: Path) -> None:
    core = made(tmp_path)
    call, hit = (measured(core, Usage(1, 1, unpriced=("new_tokens",))) for _ in range(2))
    hit.cache_hit = True
    assert event_of(core, call).unpriced_usage == ("new_tokens",)
    assert event_of(core, hit).unpriced_usage == ()
    assert core.counts.unpriced_usage == 1


RENAMED = {"app": "app_id", "prompt_template": "prompt_template_id"}
"""Labels that have another name in an event."""


def test_the_event_of_a_call_has_every_label_of_its_caller_whether_it_is_metered_or_not(tmp_path: Path) -> None:
    labels: dict[str, Any] = {item.name: f"the {item.name}" for item in fields(Attribution) if item.type is str}
    core = made(tmp_path)
    core.log.open()
    metered = measured(core, Usage(1, 1))
    metered.attribution = Attribution(**labels)
    unmetered = UntrackedCall(PROVIDERS[0], metered.attribution, PathClass.UNMETERED, started=0)
    finish(core, tflow.tflow(), metered, lambda: 200)
    assert finish_unmetered(core, tflow.tflow(resp=True), unmetered)
    core.close()
    lines = [orjson.loads(line) for line in (tmp_path / "cost_events.jsonl").read_bytes().splitlines()]
    assert [line.get("unmetered", False) for line in lines] == [False, True]
    expected = {RENAMED.get(name, name): value for name, value in labels.items()}
    assert [{name: line.get(name) for name in expected} for line in lines] == [expected, expected]

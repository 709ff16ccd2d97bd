"""What is known of the calls on a flow that have ended, for the Inspector and its content view.

Kept beside mitmproxy's own attributes: it goes with the flow, and is not saved.
"""

from collections import deque
from dataclasses import dataclass, field

from mitmproxy import flow

from addons.inspecting import explain
from addons.inspecting.transcript import WIDTH
from addons.ledger.events import CostEvent
from addons.llm.call import LLMCall

METADATA = "modeltrack"
"""Key in a flow's metadata: a string of `name=value` lines, so that `~meta team=product` finds it. This is saved."""

RULE = "═" * WIDTH
_NAME = "modeltrack_seen"
_MOST_TAGS = 64
MOST_EXPLAINED = 20


@dataclass(slots=True)
class FlowSummary:
    """What is known of the calls on a flow: one, or those on a WebSocket."""

    calls: int = 0
    inputs: int = 0
    outputs: int = 0
    cost_nanos: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)
    explanations: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_EXPLAINED))
    left_out: int = 0
    """Bytes of a streamed answer that were not kept."""

    def add(self, call: LLMCall, event: CostEvent) -> None:
        self.calls += 1
        self.inputs += call.usage.total_input_tokens
        self.outputs += call.usage.output_tokens
        self.cost_nanos += event.cost_nanos or 0
        outcome = explain.outcome(event)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        for tag in explain.tags(event):
            if len(self.tags) < _MOST_TAGS:
                self.tags[tag] = None

    def summary(self, call: LLMCall, event: CostEvent) -> str:
        """After `add`; of several calls, their sums."""
        if self.calls == 1:
            return explain.summary(call, event)
        special = [f"{number} {name}" for name, number in self.outcomes.items() if name != explain.SERVED]
        parts = [
            explain.who(event.team, event.app_id),
            event.model,
            f"{self.calls} calls",
            explain.counts(self.inputs, self.outputs),
        ]
        return explain.SEPARATOR.join(filter(None, [*parts, explain.money(self.cost_nanos), *special]))


def summary_of(flow: flow.Flow) -> FlowSummary | None:
    found = flow.__dict__.get(_NAME)
    return found if isinstance(found, FlowSummary) else None


def make_summary(flow: flow.Flow) -> FlowSummary:
    """Made where there is none."""
    found: FlowSummary = flow.__dict__.setdefault(_NAME, FlowSummary())
    return found

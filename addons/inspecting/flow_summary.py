"""Keep what is known of a flow's calls that have ended, for the Inspector and its content view.

It is an attribute of the flow, so it lives as long as the flow, and is not saved to a file.
"""

from collections import deque
from dataclasses import dataclass, field

from mitmproxy import flow

from addons.inspecting import explain
from addons.inspecting.transcript import WIDTH
from addons.ledger.events import CostEvent
from addons.llm.call import LLMCall

METADATA = "modeltrack"
"""The key in a flow's metadata of a text of `name=value` lines, so that `~meta team=product` finds it. It is saved."""

RULE = "═" * WIDTH
_ATTRIBUTE = "modeltrack_summary"
_MOST_TAGS = 64
"""A WebSocket may carry calls without end; the tags of the first ones are kept."""
MOST_EXPLAINED = 20
"""The number of calls on a flow whose explanations are kept: the latest ones."""


@dataclass(slots=True)
class FlowSummary:
    """Hold sums and texts of the calls on a flow: one call, or all calls on a WebSocket."""

    calls: int = 0
    inputs: int = 0
    """Input tokens, those of the provider's cache included."""
    outputs: int = 0
    """Output tokens."""
    cost_nanos: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    """The number of calls with each outcome."""
    tags: dict[str, None] = field(default_factory=dict)
    """The tags of all calls, each once, in the order in which they came."""
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
        """Return the line for the flow's list: the call that was added last or, of several calls, their sums."""
        if self.calls == 1:
            return explain.summary(call, event)
        special = [f"{number} {name}" for name, number in self.outcomes.items() if name != explain.SERVED]
        parts = [
            explain.who(event.team, event.app_id, event.user),
            event.model,
            f"{self.calls} calls",
            explain.counts(self.inputs, self.outputs),
        ]
        return explain.SEPARATOR.join(filter(None, [*parts, explain.money(self.cost_nanos), *special]))


def summary_of(flow: flow.Flow) -> FlowSummary | None:
    found = flow.__dict__.get(_ATTRIBUTE)
    return found if isinstance(found, FlowSummary) else None


def make_summary(flow: flow.Flow) -> FlowSummary:
    """Return the summary of a flow; make it where there is none yet."""
    found: FlowSummary = flow.__dict__.setdefault(_ATTRIBUTE, FlowSummary())
    return found

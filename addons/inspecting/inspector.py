"""Inspector: what mitmweb and mitmproxy show of a call: a comment, a marker, its conversation, and why it cost what.

It shows prompts and answers to whoever may open mitmweb, and puts nothing of them into logs, comments or metadata.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import orjson
from mitmproxy import addonmanager, contentviews, ctx, flow, http

from addons.core import Core
from addons.flow.attached import call_of, untracked_call
from addons.flow.guard import describe, guarded
from addons.inspecting import explain
from addons.inspecting.bill import bill
from addons.inspecting.content_view import LLMContentview
from addons.inspecting.flow_summary import METADATA, MOST_EXPLAINED, RULE, make_summary, summary_of
from addons.inspecting.kept_streams import KeptStreams, Tee
from addons.ledger.events import CostEvent
from addons.llm.call import LLMCall

logger = logging.getLogger(__name__)

_MARKERS = {
    explain.REFUSED: ":no_entry:",
    explain.FAILED: ":x:",
    explain.HIT: ":zap:",
    explain.UNPRICED: ":grey_question:",
    explain.DOWNGRADED: ":arrow_down:",
    explain.SERVED: "",
}
"""What is worth a look first."""
_OURS = frozenset(_MARKERS.values())


class Inspector:
    """The content view and the commands; below it a Watch, where flows are looked at."""

    def __init__(self, core: Core, stats: Callable[[], dict[str, Any]], clear_cache: Callable[[], int]) -> None:
        self.core = core
        self._stats = stats
        self._clear_cache = clear_cache
        self.addons: list[Watch] = []

    def load(self, loader: addonmanager.Loader) -> None:
        contentviews.add(LLMContentview())
        commands: dict[str, Callable[..., Any]] = {
            "modeltrack.stats": self.stats,
            "modeltrack.budgets": self.budgets,
            "modeltrack.cache.clear": self.clear_cache,
            "modeltrack.explain": self.explain,
        }
        for name, function in commands.items():
            loader.add_command(name, function)
        view = ctx.master.addons.get("view")
        mode = "never" if self.core.failure else self.core.settings.inspect
        if mode == "always" or (mode == "auto" and view is not None):
            watch = Watch(self.core, view)
            self.core.on_record = watch.recorded
            self.addons.append(watch)

    # Commands return lines: mitmproxy's console shows each in a row of its own.

    def stats(self) -> Sequence[str]:
        """What /stats, /cache/stats and /routing/stats say."""
        return orjson.dumps(self._stats(), option=orjson.OPT_INDENT_2).decode().splitlines()

    def budgets(self) -> Sequence[str]:
        """What of each budget is spent this month."""
        standings = self.core.ledger.all_standings()
        lines = [f"{s.warning()}, app '{s.budget.app}'" if s.budget.app else s.warning() for s in standings]
        return lines or ["There is no budget: data/budgets.json sets them."]

    def clear_cache(self) -> str:
        """Forget all cached answers."""
        return f"{self._clear_cache()} answers forgotten"

    def explain(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Why these flows cost what they cost."""
        found = (summary_of(flow) for flow in flows[:MOST_EXPLAINED])
        texts = [text for one in found if one for text in one.explanations]
        text = f"\n\n{RULE}\n\n".join(texts)
        return text.splitlines() or ["No call that has ended: nothing is known of its cost."]


class Watch:
    """Comments on flows as their calls end, keeps streamed answers, and lets go of the oldest flows."""

    def __init__(self, core: Core, view: Any) -> None:
        """`view` is mitmproxy's list of flows, None in mitmdump."""
        self.core = core
        self._view = view
        self._streams = KeptStreams()

    def failed(self, flow: http.HTTPFlow) -> None:
        """Nothing depends on it."""

    def recorded(self, flow: http.HTTPFlow, call: LLMCall, event: CostEvent) -> None:
        """For core.on_record."""
        try:
            self._comment(flow, call, event)
            call.body = {}  # the flow keeps the request, and this stays as long as the flow
        except Exception as error:
            logger.error("a flow could not be commented on: %s", describe(error))

    def _comment(self, flow: http.HTTPFlow, call: LLMCall, event: CostEvent) -> None:
        known = make_summary(flow)
        known.add(call, event)
        usage = call.usage if call.cache_hit else call.priced_usage
        lines = bill(self.core.prices, call.provider.name, call.model, usage, event.timestamp)
        known.explanations.append(explain.explanation(call, event, lines))
        flow.comment = known.summary(call, event)
        flow.metadata[METADATA] = "\n" + "\n".join(known.tags)
        if flow.marked in _OURS:  # one that somebody set stays
            worst = next(name for name in _MARKERS if name in known.outcomes)
            flow.marked = _MARKERS[worst]

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """What it is until a call has ended, and for what is no call; without the query, which may hold a key."""
        if flow.live and not flow.comment:
            what = f"{flow.request.method} {flow.request.path.partition('?')[0]}"[:200]
            other = untracked_call(flow)
            flow.comment = f"{explain.who(other.team, other.app)} · {what} · not metered" if other else what

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response, limit = flow.response, self.core.settings.inspect_stream_bytes
        if response and response.stream and limit and call_of(flow):
            total = self.core.settings.inspect_max_bytes
            response.stream = Tee(response.stream, self._streams, flow, limit, total)

    @guarded
    def response(self, flow: http.HTTPFlow) -> None:
        self._ended(flow)

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        self._ended(flow)

    def _ended(self, flow: http.HTTPFlow) -> None:
        if flow.response and isinstance(flow.response.stream, Tee):
            flow.response.stream.finish()
        self._let_go()

    def _let_go(self) -> None:
        """Of the oldest flows over the limit that are over and that nobody has marked."""
        limit = self.core.settings.inspect_max_flows
        if not limit or self._view is None or (excess := self._view.store_count() - limit) <= 0:
            return
        over = (old for old in self._view._store.values() if not old.live and old.marked in _OURS)
        for old in list(islice(over, excess)):
            self._view.remove([old])  # of several at once it makes an alert

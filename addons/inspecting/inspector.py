"""Inspector: show calls in mitmweb and mitmproxy, with a comment, a marker, the conversation, and the cost explained.

Everybody who may open mitmweb sees prompts and answers there. None of their text goes into logs, comments or metadata.
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
"""The marker of each outcome. Those that deserve attention come first: a flow gets the first that fits."""
_OUR_MARKERS = frozenset(_MARKERS.values())


class Inspector:
    """Add the content view and the commands and, where flows are shown or saved, a Watch."""

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

    # Commands return lists of lines, because mitmproxy's console shows each item in a row. mitmproxy shows their
    # docstrings as their help.

    def stats(self) -> Sequence[str]:
        """Show what /stats, /cache/stats and /routing/stats report."""
        return orjson.dumps(self._stats(), option=orjson.OPT_INDENT_2).decode().splitlines()

    def budgets(self) -> Sequence[str]:
        """Show how much of each budget is spent this month."""
        standings = self.core.ledger.all_standings()
        lines = [f"{s.warning()}, app '{s.budget.app}'" if s.budget.app else s.warning() for s in standings]
        return lines or ["There is no budget: data/budgets.json sets them."]

    def clear_cache(self) -> str:
        """Forget all cached answers."""
        return f"{self._clear_cache()} cached answers forgotten"

    def explain(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Explain why these flows cost what they cost."""
        found = (summary_of(flow) for flow in flows[:MOST_EXPLAINED])
        texts = [text for one in found if one for text in one.explanations]
        text = f"\n\n{RULE}\n\n".join(texts)
        return text.splitlines() or ["None of these flows has a call that has ended."]


class Watch:
    """Comment on flows as their calls end, keep streamed answers, and drop the oldest flows."""

    def __init__(self, core: Core, view: Any) -> None:
        """`view` is mitmproxy's list of flows, None in mitmdump."""
        self.core = core
        self._view = view
        self._streams = KeptStreams()

    def failed(self, flow: http.HTTPFlow) -> None:
        """Do nothing: no call depends on what is shown of it."""

    def recorded(self, flow: http.HTTPFlow, call: LLMCall, event: CostEvent) -> None:
        """Comment on the flow of a call that has ended. Core calls this as its `on_record`."""
        try:
            self._comment(flow, call, event)
            call.body = {}  # frees memory: the flow has the request, too, and the call lives as long as the flow
        except Exception as error:
            logger.error("a flow could not be commented on: %s. mitmweb shows it without its cost", describe(error))

    def _comment(self, flow: http.HTTPFlow, call: LLMCall, event: CostEvent) -> None:
        known = make_summary(flow)
        known.add(call, event)
        usage = call.usage if call.cache_hit else call.priced_usage
        lines = bill(self.core.prices, call.provider.name, call.model, usage, event.timestamp)
        known.explanations.append(explain.explanation(call, event, lines))
        flow.comment = known.summary(call, event)
        flow.metadata[METADATA] = "\n" + "\n".join(known.tags)
        if flow.marked in _OUR_MARKERS:  # a marker that a person set stays
            worst = next(name for name in _MARKERS if name in known.outcomes)
            flow.marked = _MARKERS[worst]

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Comment on a request until its call has ended, or for good where it is not metered.

        The query is left out, because it may hold a key.
        """
        if flow.live and not flow.comment:
            what = f"{flow.request.method} {flow.request.path.partition('?')[0]}"[:200]
            if other := untracked_call(flow):
                caller = other.attribution
                what = f"{explain.who(caller.team, caller.app, caller.user)} · {what} · not metered"
            flow.comment = what

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
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Remove the oldest flows over the limit, but not those that are live, or that a person has marked."""
        limit = self.core.settings.inspect_max_flows
        if not limit or self._view is None or (excess := self._view.store_count() - limit) <= 0:
            return
        ended = (old for old in self._view._store.values() if not old.live and old.marked in _OUR_MARKERS)
        for old in list(islice(ended, excess)):
            self._view.remove([old])  # one at a time: mitmproxy shows an alert when several are removed at once

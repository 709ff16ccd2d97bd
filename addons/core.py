"""What the addons share: settings, prices, budgets, rules, the ledger, the event log, and counts for the status pages.

Made by main.py and handed to each addon. `configure` validates, `open` opens, `close` closes.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from mitmproxy import http

from addons import gc_tuning
from addons.ledger.budgets import BudgetsFile
from addons.ledger.event_log import EventLog
from addons.ledger.events import LOG_NAME, CostEvent
from addons.ledger.follower import LogFollower
from addons.ledger.spend import Ledger, Spend, month_of
from addons.ledger.validation import parse_model
from addons.ledger.watched import WatchedFile, Watcher
from addons.llm.call import CallState, LLMCall
from addons.llm.hosts import Host
from addons.llm.model_rules import RoutingFile
from addons.llm.pricing import Prices
from addons.llm.pricing_file import PricingFile
from addons.llm.usage import Usage
from addons.settings import Settings

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_FSYNC_SECONDS = 10.0
_MOST_REPORTED = 1000


@dataclass(slots=True)
class Counts:
    """Since the start. Money in nano-USD."""

    requests: int = 0
    tokens: int = 0
    cost_nanos: int = 0
    blocked: int = 0
    errors: int = 0
    unpriced: int = 0
    untracked: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_coalesced: int = 0
    """Hits on an answer that was still on its way."""
    cache_waiting: int = 0
    cache_savings_nanos: int = 0
    routed: int = 0
    not_routed: int = 0
    routing_blocked: int = 0
    routing_skipped: Counter[str] = field(default_factory=Counter)
    rule_hits: Counter[str] = field(default_factory=Counter)
    routing_savings_nanos: int = 0


class Tunnel(NamedTuple):
    """What a CONNECT said, for as long as its connection lasts."""

    hosts: tuple[Host, ...]
    """Empty: no LLM provider's, and so not looked into."""
    team: str
    app: str


class Core:
    def __init__(self) -> None:
        self.prices = Prices()
        self.ledger = Ledger(self.now, time.monotonic, self._is_under_way)
        self.counts = Counts()
        self.started = time.monotonic()
        self.ready = asyncio.Event()
        self.failure = "ModelTrack has not been configured yet"
        """Why nothing may be served, "" when all is well."""
        self.live: dict[str, http.HTTPFlow] = {}
        """Flows of calls whose event is not written yet, by flow id."""
        self.tunnels: dict[str, Tunnel] = {}
        """By the id of the client's connection."""
        self.on_record: Callable[[http.HTTPFlow, LLMCall, CostEvent], None] | None = None
        """Told of each event, after it was written."""
        self._unpriced_models: set[tuple[str, str]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._syncing = asyncio.Lock()
        self._watcher: Watcher | None = None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _is_under_way(self, flow_id: str) -> bool:
        flow = self.live.get(flow_id)
        return flow is not None and flow.live and flow.client_conn.timestamp_end is None

    def configure(self, settings: Settings) -> None:
        """Read the files in DATA_DIR. Raises ConfigError, a ValueError."""
        self.settings = settings
        folder = settings.data_dir
        self.log = EventLog(folder / LOG_NAME, fsync=settings.fsync)
        self._follower = LogFollower(self.log.path)
        self.budgets = WatchedFile(folder / "budgets.json", partial(parse_model, BudgetsFile), lambda: BudgetsFile())
        self.routing = WatchedFile(folder / "routing.json", partial(parse_model, RoutingFile), lambda: RoutingFile())
        self.pricing = WatchedFile(folder / "pricing.json", partial(parse_model, PricingFile), lambda: PricingFile())
        self.files: tuple[WatchedFile[Any], ...] = (self.budgets, self.routing, self.pricing)
        for file in self.files:
            file.load()
        self._apply_files()
        self.failure = ""

    def _apply_files(self) -> None:
        self.ledger.budgets = self.budgets.value
        self.prices.override(self.pricing.value)

    def open(self) -> None:
        """Open the log and begin to rebuild the ledger. Raises OSError."""
        self.log.open()
        self._loop = asyncio.get_running_loop()
        self._watcher = Watcher(self.files, self._on_change)
        self._watcher.start()
        self._tasks = [asyncio.create_task(self._rebuild()), asyncio.create_task(self._tick())]

    def _on_change(self, _: WatchedFile[Any]) -> None:
        """In the watcher's thread."""
        self._loop.call_soon_threadsafe(self._apply_files)

    async def _rebuild(self) -> None:
        """Requests wait until this is done."""
        while not self.ready.is_set():
            try:
                self.ledger.restore(await asyncio.to_thread(self._read_all))
                gc_tuning.settle()
                self.ready.set()
            except Exception as error:
                reason = error.strerror if isinstance(error, OSError) else type(error).__name__
                logger.error("%s cannot be read, so budgets cannot be checked: %s", self.log.path, reason)
                await asyncio.sleep(_RETRY_SECONDS)

    def _read_all(self) -> Spend:
        self.prices.warm_up()
        return self._follower.spend_since(month_of(self.now()))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                await asyncio.to_thread(self.log.tick)
                if self.ready.is_set():
                    self.count_others(follow=True)
            except OSError as error:
                logger.warning("%s cannot be read for what other proxies spend: %s", self.log.path, error.strerror)
            except Exception as error:
                logger.error("the event log was not looked after: %s", type(error).__name__)

    def count_others(self, follow: bool = False) -> None:
        """Count what other proxies on this DATA_DIR have spent by now; `follow` a log that was rotated, too.

        Raises OSError where the log cannot be read.
        """
        own = self.log.written
        if follow or self._follower.has_news(own):
            self.ledger.restore(self._follower.others_spend(own))

    async def make_durable(self) -> None:
        """With MODELTRACK_FSYNC=always, wait until what was written is on the disk.

        Off the event loop; one fsync serves all who began to wait before it did. A disk that hangs holds no answer up
        for longer than some seconds.
        """
        if self.settings.fsync != "always":
            return
        try:
            async with asyncio.timeout(_FSYNC_SECONDS), self._syncing:
                await asyncio.to_thread(self.log.sync)
        except TimeoutError:
            logger.error("%s: fsync takes over %g s, an answer goes out before its end", self.log.path, _FSYNC_SECONDS)

    def close(self) -> None:
        gc_tuning.unsettle()
        for task in self._tasks:
            task.cancel()
        if self._watcher:
            self._watcher.stop()
        with contextlib.suppress(AttributeError):  # never configured
            self.log.close()
            self._follower.close()

    def config_errors(self) -> list[str]:
        return [file.error for file in self.files if file.error]

    def has_price(self, call: LLMCall, model: str) -> bool:
        """At the call's provider."""
        return self.prices.known(call.provider.name, model)

    def bills_as(self, call: LLMCall, answered: str) -> bool:
        """Whether the model that the answer names, a dated form or a deployment's, is the one to bill.

        Not one without a price, such as a deployment's own name; nor where pricing.json has the one asked for alone, or
        where the provider bills by that name.
        """
        if call.provider.bills_as_asked and self.has_price(call, call.model):
            return False
        provider = call.provider.name
        is_mine = self.prices.overrides(provider, call.model) and not self.prices.overrides(provider, answered)
        return not is_mine and self.has_price(call, answered)

    def cost(self, call: LLMCall, model: str, usage: Usage) -> int | None:
        """Nano-USD at the call's provider now, None where it is not known."""
        return self.prices.cost(call.provider.name, model, usage, self.now())

    def settle(self, flow_id: str, call: LLMCall, now: datetime) -> None:
        """The one place where a call ends: what it cost takes the place of its reservation."""
        call.state = CallState.LOGGED
        self.live.pop(flow_id, None)
        who = call.attribution
        self.ledger.settle(call.ticket, who.team, who.app, call.cost_nanos or 0, now)

    def record(self, call: LLMCall, event: CostEvent) -> None:
        """The one place where a call's event is written and its figures counted."""
        self.log.append(event.line())
        self._count(call, event)

    def _count(self, call: LLMCall, event: CostEvent) -> None:
        counts = self.counts
        counts.requests += 1
        counts.tokens += 0 if event.cache_hit else call.usage.total_tokens
        counts.cost_nanos += event.cost_nanos or 0
        counts.blocked += bool(event.blocked_by)
        counts.errors += bool(event.error) and not event.blocked_by
        if event.cost_nanos is None:
            counts.unpriced += 1
            self._report_unpriced(event.provider, event.model)

    def _report_unpriced(self, provider: str, model: str) -> None:
        """Once for each model; clients may send any number of names."""
        if (provider, model) not in self._unpriced_models and len(self._unpriced_models) < _MOST_REPORTED:
            self._unpriced_models.add((provider, model))
            logger.warning("%s has no price for model %r: its calls are logged without a cost", provider, model)

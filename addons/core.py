"""Hold what the addons share: settings, prices, budgets, rules, the ledger, the event log, and counts.

main.py makes one Core and hands it to each addon. `configure` reads and validates, `open` opens the event log, `close`
closes it.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mitmproxy import http
from pydantic import BaseModel

from addons import gc_tuning
from addons.callers.attribution_file import AttributionFile
from addons.callers.credentials import Credentials
from addons.callers.keys import MOST_BYTES, KeysFile
from addons.callers.known import NOBODY, known
from addons.callers.presented import Presented
from addons.callers.sent_anyway import SOURCES
from addons.callers.withheld import WITHHELD
from addons.ledger.budgets import BudgetsFile
from addons.ledger.config_events.log import ConfigLog
from addons.ledger.counts import ConnectionCounts, Counts
from addons.ledger.event_log import EventLog
from addons.ledger.events import LOG_NAME, CostEvent
from addons.ledger.experience import Experience
from addons.ledger.follower import LogFollower
from addons.ledger.held import HeldBytes
from addons.ledger.spend import Ledger, Spend, month_of
from addons.ledger.validation import parse_model
from addons.ledger.watched import WatchedFile, Watcher
from addons.llm.call import CallState, LLMCall, UntrackedCall
from addons.llm.hosts import Host
from addons.llm.model_limits.memory import RefusedDowngrades
from addons.llm.model_rules import RoutingFile
from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from addons.llm.speeds import Speeds
from addons.llm.usage import Usage
from addons.settings.fields import Settings

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_FSYNC_SECONDS = 10.0
_MOST_REPORTED = 1000
"""Models without a price that are logged; clients may send any number of names."""


class Tunnel(NamedTuple):
    """Keeps what a CONNECT said, for as long as its connection lasts."""

    hosts: tuple[Host, ...]
    """Empty if the host is no LLM provider's: the tunnel is then passed on without being read."""
    opened: Presented
    """What the CONNECT showed of who calls."""


def _watched[M: BaseModel](path: Path, model: type[M], **limits: int) -> WatchedFile[M]:
    """Return a file of DATA_DIR, which is as if it were empty where it is not there."""
    return WatchedFile(path, partial(parse_model, model), lambda: model(), **limits)


class Core:
    def __init__(self) -> None:
        self.prices = Prices()
        self.ledger = Ledger(self.now, time.monotonic, self._is_under_way)
        self.experience = Experience()
        self.counts = Counts()
        self.known = NOBODY  # the teams and apps that budgets.json and TEAMS name
        self.sources = SOURCES  # what clients send anyway that says who a call is for
        self.withheld = WITHHELD  # the headers that do not go to the provider
        self.connections = ConnectionCounts()
        self.refused_downgrades = RefusedDowngrades()
        self.speeds = Speeds()
        self.started = time.monotonic()
        self.ready = asyncio.Event()
        self.failure = "ModelTrack has not been configured yet"
        """Why the proxy serves nothing; "" when all is well."""
        self.live: dict[str, http.HTTPFlow] = {}
        """Flows of calls whose event is not written yet, by flow id; calls on a WebSocket have a key each."""
        self.held = HeldBytes()  # the bodies in memory: see addons/flow/bodies/bounds.py
        self.tunnels: dict[str, Tunnel] = {}
        """Open tunnels by the id of the client's connection."""
        self.opened_by: dict[str, frozenset[bytes]] = {}
        """The digests of the keys that opened a tunnel, or a WebSocket in it, by the id of the client's connection."""
        self.on_tick: list[Callable[[], None]] = []
        """Called twice a second, and after each change of a file in DATA_DIR."""
        self.on_record: Callable[[http.HTTPFlow, LLMCall, CostEvent], None] | None = None
        """Called after each event has been written."""
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
        """Take the settings and read the files in DATA_DIR. Raises ConfigError (a ValueError) for an invalid file."""
        self.settings = settings
        folder = settings.data_dir
        self.log = EventLog(folder / LOG_NAME, fsync=settings.fsync)
        self._follower = LogFollower(self.log.path)
        self.budgets = _watched(folder / "budgets.json", BudgetsFile)
        self.routing = _watched(folder / "routing.json", RoutingFile)
        self.pricing = _watched(folder / "pricing.json", PricingFile)
        self.keys = _watched(folder / "keys.json", KeysFile, max_bytes=MOST_BYTES)
        self.attribution = _watched(folder / "attribution.json", AttributionFile)
        self.files: tuple[WatchedFile[Any], ...] = (
            self.budgets,
            self.routing,
            self.pricing,
            self.keys,
            self.attribution,
        )
        self._config_log = ConfigLog(folder, self.files)
        for file in self.files:
            file.load()
        self.credentials = Credentials(os.environ)
        self.credentials.refer_to(self.keys.value)
        self._apply_files()
        self.failure = ""

    def change(self, settings: Settings) -> None:
        """Take other settings, all of which can change while the proxy runs."""
        self.settings = settings
        self._apply_files()

    def _apply_files(self) -> None:
        self.ledger.budgets = self.budgets.value
        self.known = known(self.budgets.value, self.keys.value, self.settings.teams)
        self.sources, self.withheld = self.attribution.value.table, self.attribution.value.withheld
        self.prices.override(self.pricing.value)

    def open(self) -> None:
        """Open the event log and begin to rebuild the ledger. Raises OSError if the log cannot be opened."""
        self.log.open()
        self._loop = asyncio.get_running_loop()
        self._watcher = Watcher(self.files, self._on_change, after=self._config_log.tick)
        self._watcher.start()
        self._tasks = [asyncio.create_task(work()) for work in (self._rebuild, self._tick, self._refresh_credentials)]

    def _on_change(self, file: WatchedFile[Any]) -> None:
        """Have the event loop apply the changed files: the watcher calls this in a thread of its own."""
        if file is self.keys:
            self.credentials.refer_to(self.keys.value)  # here, since it reads files
        self._loop.call_soon_threadsafe(self._apply_changed)

    def _apply_changed(self) -> None:
        self._apply_files()
        for look in self.on_tick:
            look()

    async def _rebuild(self) -> None:
        """Rebuild the ledger from the event log, and try again until that works. Calls wait for it."""
        while not self.ready.is_set():
            try:
                self.ledger.restore(await asyncio.to_thread(self._read_all))
                gc_tuning.settle()
                self.ready.set()
            except Exception as error:
                reason = error.strerror if isinstance(error, OSError) else type(error).__name__
                text = "%s cannot be read, so budgets cannot be checked; the next try is in %g s: %s"
                logger.error(text, self.log.path, _RETRY_SECONDS, reason)
                await asyncio.sleep(_RETRY_SECONDS)

    def _read_all(self) -> Spend:
        self.prices.warm_up()
        return self._follower.spend_since(month_of(self.now()))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                for look in self.on_tick:
                    look()
                await asyncio.to_thread(self.log.tick)
                if self.ready.is_set():
                    self.count_others(follow=True)
            except OSError as error:
                text = "%s cannot be read, so what other proxies spend is not counted: %s"
                logger.warning(text, self.log.path, error.strerror)
            except Exception as error:
                logger.error("%s: writing or following the log failed: %s", self.log.path, type(error).__name__)

    async def _refresh_credentials(self) -> None:
        """Read files of credentials again, apart from all else: they may be on a disk that hangs."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await asyncio.to_thread(self.credentials.refresh)

    def count_others(self, follow: bool = False) -> None:
        """Count what other proxies on this DATA_DIR have spent by now. `follow` also notices that the log was rotated.

        Raises OSError if the log cannot be read.
        """
        own = self.log.written
        if follow or self._follower.has_news(own):
            self.ledger.restore(self._follower.others_spend(own))

    async def make_durable(self) -> None:
        """Wait until what was written is on the disk, if MODELTRACK_FSYNC=always; return at once otherwise.

        A thread does the fsync, and one fsync serves all answers that began to wait before it. A disk that hangs delays
        an answer by no more than `_FSYNC_SECONDS`.
        """
        if self.settings.fsync != "always":
            return
        try:
            async with asyncio.timeout(_FSYNC_SECONDS), self._syncing:
                await asyncio.to_thread(self.log.sync)
        except TimeoutError:
            text = "%s: fsync takes longer than %g s, so an answer goes out before its event is on the disk"
            logger.error(text, self.log.path, _FSYNC_SECONDS)

    def close(self) -> None:
        gc_tuning.unsettle()
        for task in self._tasks:
            task.cancel()
        if self._watcher:
            self._watcher.stop()
        with contextlib.suppress(AttributeError):  # `configure` failed or was never called
            self.log.close()
            self._follower.close()

    def remember_opened(self, client_id: str, digest: bytes | None) -> None:
        """Have a connection closed when the key that opened a tunnel or a WebSocket on it is valid no more."""
        if digest:
            self.opened_by[client_id] = self.opened_by.get(client_id, frozenset()) | {digest}

    def config_errors(self) -> list[str]:
        return [file.error for file in self.files if file.error]

    def has_price(self, call: LLMCall, model: str) -> bool:
        """Return whether the model has a known price at the call's provider."""
        return self.prices.known(call.provider.name, model)

    def bills_as(self, call: LLMCall, answered: str) -> bool:
        """Return whether to bill the model that the answer names, such as a dated form, or the model of a deployment.

        The model asked for is billed instead if the answer's has no price (a deployment's own name, for example), if
        only the one asked for is in pricing.json, or if it has a price and the provider bills by the name asked for.
        """
        if call.provider.bills_as_asked and self.has_price(call, call.model):
            return False
        provider = call.provider.name
        is_mine = self.prices.overrides(provider, call.model) and not self.prices.overrides(provider, answered)
        return not is_mine and self.has_price(call, answered)

    def cost(self, call: LLMCall, model: str, usage: Usage) -> int | None:
        """Return the cost in nano-USD at the call's provider now, or None if the price is not known."""
        return self.prices.cost(call.provider.name, model, usage, self.now())

    def settle(self, flow_id: str, call: LLMCall, now: datetime) -> None:
        """End the call: replace its reservation with what it cost. This is the one place where a call ends."""
        call.state = CallState.LOGGED
        self.live.pop(flow_id, None)
        who = call.attribution
        self.ledger.settle(call.ticket, who.team, who.app, call.cost_nanos or 0, now)

    def record(self, call: LLMCall | UntrackedCall, event: CostEvent) -> None:
        """Write the call's event and count its figures. This is the one place where an event is written."""
        self.log.append(event.line())
        self._count(event, call.usage.total_tokens if isinstance(call, LLMCall) and not event.cache_hit else 0)

    def _count(self, event: CostEvent, tokens: int) -> None:
        counts = self.counts
        counts.requests += 1
        counts.tokens += tokens
        counts.unmetered += event.unmetered
        counts.cost_nanos += event.cost_nanos or 0
        counts.blocked += bool(event.blocked_by)
        counts.errors += bool(event.error) and not event.blocked_by
        counts.unpriced_usage += bool(event.unpriced_usage)
        if event.cost_nanos is None:
            counts.unpriced += 1
            if event.unmetered:
                return  # no price would help
            self._report_unpriced(event.provider, event.model)

    def _report_unpriced(self, provider: str, model: str) -> None:
        """Warn once for each model, and for no more than `_MOST_REPORTED`."""
        if (provider, model) not in self._unpriced_models and len(self._unpriced_models) < _MOST_REPORTED:
            self._unpriced_models.add((provider, model))
            text = "%s has no price for model %r: its calls are logged without a cost until pricing.json has one"
            logger.warning(text, provider, model)

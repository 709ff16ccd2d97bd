"""What the API's parts share: settings, database, prices, budgets. `open` opens, `start` begins the work in the
background, `close` ends both.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from addons.ledger.budgets import BudgetsFile
from addons.ledger.events import LOG_NAME
from addons.ledger.validation import parse_model
from addons.ledger.watched import WatchedFile, Watcher
from addons.llm.pricing import Prices
from addons.llm.pricing_file import PricingFile
from modeltrack_api.settings import ApiSettings
from modeltrack_api.store.connections import Store, held
from modeltrack_api.store.follow import Follower
from modeltrack_api.store.ingest import Ingest


def utc_now() -> datetime:
    return datetime.now(UTC)


class Task(Protocol):
    """Work in the background."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """Waits for its end, though not long. May be called twice, or without `start`."""


class App:
    def __init__(self, settings: ApiSettings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.store = Store(settings.db_path)
        log = settings.data_dir / LOG_NAME
        self.ingest = Ingest(self.store, log)
        self.follower = Follower(self.ingest, log)
        self.prices = Prices()
        folder = settings.data_dir
        self.budgets = WatchedFile(folder / "budgets.json", partial(parse_model, BudgetsFile), BudgetsFile)
        self.pricing = WatchedFile(folder / "pricing.json", partial(parse_model, PricingFile), PricingFile)
        self.tasks: list[Task] = [Watcher([self.budgets, self.pricing], lambda _: self._apply()), self.follower]
        """In the order in which they start; they stop in the reverse one. `background.py` adds to them."""
        self.raise_alerts: Callable[[float], None] = lambda patience: None
        """Raise the alerts that the log gives cause for by now, waiting so many seconds for others; background.py's."""

    def open(self) -> None:
        """Raises OSError, sqlite3.Error, NewerDatabase, ConfigError."""
        self.budgets.load()
        self.pricing.load()
        self._apply()
        self.store.open()

    def start(self) -> None:
        for task in self.tasks:
            task.start()

    @contextmanager
    def writing(self, patience: float = 5) -> Iterator[sqlite3.Connection]:
        """A transaction for what is not in the log. `patience` is `held`'s. Raises Busy when others write on."""
        with held(self.ingest.lock, patience), self.store.writing(durable=True) as db:
            yield db

    def _apply(self) -> None:
        self.prices.override(self.pricing.value)

    def close(self) -> None:
        for task in reversed(self.tasks):
            task.stop()
        self.store.close()

"""Hold what the parts of the API share: settings, database, prices and budgets.

`App.open` opens files and database, `App.start` starts the background tasks, `App.close` ends both.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from addons.ledger.budgets import BudgetsFile
from addons.ledger.events import LOG_NAME
from addons.ledger.private_files import is_link, no_link
from addons.ledger.validation import parse_model
from addons.ledger.watched import WatchedFile, Watcher
from addons.llm.prices.pricing import Prices
from addons.llm.prices.pricing_file import PricingFile
from modeltrack_api.settings import ApiSettings
from modeltrack_api.store.connections import Store, held
from modeltrack_api.store.follow import Follower
from modeltrack_api.store.ingest import Ingest


def utc_now() -> datetime:
    return datetime.now(UTC)


class Task(Protocol):
    """A piece of work that runs in the background."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """End the work and wait a few seconds for it. May be called twice, and without `start`."""


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
        """The background tasks. They start in this order and stop in reverse. `background.py` adds to them."""
        self.raise_alerts: Callable[[float], None] = lambda patience: None
        """Raise every alert that is due by now; the number is `held`'s `patience`. `background.py` sets it."""

    def open(self) -> None:
        """Read the settings files and open the database. Raises OSError, sqlite3.Error, NewerDatabase, ConfigError.

        OSError is also for a log that is a symbolic link.
        """
        if is_link(log := self.settings.data_dir / LOG_NAME):
            raise no_link(log)
        self.budgets.load()
        self.pricing.load()
        self._apply()
        self.store.open()

    def start(self) -> None:
        for task in self.tasks:
            task.start()

    @contextmanager
    def writing(self, patience: float = 5) -> Iterator[sqlite3.Connection]:
        """Open a transaction for data that is not in the event log. `patience` is `held`'s.

        Raises Busy when others hold the lock longer than that.
        """
        with held(self.ingest.lock, patience), self.store.writing(durable=True) as db:
            yield db

    def _apply(self) -> None:
        self.prices.override(self.pricing.value)

    def close(self) -> None:
        for task in reversed(self.tasks):
            task.stop()
        self.store.close()

"""What the API's parts share: settings, database, prices, budgets. `open` opens, `close` closes."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from addons.ledger.budgets import BudgetsFile
from addons.ledger.events import LOG_NAME
from addons.ledger.watched import WatchedFile, Watcher, parse_model
from addons.llm.pricing import Prices, PricingFile
from modeltrack_api.ingest import Ingest
from modeltrack_api.settings import ApiSettings
from modeltrack_api.store import Store


def utc_now() -> datetime:
    return datetime.now(UTC)


class App:
    def __init__(self, settings: ApiSettings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.store = Store(settings.db_path)
        self.ingest = Ingest(self.store, settings.data_dir / LOG_NAME)
        self.prices = Prices()
        folder = settings.data_dir
        self.budgets = WatchedFile(folder / "budgets.json", partial(parse_model, BudgetsFile), BudgetsFile)
        self.pricing = WatchedFile(folder / "pricing.json", partial(parse_model, PricingFile), PricingFile)
        self._watcher = Watcher([self.budgets, self.pricing], lambda _: self._apply())

    def open(self) -> None:
        """Raises OSError, sqlite3.Error, NewerDatabase, ConfigError."""
        self.budgets.load()
        self.pricing.load()
        self._apply()
        self.store.open()
        self._watcher.start()

    def _apply(self) -> None:
        self.prices.override(self.pricing.value)

    def close(self) -> None:
        self._watcher.stop()
        self.store.close()

"""Look up what is in the database."""

from typing import Any

from modeltrack_api.store.connections import Store
from modeltrack_api.store.ingest import Ingest
from modeltrack_api.store.measures import MEASURES
from tests.modeltrack_api.serving import event


def ids(store: Store) -> list[str]:
    """Return the ids of the events in the database, sorted; they are those given to `named`."""
    return sorted(row[0].decode() for row in store.writer.execute("SELECT event_id FROM events"))


def named(*names: str, **fields: Any) -> list[dict[str, Any]]:
    return [event(event_id=name, **fields) for name in names]


def sums(store: Store) -> list[tuple[int, ...]]:
    """The same sums from each of the four places that have them."""
    columns = ", ".join(f"coalesce(sum({name}), 0)" for name in MEASURES)
    places = ("facts", "hourly", "daily", "callers_daily")
    return [store.writer.execute(f"SELECT {columns} FROM {place}").fetchone() for place in places]


def caught_up(store: Store, ingest: Ingest, *names: str) -> None:
    assert ingest.catch_up()
    assert ids(store) == sorted(names)
    of_facts, *of_tables = sums(store)
    assert of_tables == [of_facts] * 3

"""Test GET /api/sessions and events by example."""

from datetime import timedelta
from typing import Any

import pytest

from modeltrack_api.store.measures import PARTS
from modeltrack_api.store.sums import Filters
from modeltrack_api.web.handler import ApiError
from tests.modeltrack_api.queries.asking import ALL_PRICED, NOW, USD, Asking, Database, at, between, calls, line


class TestSessions:
    def test_newest_first_with_all_that_took_part(self, database: Database) -> None:
        ask = database(
            *calls(
                ("2026-04-01", USD, {"session_id": "long", "model": "b", "team": "t", "app_id": "x"}),
                ("2026-04-02", USD, {"session_id": "short", "model": "b"}),
                ("2026-04-03", USD, {"session_id": "long", "model": "a", "team": "t", "trace_id": "t1", "user": "ann"}),
            )
        )
        long, short = ask("sessions")
        assert long == {
            "session_id": "long",
            "total_cost": 2,
            "request_count": 2,
            "models": "a,b",
            "duration_seconds": 2 * 24 * 3600,
            "team": "t",
            "app_id": "x",
            "user": "ann",
            "first_seen": "2026-04-01T12:00:00.000000Z",
            "last_seen": "2026-04-03T12:00:00.000000Z",
            **ALL_PRICED,
        }
        assert short["session_id"] == "short"
        assert [row["session_id"] for row in ask("sessions", trace_id="t1")] == ["long"]
        assert [row["session_id"] for row in ask("sessions", between("2026-04-02", "2026-04-02"))] == ["long", "short"]
        assert ask("session", id="long")["summary"] == long | {"trace_ids": ["t1"]}

    def test_of_a_very_long_one_the_newest_events_are_shown_oldest_first(self, database: Database) -> None:
        start = at("2026-04-01")
        ask = database(*[line(start + timedelta(seconds=n), n, n, session_id="s") for n in range(1002)])
        found = ask("session", id="s")
        assert [event["cost_usd"] * USD for event in found["events"]] == list(range(2, 1002))
        assert (found["truncated"], found["summary"]["request_count"]) == (True, 1002)

    def test_an_unknown_one_is_not_found(self, database: Database) -> None:
        with pytest.raises(ApiError, match="no calls of a session 's'") as caught:
            database()("session", id="s")
        assert caught.value.status == 404


class TestEvents:
    def test_come_as_in_the_log_without_empty_members(self, database: Database) -> None:
        counts = {"input_tokens": 5, "output_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0}
        call = {"provider": "openai", "model": "new", **counts, "latency_ms": 12, "team": "t"}
        ask = database(line(at("2026-04-01"), 1, None, is_streaming=True, cache_hit=False, **call))
        assert ask("events") == {
            "events": [
                {
                    "event_id": "00000000-0000-4000-8000-000000000001",
                    "timestamp": "2026-04-01T12:00:00.000000Z",
                    "event_type": "llm_api",
                    "cost_usd": None,
                    "is_streaming": True,
                    "cache_hit": False,
                    "token_summary": "in=5 out=0 cache_read=0 cache_write=0",
                    **call,
                }
            ],
            "next_cursor": None,
        }

    def test_come_with_the_parts_of_their_tokens_and_what_has_no_price(self, database: Database) -> None:
        parts = dict(zip(PARTS, (10, 20, 30, 40, 50, 60), strict=True))
        told = parts | {"unpriced_usage": ["usage.searches", "usage.é"], "prewarm": True}
        [event] = database(line(at("2026-04-01"), 1, USD, **told))("events")["events"]
        assert {name: event[name] for name in told} == told

    @pytest.mark.parametrize("value", [None, 7, "x", {}, [], [7, None]], ids=str)
    def test_a_list_of_paths_that_is_none_is_left_out(self, database: Database, value: Any) -> None:
        [event] = database(line(at("2026-04-01"), 1, USD, unpriced_usage=value))("events")["events"]
        assert "unpriced_usage" not in event

    def test_pages_skip_and_repeat_nothing_while_events_are_added(self, database: Database) -> None:
        start = at("2026-04-01")
        ask = database(*[line(start + timedelta(seconds=n), n, 0) for n in range(4)])
        first = ask("events", limit=2)
        ask.add([line(start + timedelta(seconds=n), n, 0) for n in range(4, 7)])
        second = ask("events", limit=2, cursor=first["next_cursor"])
        assert [numbers(page) for page in (first, second)] == [[3, 2], [1, 0]]
        assert second["next_cursor"] is None

    @pytest.mark.parametrize("hours_before", [[0, 1, 2, 3, 4], [0, 30, 60, 90, 2000], [0, 0, 0, 2000, 2000]])
    def test_a_filters_pages_go_back_as_far_as_there_are_events(
        self, database: Database, hours_before: list[int]
    ) -> None:
        mine = [line(NOW - timedelta(hours=hours, minutes=31), n, 0, team="t") for n, hours in enumerate(hours_before)]
        others = [line(NOW - timedelta(hours=n), 100 + n, 0) for n in range(5)]
        ask = database(*mine, *others)
        found, cursor = [], None
        for _ in range(3):
            page = ask("events", filters=Filters(team="t"), limit=2, cursor=cursor)
            found.append(len(page["events"]))
            cursor = page["next_cursor"]
        assert (found, cursor) == ([2, 2, 1], None)

    @pytest.mark.parametrize("cursor", ["", "1", "1.", "1.2.3", "a.b", "1.2 ", "\u0661.2", "9" * 19 + ".1"])
    def test_a_cursor_that_is_none_is_refused(self, database: Database, cursor: str) -> None:
        with pytest.raises(ApiError, match="cursor: must be the next_cursor") as caught:
            database()("events", cursor=cursor)
        assert caught.value.status == 400

    @pytest.mark.parametrize(
        "filters",
        [
            Filters(team="rare"),
            Filters(team="rare", model="m"),
            Filters(team="nobody"),
            Filters(user="rare"),
            Filters(key_id="rare"),
            Filters(user="rare", team="rare", key_id="rare"),
            Filters(user="many", team="rare"),
            Filters(user="", team="rare"),
            Filters(user="nobody"),
        ],
        ids=lambda filters: ", ".join(f"{name} {value!r}" for name, value in filters._asdict().items() if value),
    )
    def test_a_filter_that_few_events_pass_does_not_read_the_others(self, database: Database, filters: Filters) -> None:
        start = at("2026-04-01", "00:00")
        rare, common = ({name: label for name in ("team", "user", "key_id")} for label in ("rare", "many"))
        many = [line(start + timedelta(seconds=n), n, 0, model="m", **common) for n in range(9000)]
        without = line(at("2026-03-02"), 10**6 + 1, 0, team="rare")
        ask = database(line(at("2026-03-01"), 10**6, 0, model="m", **rare), without, *many)
        assert steps(ask, "events", filters) < 2000 < 9000 < steps(ask, "events", Filters(team="many"), limit=1000)


def numbers(page: dict[str, Any]) -> list[int]:
    return [int(event["event_id"][-12:], 16) for event in page["events"]]


def steps(ask: Asking, call: str, filters: Filters, **args: Any) -> int:
    """Return how many instructions SQLite runs for a question, to the hundred. Each row that it reads takes several."""
    hundreds = 0

    def count() -> int:
        nonlocal hundreds
        hundreds += 1
        return 0

    ask(call, filters=filters, **args)  # so that the statements are prepared before counting
    with ask.app.store.reading() as db:
        db.set_progress_handler(count, 100)
    ask(call, filters=filters, **args)
    return hundreds * 100

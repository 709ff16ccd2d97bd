"""Compare every route that reads with a recomputation in plain Python from the same log, to the nano-USD."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from addons.ledger.log_reader import parse_line
from addons.ledger.names import accounts_of
from addons.ledger.spend import fold, month_of
from modeltrack_api.amounts import usd
from modeltrack_api.store.sums import ANY, Filters
from modeltrack_api.utc import Window
from modeltrack_api.web.handler import ApiError
from tests.modeltrack_api.queries import recomputed, recomputed_calls, recomputed_machines
from tests.modeltrack_api.queries.asking import NOW, Asking, as_read
from tests.modeltrack_api.queries.log import Log
from tests.modeltrack_api.queries.made_events import FEATURES, SESSIONS, TEAMS, TRACES, filters, logs, windows

BUDGETS: list[dict[str, Any]] = [
    {"team": team, "app": app, "monthly_limit": limit, "action": "warn"}
    for team, app, limit in ((TEAMS[1], "", 900.5), (TEAMS[1], "chat", 0.01), (TEAMS[2], "ci", 2000))
]

random = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def asking(lines: list[bytes]) -> Iterator[Asking]:
    with tempfile.TemporaryDirectory() as folder:
        ask = Asking(Path(folder), lines, BUDGETS)
        try:
            yield ask
        finally:
            ask.close()


@random
@given(lines=logs(), window=windows(), chosen=filters)
def test_sums_by_label_and_day(lines: list[bytes], window: Window | None, chosen: Filters) -> None:
    log = Log(lines, window, chosen, NOW)
    with asking(lines) as ask:
        for name in (
            *("overview", "spend_summary", "models", "teams", "users", "keys", "features", "segments", "cache"),
            "routing",
        ):
            assert ask(name, window, chosen) == as_read(getattr(recomputed, name)(log)), name
        for granularity in ("hour", "day", "week", "month"):
            found = ask("spend", window, chosen, granularity=granularity)
            assert found == as_read(recomputed.spend(log, granularity)), granularity
        assert_features(ask, lines, window)
        of_machines = chosen._replace(user=None, key_id=None)
        assert ask("infrastructure", window, of_machines) == as_read(
            recomputed_machines.infrastructure(Log(lines, window, of_machines, NOW))
        )


def assert_features(ask: Asking, lines: list[bytes], window: Window | None) -> None:
    log = Log(lines, window, ANY, NOW)
    known = {e.get("feature", "") for e in log.all if e["event_type"] == "llm_api"}
    for name in FEATURES:
        if name in known:
            assert ask("feature", window, name=name) == as_read(recomputed.feature(log, name))
        else:
            with pytest.raises(ApiError, match="feature"):
                ask("feature", window, name=name)


@random
@given(
    lines=logs(),
    window=windows(),
    chosen=filters,
    trace=st.none() | st.sampled_from(TRACES[1:]),
    limit=st.integers(1, 3),
)
def test_sessions(lines: list[bytes], window: Window | None, chosen: Filters, trace: str | None, limit: int) -> None:
    log = Log(lines, window, chosen, NOW)
    with asking(lines) as ask:
        found = ask("sessions", window, chosen, trace_id=trace, limit=limit)
        assert found == as_read(recomputed_calls.sessions(log, chosen, trace, limit))
        for name in SESSIONS:
            events = [e for e in recomputed_calls.events(Log(lines, None, ANY, NOW)) if e.get("session_id") == name]
            if not events:
                with pytest.raises(ApiError, match="session"):
                    ask("session", id=name)
                continue
            found = ask("session", id=name)
            [summary] = [s for s in ask("sessions") if s["session_id"] == name]
            traces = sorted({e["trace_id"] for e in events if "trace_id" in e})
            assert found["summary"] == summary | {"trace_ids": traces}
            assert found["events"] == as_read(events[::-1])
            assert found["truncated"] is False


@random
@given(lines=logs(), window=windows(), chosen=filters, limit=st.integers(1, 12))
def test_events_page_by_page(lines: list[bytes], window: Window | None, chosen: Filters, limit: int) -> None:
    expected = as_read(recomputed_calls.events(Log(lines, window, chosen, NOW)))
    with asking(lines) as ask:
        assert list(paged(ask, window, chosen, limit)) == expected


def paged(ask: Asking, window: Window | None, chosen: Filters, limit: int) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    for _ in range(100):
        page = ask("events", window, chosen, limit=limit, cursor=cursor)
        yield from page["events"]
        cursor = page["next_cursor"]
        if cursor is None:
            return
        assert len(page["events"]) == limit
    pytest.fail("the pages have no end")


@random
@given(lines=logs(), window=windows(), chosen=filters)
def test_prompts(lines: list[bytes], window: Window | None, chosen: Filters) -> None:
    log = Log(lines, window, chosen, NOW)
    with asking(lines) as ask:
        for sort_by in ("total_cost", "request_count", "avg_cost", "avg_system_tokens"):
            found = ask("prompts", window, chosen, sort_by=sort_by)
            for row in found:
                assert bool(row["potential_savings"]) == bool(row.pop("optimization_suggestions"))
                assert (row["potential_savings"] is None) == (row["total_cost"] is None)
            saved = sum(row.pop("potential_savings") or 0 for row in found)
            assert found == as_read(recomputed_calls.prompts(log, sort_by))
        summary = ask("prompts_summary", window, chosen)
        assert (summary.pop("potential_savings") or 0) == saved
        assert summary == as_read(recomputed_calls.prompts_summary(log))


@random
@given(lines=logs())
def test_budgets_are_used_up_as_the_proxy_counts(lines: list[bytes]) -> None:
    spend = fold(filter(None, map(parse_line, dict.fromkeys(lines))))
    with asking(lines) as ask:
        rows = ask("budgets")
        assert [(row["team"], row["app"], row["spend"] or 0) for row in rows] == [
            (
                budget["team"],
                budget["app"],
                usd(spend.of(accounts_of(budget["team"], budget["app"])[-1], month_of(NOW))),
            )
            for budget in BUDGETS
        ]
        for row in rows:
            if row["spend"] is None:
                assert row["unpriced_requests"] + row["unpriced_usage_requests"] > 0
                assert (row["percent"], row["remaining"], row["projected_month_end"]) == (None, None, None)
                continue
            assert abs(row["percent"] - Decimal(row["spend"]) * 100 / row["monthly_limit"]) <= Decimal("0.00501")
            assert row["remaining"] == max(row["monthly_limit"] - row["spend"], 0)

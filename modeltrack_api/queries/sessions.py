"""Answer GET /api/sessions and /api/sessions/{id}."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from addons.ledger.events import rfc3339
from modeltrack_api.queries.common import joined, left_out, spent
from modeltrack_api.queries.rows import COLUMNS, JOINED, cost_event
from modeltrack_api.store.sums import ANY, LLM, Row, caller_where, series_where
from modeltrack_api.utc import moment
from modeltrack_api.web.handler import ApiError, Ask

MOST_EVENTS = 1000
"""A session with more events shows only the newest ones."""

_SESSION = "session_id, first_seen, last_seen, requests, cost_nanos, unpriced, unpriced_usage"


def sessions(ask: Ask) -> list[dict[str, Any]]:
    """Return sessions in the order of their last call, newest first.

    With dates: the sessions whose time from first to last call overlaps the range. With filters: the sessions with at
    least one call that passes. The sums are always those of the whole session. `models`, `team`, `app_id` and `user`
    are "a,b" if a session has several.
    """
    parameters: list[Any] = [ask.window.start, ask.window.end]
    conditions = ["last_seen >= ?", "first_seen < ?"]
    if ask.filters != ANY:
        where, wanted = series_where(ask.filters)
        caller, names = caller_where(ask.filters)
        series = f"series IN (SELECT id FROM series WHERE {where})"
        # Many sessions have a call of the team that is asked for; those of a caller are few, and have an index.
        conditions.append(
            f"session_id IN (SELECT session_id FROM session_series WHERE {caller} AND {series})"
            if caller
            else f"EXISTS (SELECT 1 FROM session_series x WHERE x.session_id = sessions.session_id AND {series})"
        )
        parameters += [*names, *wanted]
    if ask.args["trace_id"] is not None:
        conditions.append("session_id IN (SELECT session_id FROM events WHERE trace_id = ? AND trace_id != '')")
        parameters.append(ask.args["trace_id"])
    rows = ask.db.execute(
        f"SELECT {_SESSION} FROM sessions WHERE {' AND '.join(conditions)}"
        " ORDER BY last_seen DESC, session_id DESC LIMIT ?",
        [*parameters, ask.args["limit"]],
    ).fetchall()
    return _summaries(ask, rows)


def session(ask: Ask) -> dict[str, Any]:
    """Return one session: its sums, its events (oldest first), and their `trace_ids`.

    Only the newest 1000 events are shown; `truncated` says whether there are more. A session without calls is answered
    with 404.
    """
    name = ask.args["id"]
    rows = ask.db.execute(f"SELECT {_SESSION} FROM sessions WHERE session_id = ?", (name,)).fetchall()
    if not rows:
        raise ApiError(404, f"no calls of a session {name[:80]!r}")
    newest = ask.db.execute(
        f"SELECT {COLUMNS} FROM events e {JOINED}"
        " WHERE e.session_id = ? AND e.session_id != '' AND s.event_type = ?"
        " ORDER BY e.ts DESC, e.id DESC LIMIT ?",
        (name, LLM, MOST_EVENTS),
    ).fetchall()
    [summary] = _summaries(ask, rows)
    return {
        "summary": {**summary, "trace_ids": sorted({row["trace_id"] for row in newest if row["trace_id"]})},
        "events": [cost_event(row) for row in reversed(newest)],
        "truncated": rows[0]["requests"] > len(newest),
    }


def _summaries(ask: Ask, rows: Sequence[Row]) -> list[dict[str, Any]]:
    labels: defaultdict[str, list[Row]] = defaultdict(list)
    for found in ask.db.execute(
        "SELECT session_id, model, team, app_id, user FROM json_each(?) AS wanted"
        " CROSS JOIN session_series ON session_id = wanted.value JOIN series ON series.id = series"
        " JOIN callers ON callers.id = caller",
        (orjson.dumps([row["session_id"] for row in rows]).decode(),),
    ):
        labels[found["session_id"]].append(found)
    return [
        {
            "session_id": row["session_id"],
            "total_cost": spent(row),
            "request_count": row["requests"],
            **left_out(row),
            "models": joined(found["model"] for found in labels[row["session_id"]]),
            "duration_seconds": round((row["last_seen"] - row["first_seen"]) / 10**6, 3),
            "team": joined(found["team"] for found in labels[row["session_id"]]),
            "app_id": joined(found["app_id"] for found in labels[row["session_id"]]),
            "user": joined(found["user"] for found in labels[row["session_id"]]),
            "first_seen": rfc3339(moment(row["first_seen"])),
            "last_seen": rfc3339(moment(row["last_seen"])),
        }
        for row in rows
    ]

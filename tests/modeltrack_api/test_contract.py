"""Test the names and types in the API's answers, which clients rely on.

Fields may be added, but none may be missing or have another type. The tests ask the served API, whose database has a
month of calls, the collector's events, budgets and alerts.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest

from bench.events import lines
from modeltrack_api.app import App, utc_now
from modeltrack_api.background import add_alerter
from modeltrack_api.routes import ROUTES
from modeltrack_api.web.dispatch import Dispatcher
from modeltrack_api.web.server import Server
from tests.modeltrack_api.serving import append, event, opened, serving, settings

Shape = Any
"""A function that checks a value, `[shape of each item]`, `{name: shape}`, `(one, or, another)`, or the exact value."""


def text(value: Any) -> bool:
    return type(value) is str


def whole(value: Any) -> bool:
    return type(value) is int


def number(value: Any) -> bool:
    return type(value) in (int, float)


def flag(value: Any) -> bool:
    return type(value) is bool


def day(value: Any) -> bool:
    return text(value) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def time(value: Any) -> bool:
    return text(value) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


class MapOf(NamedTuple):
    shape: Shape


def problems(value: Any, shape: Shape, where: str = "data") -> Iterator[str]:
    match shape:
        case MapOf(inner):
            yield from _members(value, dict.fromkeys(value, inner) if isinstance(value, dict) else {}, where)
        case dict():
            yield from _members(value, shape, where)
        case [inner]:
            if not isinstance(value, list) or not value:
                yield f"{where}: not a list with anything in it"
            else:
                for place, item in enumerate(value):
                    yield from problems(item, inner, f"{where}[{place}]")
        case tuple():
            if all(list(problems(value, option, where)) for option in shape):
                yield f"{where}: {value!r}"
        case _ if callable(shape):
            if not shape(value):
                yield f"{where}: {value!r} is no {shape.__name__}"
        case _:
            if value != shape or type(value) is not type(shape):
                yield f"{where}: {value!r} is not {shape!r}"


def _members(value: Any, shape: Mapping[str, Shape], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no object"
        return
    for name, inner in shape.items():
        if name not in value:
            yield f"{where}.{name} is missing"
        else:
            yield from problems(value[name], inner, f"{where}.{name}")


usd = number
SESSION = {
    **{"session_id": text, "total_cost": usd, "request_count": whole, "models": text, "duration_seconds": number},
    **{"team": text, "app_id": text, "first_seen": time, "last_seen": time},
}
EVENT = {
    **{"event_id": text, "timestamp": time, "event_type": text, "provider": text, "model": text},
    **{"cost_usd": (usd, None), "input_tokens": whole, "output_tokens": whole, "latency_ms": whole},
    **{"is_streaming": flag, "cache_hit": flag},
}
MONTHLY = {"monthly": usd, "quarterly": usd}
SHARE = {"spend": usd, "requests": whole, "pct_of_total": number}
REPORT = {
    "period": {"start": day, "end": day, "label": text},
    "summary": {
        **{"total_spend": usd, "total_requests": whole, "unique_models": whole, "unique_teams": whole},
        **{"unique_features": whole, "avg_cost_per_request": usd, "cache_hit_rate": number},
    },
    "trends": dict.fromkeys(["spend_change_pct", "request_change_pct", "cost_efficiency_change_pct"], (number, None)),
    "spend_by_team": [{"team": text, **SHARE}],
    "spend_by_model": [{"model": text, **SHARE}],
    "spend_by_feature": [{"feature": text, "spend": usd, "requests": whole, "avg_cost": usd}],
    "daily_spend": [{"date": day, "spend": usd, "requests": whole}],
    "optimization_actions": [{"type": text, "description": text, "estimated_savings": usd}],
    "recommendations": [text],
}
ALERT = {
    **{"id": whole, "type": ("anomaly", "budget_warning", "budget_exceeded", "unknown_model"), "team": text},
    **{"app_id": text, "hour": (time, None), "message": text, "hourly_spend": (usd, None), "avg_spend": (usd, None)},
    **{"dismissed_at": (time, None), "created_at": time},
}
ALERT_BUDGET = {
    **{"id": whole, "team": text, "app_id": text, "daily_limit_usd": (usd, None), "monthly_limit_usd": (usd, None)},
    **{"created_at": time},
}
SCHEDULE = {
    **{"id": whole, "name": text, "period": text, "frequency": ("daily", "weekly", "monthly"), "hour": whole},
    **{"day_of_week": (whole, None), "day_of_month": (whole, None), "delivery": "slack", "enabled": flag},
    **{"created_at": time, "last_sent_at": (time, None)},
}
PERIOD = {"total_spend": usd, "request_count": whole, "total_tokens": whole}
CACHE = {"hits": whole, "misses": whole, "hit_rate_percent": number, "saved_usd": usd}

GETS: dict[str, Shape] = {
    "/api/health": {"status": "ok", "timestamp": time},
    "/api/overview": {
        **{"spend_today": usd, "spend_this_week": usd, "spend_this_month": usd, "total_requests": whole},
        "top_model": {"model": text, "spend": usd},
        "top_team": {"team": text, "spend": usd},
        "spend_trend": [{"day": day, "spend": usd, "requests": whole}],
        **{"saved_by_cache": usd, "saved_by_routing": usd, "blocked_requests": whole},
    },
    "/api/overview?team=nobody": {"total_requests": 0, "top_model": None, "top_team": None},
    "/api/spend": [{"period": day, **PERIOD}],
    "/api/spend?granularity=hour": [{"period": time, **PERIOD}],
    "/api/spend?granularity=week": [{"period": day, **PERIOD}],
    "/api/spend?granularity=month": [{"period": day, **PERIOD}],
    "/api/spend/summary": {
        **{"total_spend": usd, "total_requests": whole},
        **{"by_team": MapOf(usd), "by_model": MapOf(usd), "by_app": MapOf(usd)},
    },
    "/api/models": [
        {
            **{"model": text, "provider": text, "total_spend": usd, "total_input_tokens": whole},
            **{"total_output_tokens": whole, "total_tokens": whole, "avg_cost_per_request": usd},
            "request_count": whole,
        }
    ],
    "/api/teams": [
        {
            **{"team": text, "total_spend": usd, "request_count": whole, "infra_cost": usd},
            **{"by_model": MapOf(usd), "by_app": MapOf(usd)},
        }
    ],
    "/api/features": [
        {
            **{"feature": text, "total_cost": usd, "request_count": whole, "avg_cost_per_request": usd},
            **{"total_input_tokens": whole, "total_output_tokens": whole, "primary_model": text, "primary_team": text},
        }
    ],
    "/api/features/chat": {
        "feature": "chat",
        "cost_over_time": [{"day": day, "daily_cost": usd, "daily_requests": whole}],
        "by_model": [
            {
                **{"model": text, "total_cost": usd, "request_count": whole},
                **{"total_input_tokens": whole, "total_output_tokens": whole},
            }
        ],
        "by_team": [{"team": text, "total_cost": usd, "request_count": whole}],
        "avg_tokens": {"avg_input_tokens": number, "avg_output_tokens": number},
    },
    "/api/sessions": [SESSION],
    "/api/sessions/the%20session": {"summary": {**SESSION, "trace_ids": [text]}, "events": [EVENT]},
    **{
        f"/api/prompts?sort_by={order}": [
            {
                **{"prompt_id": text, "request_count": whole, "total_cost": usd, "avg_cost_per_request": usd},
                **{"avg_system_tokens": number, "avg_user_tokens": number, "avg_output_tokens": number},
                **{"models_used": text, "features": text, "teams": text},
                "optimization_suggestions": ([], [text]),
            }
        ]
        for order in ("total_cost", "request_count", "avg_cost", "avg_system_tokens")
    },
    "/api/prompts/summary": {
        "total_unique_prompts": whole,
        "most_expensive_prompt": {"id": text, "total_cost": usd},
        "longest_system_prompt": {"id": text, "avg_system_tokens": number},
        "most_cacheable": {"id": text, "request_count": whole},
        "potential_savings": usd,
    },
    "/api/segments": [
        {
            **{"customer_tier": text, "total_cost": usd, "request_count": whole, "avg_cost_per_request": usd},
            "by_model": [{"model": text, "spend": usd, "request_count": whole}],
        }
    ],
    "/api/infrastructure": {
        "total_infra_cost": usd,
        "by_service": [{"service": text, "cost": usd, "events": whole}],
        "by_team": [{"team": text, "cost": usd, "events": whole}],
        "gpu_utilization": [
            {"resource_id": text, "gpu_type": text, "avg_utilization": (number, None), "cost": usd, "team": text}
        ],
        "daily_trend": [{"date": day, "cost": usd}],
    },
    **{
        f"/api/forecast?horizon_days=60&granularity={granularity}": {
            "historical": [{"date": day, "spend": usd}],
            "forecast": [{"date": day, "predicted": usd, "low": usd, "high": usd}],
            "summary": {
                **{"current_monthly_run_rate": usd, "projected_next_month": usd, "projected_next_quarter": usd},
                **{"growth_rate_pct": number, "confidence": ("low", "medium", "high")},
            },
            "scenarios": {
                "current_trend": MONTHLY,
                "if_traffic_doubles": MONTHLY,
                "if_switch_to_cheaper_model": {**MONTHLY, "savings": usd, "description": text},
            },
        }
        for granularity in ("day", "week", "month")
    },
    "/api/estimator/models": [{"provider": text, "model": text, "input_per_mtok": usd, "output_per_mtok": usd}],
    **{f"/api/reports/executive?period={period}": REPORT for period in ("weekly", "monthly", "quarterly")},
    "/api/reports/schedules": [SCHEDULE],
    "/api/alerts": [ALERT],
    "/api/alerts?include_dismissed=true": [ALERT],
    "/api/alerts/budgets": [ALERT_BUDGET],
    "/api/budgets": [
        {
            **{"team": text, "app": text, "monthly_limit": usd, "action": ("warn", "block"), "spend": usd},
            **{"percent": number, "remaining": usd, "projected_month_end": usd, "exhausted_on": (day, None)},
        }
    ],
    "/api/cache": {**CACHE, "by_team": [{"team": text, **CACHE}]},
    "/api/routing": {
        **{"routed": whole, "blocked": whole, "saved_usd": usd},
        "by_rule": [{"rule": text}],
        "by_pair": [{"from": text, "to": text, "count": whole, "saved_usd": usd}],
    },
    "/api/events?limit=5&team=product": {"events": [EVENT], "next_cursor": text},
    "/api/events?team=nobody": {"events": [], "next_cursor": None},
}

PLAN = {"model": "gpt-4o", "avg_input_tokens": 500, "avg_output_tokens": 150, "requests_per_day": 1000}
COSTS = ["cost_per_request", "daily_cost", "weekly_cost", "monthly_cost", "quarterly_cost", "annual_cost"]
ESTIMATE = {
    "estimate": dict.fromkeys(COSTS, usd),
    "with_caching": {
        **{"cost_per_request": usd, "daily_cost": usd, "monthly_cost": usd},
        **{"savings_vs_no_cache": usd, "savings_pct": number},
    },
    "model_comparison": [
        {
            **{"model": text, "provider": text, "cost_per_request": usd, "monthly_cost": usd},
            **{"is_selected": flag, "savings_vs_selected": usd},
        }
    ],
    "similar_features": [{"feature": text, "avg_cost_per_request": usd, "monthly_cost": usd, "request_count": whole}],
}


class Write(NamedTuple):
    method: str
    path: str
    status: int
    shape: Shape
    body: Any = None


NEW_SCHEDULE = {"name": "Mondays", "period": "weekly", "frequency": "weekly"}
WRITES = [
    Write("POST", "/api/estimator/calculate", 200, ESTIMATE, PLAN),
    Write("POST", "/api/estimator/calculate", 200, ESTIMATE, {**PLAN, "cache_hit_rate": 0.5}),
    Write("POST", "/api/reports/schedules", 201, SCHEDULE, NEW_SCHEDULE),
    Write("DELETE", "/api/reports/schedules/{schedule}", 200, {}),
    Write("PATCH", "/api/alerts/{alert}/dismiss", 200, {"dismissed": True, "id": whole}),
    Write("PATCH", "/api/alerts/dismiss-bulk", 200, {"dismissed": whole}, {"ids": [1, 2]}),
    Write("PATCH", "/api/alerts/restore-all", 200, {"restored": whole}),
    Write("POST", "/api/alerts/budgets", 201, ALERT_BUDGET, {"team": "product", "daily_limit_usd": 12.5}),
    Write("DELETE", "/api/alerts/budgets/{budget}", 200, {}),
]

REFUSED = [
    Write("GET", "/api/features/nothing", 404, None),
    Write("GET", "/api/sessions/nothing", 404, None),
    Write("GET", "/api/nothing", 404, None),
    Write("GET", "/api/prompts?sort_by=name", 400, None),
    Write("GET", "/api/spend?granularity=year", 400, None),
    Write("POST", "/api/spend", 405, None, {}),
    Write("POST", "/api/alerts/budgets", 400, None, {"team": "product"}),
    Write("POST", "/api/reports/schedules", 400, None, {"name": "x", "period": "weekly"}),
    Write("POST", "/api/alerts/test-slack", 400, None, {}),
    Write("POST", "/api/estimator/calculate", 413, None, "x" * 70_000),
]

Call = Callable[[str, str, Any], tuple[int, Any]]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("data")
    log = folder / "cost_events.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in lines(20_000, utc_now(), days=40)))
    append(log, *_more_events())
    budgets = [{"team": "product", "app": "", "monthly_limit": 0.01, "action": "warn"}]
    (folder / "budgets.json").write_text(json.dumps({"budgets": budgets}))
    app = App(settings(folder))
    add_alerter(app)
    with opened(app):
        assert app.follower.ready.wait(30)
        yield app


def _more_events() -> Iterator[dict[str, Any]]:
    moment = utc_now().replace(microsecond=0, tzinfo=None)
    pod = {"event_type": "aws_infrastructure", "provider": "opencost", "service": "Kubernetes", "model": ""}
    gpu = {"event_type": "gpu_compute", "service": "EC2 GPU", "resource_id": "i-1", "gpu_type": "H100", "model": ""}
    yield event(timestamp=f"{moment - timedelta(days=1)}Z", **pod, cost_usd=1.25)
    yield event(timestamp=f"{moment - timedelta(days=1)}Z", **gpu, cost_usd=None, gpu_utilization_pct=41.5)
    for n in range(3):
        at = moment - timedelta(minutes=n)
        yield event(timestamp=f"{at}Z", session_id="the session", trace_id=f"{n:032x}", feature="chat", latency_ms=7)


@pytest.fixture(scope="module")
def server(app: App) -> Iterator[Server]:
    with serving(Dispatcher(app, ROUTES).answer) as server:
        yield server


@pytest.fixture(scope="module")
def call(server: Server) -> Iterator[Call]:
    """Send a request. Return the status and the envelope."""
    connection = HTTPConnection(*server.server_address, timeout=30)

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if method == "GET" else {"Content-Type": "application/json"}
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        found = json.loads(response.read())
        assert found.keys() == {"data", "error"}
        return response.status, found

    yield ask
    connection.close()


@pytest.fixture(scope="module")
def made(call: Call) -> dict[str, int]:
    """Make a schedule and a limit, and return their ids and that of an alert, for tests that change them."""
    _, schedule = call("POST", "/api/reports/schedules", NEW_SCHEDULE)
    _, budget = call("POST", "/api/alerts/budgets", {"monthly_limit_usd": 1})
    _, alerts = call("GET", "/api/alerts", None)
    return {"schedule": schedule["data"]["id"], "budget": budget["data"]["id"], "alert": alerts["data"][0]["id"]}


@pytest.mark.parametrize("path", GETS)
def test_what_a_call_answers_has_the_names_and_types_of_the_contract(
    call: Call, made: dict[str, int], path: str
) -> None:
    status, answer = call("GET", path, None)
    assert (status, answer["error"]) == (200, None)
    assert list(problems(answer["data"], GETS[path])) == []


def test_with_dates_the_three_sums_of_the_overview_are_those_of_the_range(call: Call) -> None:
    _, answer = call("GET", "/api/overview?start_date=2020-01-01", None)
    _, summary = call("GET", "/api/spend/summary", None)
    sums = [answer["data"][name] for name in ("spend_today", "spend_this_week", "spend_this_month")]
    assert sums == [summary["data"]["total_spend"]] * 3
    assert sums[0] > 0


def test_every_call_that_reads_is_in_the_table() -> None:
    asked = [path.partition("?")[0] for path in GETS]
    routes = [route.path for route in ROUTES if route.method == "GET" and route.path.startswith("/api/")]
    left = [path for path in routes if not any(_matches(path, one) for one in asked)]
    assert left == ["/api/reports/executive/export"]  # a file


def _matches(pattern: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{.*?\}", "[^/]+", pattern), path) is not None


def test_every_call_that_writes_is_in_the_table() -> None:
    asked = {(write.method, re.sub(r"\{.*?\}", "{id}", write.path)) for write in [*WRITES, *REFUSED]}
    assert {(route.method, route.path) for route in ROUTES if route.method != "GET"} <= asked


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.method} {write.path}")
def test_what_a_write_answers_too(call: Call, made: dict[str, int], write: Write) -> None:
    path = write.path
    if write.method == "DELETE":  # each test has one of its own
        new = next(other for other in WRITES if other.method == "POST" and path.startswith(other.path))
        made = {name: call("POST", new.path, new.body)[1]["data"]["id"] for name in made}
    status, answer = call(write.method, path.format(**made), write.body)
    assert (status, answer["error"]) == (write.status, None)
    assert list(problems(answer["data"], write.shape)) == []


@pytest.mark.parametrize("write", REFUSED, ids=lambda write: f"{write.method} {write.path} {write.status}")
def test_an_error_says_what_is_wrong_and_nothing_else(call: Call, write: Write) -> None:
    status, answer = call(write.method, write.path, write.body)
    assert (status, answer["data"]) == (write.status, None)
    assert list(problems(answer["error"], text)) == []


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ({}, {"a": text}),
        ({"a": 1}, {"a": text}),
        ({"a": True}, {"a": whole}),
        ({"a": 1.0}, {"a": whole}),
        ({"a": "1"}, {"a": number}),
        ([], [text]),
        ([{"a": None}], [{"a": (time, day)}]),
        ({"x": None}, MapOf(usd)),
        ([], MapOf(usd)),
        ("2026-02-03 00:00", day),
    ],
)
def test_a_missing_field_or_another_type_is_found(value: Any, shape: Shape) -> None:
    assert len(list(problems(value, shape))) == 1
    assert list(problems({"a": "x", "more": 1}, {"a": text})) == []

"""List the API's routes: method and path, the handler that answers, and the parameters. There is one list per area."""

from typing import Any

from addons.ledger.events import rfc3339
from modeltrack_api import metrics, queries
from modeltrack_api.alerting import handlers as alerts
from modeltrack_api.forecasting import estimator, forecast
from modeltrack_api.queries.prompt_sums import ORDERS
from modeltrack_api.reports import executive, schedules
from modeltrack_api.store.sums import Filters
from modeltrack_api.web.dispatch import Route
from modeltrack_api.web.handler import Ask
from modeltrack_api.web.pages import dashboard_files
from modeltrack_api.web.params import CURSOR, DATE, FLAG, ID, LIMIT, TEXT, Param, one_of, whole

ALL = Filters._fields
BUT_FEATURE = tuple(name for name in ALL if name != "feature")
GRANULARITY = Param("granularity", one_of("hour", "day", "week", "month"), "day")
SORT_BY = Param("sort_by", one_of(*ORDERS), "total_cost")
A_HUNDRED = Param("limit", LIMIT, 100)


def health(ask: Ask) -> dict[str, Any]:
    return {"status": "ok", "timestamp": rfc3339(ask.now)}


SERVER = [
    Route("GET", "/api/health", health, catches_up=False),
    Route("GET", "/metrics", metrics.metrics, catches_up=False),
    *(Route("GET", path, page, catches_up=False, any_query=True) for path, page in dashboard_files().items()),
]

QUERIES = [
    Route("GET", "/api/overview", queries.overview, window=True, filters=ALL),
    Route("GET", "/api/spend", queries.spend, (GRANULARITY,), window=True, filters=ALL),
    Route("GET", "/api/spend/summary", queries.spend_summary, window=True, filters=ALL),
    Route("GET", "/api/models", queries.models, window=True, filters=ALL),
    Route("GET", "/api/teams", queries.teams, window=True, filters=ALL),
    Route("GET", "/api/users", queries.users, window=True, filters=ALL),
    Route("GET", "/api/keys", queries.keys, window=True, filters=ALL),
    Route("GET", "/api/features", queries.features, window=True, filters=ALL),
    Route("GET", "/api/features/{name}", queries.feature, (Param("name", TEXT),), window=True, filters=BUT_FEATURE),
    Route("GET", "/api/sessions", queries.sessions, (Param("trace_id", TEXT), A_HUNDRED), window=True, filters=ALL),
    Route("GET", "/api/sessions/{id}", queries.session, (Param("id", TEXT),)),
    Route("GET", "/api/prompts", queries.prompts, (SORT_BY,), window=True, filters=ALL),
    Route("GET", "/api/prompts/summary", queries.prompts_summary, window=True, filters=ALL),
    Route("GET", "/api/segments", queries.segments, window=True, filters=ALL),
    Route("GET", "/api/infrastructure", queries.infrastructure, window=True, filters=("team", "app_id")),
    Route("GET", "/api/cache", queries.cache, window=True, filters=ALL),
    Route("GET", "/api/routing", queries.routing, window=True, filters=ALL),
    Route("GET", "/api/budgets", queries.budgets),
    Route("GET", "/api/events", queries.events, (A_HUNDRED, Param("cursor", CURSOR)), window=True, filters=ALL),
]

_ID = (Param("id", ID),)
ALERTS = [
    Route("GET", "/api/alerts", alerts.alerts, (Param("include_dismissed", FLAG, False),)),
    Route("PATCH", "/api/alerts/{id}/dismiss", alerts.dismiss, _ID, catches_up=False),
    Route("PATCH", "/api/alerts/dismiss-bulk", alerts.dismiss_bulk, takes_body=True, catches_up=False),
    Route("PATCH", "/api/alerts/restore-all", alerts.restore_all, catches_up=False),
    Route("GET", "/api/alerts/budgets", alerts.alert_budgets, catches_up=False),
    Route("POST", "/api/alerts/budgets", alerts.add_alert_budget, takes_body=True, catches_up=False),
    Route("DELETE", "/api/alerts/budgets/{id}", alerts.delete_alert_budget, _ID, catches_up=False),
    Route("POST", "/api/alerts/test-slack", alerts.test_slack, catches_up=False),
    Route("GET", "/api/reports/schedules", schedules.schedules, catches_up=False),
    Route("POST", "/api/reports/schedules", schedules.add_schedule, takes_body=True, catches_up=False),
    Route("DELETE", "/api/reports/schedules/{id}", schedules.delete_schedule, _ID, catches_up=False),
]

HORIZON = Param("horizon_days", whole(1, 365), 90)
PERIOD = (Param("period", one_of(*executive.PERIODS), "monthly"), Param("end_date", DATE))
FORECAST = [
    Route(
        "GET",
        "/api/forecast",
        forecast.forecast,
        (HORIZON, Param("granularity", one_of("day", "week", "month"), "day")),
        filters=ALL,
    ),
    Route("GET", "/api/estimator/models", estimator.estimator_models, catches_up=False),
    Route("POST", "/api/estimator/calculate", estimator.estimator_calculate, takes_body=True),
]

REPORTS = [
    Route("GET", "/api/reports/executive", executive.executive, PERIOD, filters=ALL),
    Route(
        "GET",
        "/api/reports/executive/export",
        executive.executive_export,
        (*PERIOD, Param("format", one_of("csv", "json"), "json")),
        filters=ALL,
    ),
]

ROUTES: list[Route] = [*SERVER, *QUERIES, *FORECAST, *REPORTS, *ALERTS]

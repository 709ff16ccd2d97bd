"""Test that no call answers 0 where a price is not known, and that each sum of money says what it leaves out.

The log has teams, models, sessions, days and the like of four kinds, by which they are named. All, some or
none of their calls have a price, or nothing has that their calls were billed for.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from modeltrack_api.app import utc_now
from tests.modeltrack_api.alerting.started import Api, Clock
from tests.modeltrack_api.contract import GETS

IN_PART = {"unpriced_usage": ["usage.searches"]}
KINDS: dict[str, list[tuple[float | None, dict[str, Any]]]] = {
    "all": [(2.0, {}), (3.0, {})],
    "some": [(2.0, {}), (None, {}), (1.0, IN_PART)],
    "none": [(None, {}), (None, {})],
    "nothing": [(0, IN_PART)],
}
"""What each kind's calls of a day cost, and more of their members."""
UNKNOWN = {"none", "nothing"}
FIRST = {"all": 20, "some": 20, "none": 40, "nothing": 40}
"""How many days ago each kind began: on the days before the last 20 nothing has a price."""

LABELS = ("team", "app_id", "model", "feature", "customer_tier", "session_id", "prompt_template_id")
NAMES = (*LABELS, "app", "prompt_id", "id", "rule", "to", "resource_id")
MONEY = re.compile(
    r"spend|cost|saved_usd|remaining|percent|pct_of_total|savings|infra_cost|current_monthly_run_rate|growth_rate_pct"
    r"|(total|daily|avg|infra|total_infra)_(spend|cost)|(spend|saved|projected)_\w+|avg_cost_per_request|potential_savings"
)
COUNTS = ("unpriced_requests", "unpriced_usage_requests", "unpriced_events")
MAPS = {f"by_{label}": f"unpriced_requests_by_{label}" for label in ("team", "model", "app")}
"""Members that are amounts by name, and the members beside them that have the counts."""
NO_SUMS = re.compile(r"\.(events|optimization_actions)\[|\.trends$|\.scenarios\.|^\.?forecast\[")
"""Parts of answers whose money is no sum of calls."""

OLD = "start_date={:%Y-%m-%d}&end_date={:%Y-%m-%d}".format(*(utc_now() - timedelta(days=n) for n in (39, 30)))
PATHS = [
    *(path for path in GETS if not re.match("/api/(features|sessions|estimator)/", path)),
    *(f"/api/{what}/{kind}" for what in ("features", "sessions") for kind in KINDS),
    *(
        f"/api/{call}?team={kind}"
        for call in ("overview", "spend/summary", "cache", "routing", "prompts/summary", "infrastructure", "forecast")
        for kind in KINDS
    ),
    *(f"/api/reports/executive?team={kind}" for kind in KINDS),
    *(f"/api/{call}?{OLD}" for call in ("overview", "spend", "spend/summary", "models", "teams", "prompts/summary")),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    budgets = [{"team": kind, "app": "", "monthly_limit": 1000, "action": "warn"} for kind in KINDS]
    api = Api(tmp_path_factory.mktemp("data"), Clock(f"{utc_now():%Y-%m-%d}T12:00:00"), budgets=budgets)
    for kind in KINDS:
        for days in range(FIRST[kind]):
            spend(api, kind, (api.clock.now - timedelta(days=days)).replace(tzinfo=None).isoformat())
    api.app.ingest.catch_up()
    yield api
    api.close()


def spend(api: Api, kind: str, at: str) -> None:
    """Add a kind's events of a day: calls, a hit and a downgrade of each, a refusal, and what a machine cost."""
    labels = dict.fromkeys(LABELS, kind) | {"system_prompt_tokens": 900}
    for cost, more in KINDS[kind]:
        saved = {"saved_usd": cost} if cost else {}
        api.spend(cost, at, **labels, **more)
        api.spend(0, at, cache_hit=True, **labels, **saved)
        api.spend(cost, at, routed_from="dear", routed_to=kind, routing_rule=kind, **labels, **more, **saved)
        machine = {"event_type": "gpu_compute", "resource_id": kind, "gpu_type": "H100", "service": kind, "model": ""}
        api.spend(cost or None, at, team=kind, **machine)
    api.spend(0, at, blocked_by="budget", status_code=429, **labels)


def objects(value: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object in an answer, and where it is."""
    if isinstance(value, dict):
        yield where, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from objects(each, f"{where}[{name}]" if isinstance(name, int) else f"{where}.{name}")


def sums(answer: Any) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield every object that has sums of money: where it is, the object, and its amounts."""
    for where, item in objects(answer):
        amounts = {
            name: item[name] for name in item if MONEY.fullmatch(name) and not isinstance(item[name], list | dict)
        }
        if amounts and not NO_SUMS.search(where) and item.get("type") != "unknown_model":
            yield where, item, amounts


def kind_of(item: dict[str, Any]) -> str | None:
    """Return the kind that an object is about, by its labels."""
    found = {item[name] for name in NAMES if isinstance(item.get(name), str)} & set(KINDS)
    return found.pop() if len(found) == 1 else None


@pytest.mark.parametrize("path", PATHS)
def test_each_sum_of_money_says_what_it_leaves_out(api: Api, path: str) -> None:
    for where, item, amounts in sums(api.get(path)):
        assert set(COUNTS) & set(item), (where, amounts)
        if (kind := kind_of(item)) and item.get("requests", 1):
            assert any(item.get(count) for count in (*COUNTS, "infra_unpriced_events")) == (kind != "all"), (
                where,
                item,
            )


@pytest.mark.parametrize("path", PATHS)
def test_money_is_null_where_nothing_of_it_is_known_and_only_there(api: Api, path: str) -> None:
    for where, item, amounts in sums(api.get(path)):
        kind = kind_of(item)
        if kind in UNKNOWN:
            assert set(amounts.values()) == {None}, (where, item)
        elif kind or not any(item.get(count) for count in COUNTS):
            assert None not in amounts.values(), (where, item)


@pytest.mark.parametrize("path", PATHS)
def test_amounts_by_name_have_their_counts_beside_them(api: Api, path: str) -> None:
    for where, item in objects(api.get(path)):
        for name, counts in MAPS.items():
            if isinstance(amounts := item.get(name), dict):
                assert item[counts].keys() == amounts.keys() & {"some", "none"}, where
                assert {kind for kind, amount in amounts.items() if amount is None} == amounts.keys() & UNKNOWN, where


def test_the_tests_see_the_sums_of_every_call(api: Api) -> None:
    seen = {path for path in PATHS if any(sums(api.get(path)))}
    without = {re.sub(r"\?.*", "", path) for path in PATHS} - {re.sub(r"\?.*", "", path) for path in seen}
    none = ("health", "events", "reports/schedules", "alerts", "alerts/budgets")
    assert without == {f"/api/{call}" for call in none}


@pytest.mark.parametrize("kind", KINDS)
def test_a_forecast_from_nothing_known_is_null(api: Api, kind: str) -> None:
    found = api.get(f"/api/forecast?team={kind}")
    amounts = [point[name] for point in found["forecast"] for name in ("predicted", "low", "high")]
    amounts += [part[name] for part in found["scenarios"].values() for name in ("monthly", "quarterly")]
    assert {amount is None for amount in amounts} == {kind in UNKNOWN}


def test_metrics_have_no_amount_where_none_is_known(api: Api) -> None:
    text = api.ask("GET", "/metrics").body.decode()
    for metric in ("spend_usd", "saved_by_cache_usd", "saved_by_routing_usd"):
        found = re.findall(rf'^modeltrack_api_{metric}_total{{.*team="(\w+)"}}', text, re.M)
        assert set(found) == set(KINDS) - UNKNOWN, metric
    for metric, kinds in {
        "unpriced_requests": {"some", "none"},
        "unpriced_usage_requests": {"some", "nothing"},
    }.items():
        found = re.findall(rf'^modeltrack_api_{metric}_total{{.*team="(\w+)"}} [1-9]', text, re.M)
        assert set(found) == kinds

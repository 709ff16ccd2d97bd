"""Test the routes that show alerts, dismiss them and set limits."""

import json
from typing import Any

import orjson
import pytest

from modeltrack_api.alerting import handlers as alerts_module
from modeltrack_api.store.connections import held
from tests.modeltrack_api.alerting.started import Clock, FakeSlack
from tests.modeltrack_api.conftest import Start


def test_an_alert_is_there_as_soon_as_its_cause_is_in_the_log(start: Start, slack: FakeSlack) -> None:
    api = start(webhook=slack.url)
    for n in range(3):
        api.spend(None, model=f"new-{n}")
        [newest, *rest] = api.get("/api/alerts")
        assert (newest["message"][:13], newest["slack"], len(rest)) == (f"Model 'new-{n}'", "queued", n)
    api.look()
    api.send()
    assert len(slack.arrived) == 3


def test_alerts_that_cannot_be_brought_up_to_date_are_not_waited_for_long(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = start()
    monkeypatch.setattr(alerts_module, "_PATIENCE_SECONDS", 0.01)
    with held(api.alerter._raising, patience=1):
        answer = api.ask("GET", "/api/alerts")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert api.get("/api/alerts") == []


def test_dismissed_alerts_are_hidden_until_they_are_restored(start: Start, clock: Clock) -> None:
    api = start()
    for model in ("a", "b", "c"):
        api.spend(None, model=model)
    api.look()
    ids = [alert["id"] for alert in api.get("/api/alerts")]
    assert ids == sorted(ids, reverse=True) and len(ids) == 3
    clock.set("2026-03-11T00:00:00")
    for _ in range(2):
        assert api.data("PATCH", f"/api/alerts/{ids[0]}/dismiss") == {"dismissed": True, "id": ids[0]}
        clock.forward(1)
    assert api.data("PATCH", "/api/alerts/dismiss-bulk", {"ids": [*ids[:2], ids[1], 999]}) == {"dismissed": 1}
    assert [alert["id"] for alert in api.get("/api/alerts")] == ids[2:]
    everything = api.get("/api/alerts?include_dismissed=true")
    assert [alert["dismissed_at"] for alert in everything] == [
        "2026-03-11T00:00:00.000000Z",
        "2026-03-11T00:00:02.000000Z",
        None,
    ]
    api.look()
    assert api.data("PATCH", "/api/alerts/restore-all") == {"restored": 2}
    assert [alert["id"] for alert in api.get("/api/alerts")] == ids


def test_alert_budgets_are_kept_shown_and_deleted(start: Start) -> None:
    api = start()
    made = api.data("POST", "/api/alerts/budgets", {"team": " product ", "daily_limit_usd": 0.1}, 201)
    assert made == {
        "id": 1,
        "team": "product",
        "app_id": "",
        "daily_limit_usd": 0.1,
        "monthly_limit_usd": None,
        "created_at": "2026-03-10T12:00:00.000000Z",
    }
    other = api.data("POST", "/api/alerts/budgets", {"app_id": "x", "monthly_limit_usd": 10**9}, 201)
    assert start().get("/api/alerts/budgets") == [made, other]
    assert api.data("DELETE", "/api/alerts/budgets/2") == {"deleted": True, "id": 2}
    assert api.get("/api/alerts/budgets") == [made]
    assert api.data("POST", "/api/alerts/budgets", {"monthly_limit_usd": 1}, 201)["id"] == 3


def test_a_deleted_alert_budget_alerts_no_more(start: Start) -> None:
    api = start()
    api.data("POST", "/api/alerts/budgets", {"daily_limit_usd": 1}, 201)
    api.data("DELETE", "/api/alerts/budgets/1")
    api.spend(5)
    api.look()
    assert api.messages() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "budgets", {}, 400, "daily_limit_usd or monthly_limit_usd is required"),
        ("POST", "budgets", {"team": "a"}, 400, "daily_limit_usd or monthly_limit_usd is required"),
        ("POST", "budgets", [], 400, "the body must be an object"),
        ("POST", "budgets", {"daily_limit_usd": 0}, 400, "daily_limit_usd: must be greater than 0"),
        ("POST", "budgets", {"daily_limit_usd": "5"}, 400, "daily_limit_usd: must be a number"),
        ("POST", "budgets", {"daily_limit_usd": True}, 400, "daily_limit_usd: must be a number"),
        ("POST", "budgets", {"monthly_limit_usd": 1e10}, 400, "monthly_limit_usd: must be less than or equal to"),
        ("POST", "budgets", {"monthly_limit_usd": 1e-12}, 400, "monthly_limit_usd: must be at least 0.000000001"),
        ("POST", "budgets", {"team": 5, "daily_limit_usd": 1}, 400, "team: must be a valid string"),
        ("POST", "budgets", {"team": "a\nb", "daily_limit_usd": 1}, 400, "team: "),
        ("POST", "budgets", {"team": "a" * 257, "daily_limit_usd": 1}, 400, "team: must have at most 256 characters"),
        ("POST", "budgets", {"limit": 5, "daily_limit_usd": 1}, 400, "limit: unknown key"),
        ("DELETE", "budgets/7", None, 404, "there is no alert budget 7"),
        ("DELETE", "budgets/0", None, 400, "id: '0' is not allowed"),
        ("PATCH", "7/dismiss", None, 404, "there is no alert 7"),
        ("PATCH", "x/dismiss", None, 400, "id: 'x' is not allowed"),
        ("PATCH", "dismiss-bulk", {"ids": 5}, 400, "ids: must be a valid list"),
        ("PATCH", "dismiss-bulk", {"ids": ["5"]}, 400, "ids.0: must be a valid integer"),
        ("PATCH", "dismiss-bulk", {"ids": [True]}, 400, "ids.0: must be a valid integer"),
        ("PATCH", "dismiss-bulk", {"ids": [2**60]}, 400, "ids.0: must be less than or equal to"),
        ("PATCH", "dismiss-bulk", {"ids": [1] * 1001}, 400, "ids: must have at most 1000 items"),
        ("PATCH", "dismiss-bulk", {}, 400, "ids: is required"),
        ("GET", "?include_dismissed=maybe", None, 400, "include_dismissed: 'maybe' is not allowed"),
    ],
    ids=range(23),
)
def test_a_wrong_call_is_told_what_is_wrong(
    start: Start, method: str, path: str, body: Any, status: int, says: str
) -> None:
    answer = start().ask(method, f"/api/alerts{path if path[0] == '?' else '/' + path}", body)
    error = orjson.loads(answer.body)["error"]
    assert (answer.status, error[: len(says)]) == (status, says), json.dumps(error)


def test_a_busy_database_is_503_in_the_end(start: Start) -> None:
    api = start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.app.ingest, "lock", _Taken())
        answer = api.ask("PATCH", "/api/alerts/restore-all")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


class _Taken:
    def acquire(self, timeout: float) -> bool:
        assert 0 < timeout <= 10
        return False

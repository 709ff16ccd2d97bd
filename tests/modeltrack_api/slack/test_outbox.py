"""Test that each alert arrives at Slack once and in order, whatever happens to Slack."""

import logging
import re
import socket
from typing import Any

import pytest

from modeltrack_api.slack import messages as slack_module
from tests.modeltrack_api.alerting.started import SECRET, FakeSlack
from tests.modeltrack_api.conftest import Start
from tests.modeltrack_api.slack.alerts import MODELS, alert, arrived, states


@pytest.mark.parametrize(
    "plan",
    [
        [],
        [500],
        ["drop"],
        [(429, "7")],
        [500, 503, "drop", (429, "1"), 200, "drop", "drop", 408, 200, 502, (429, "nonsense"), 504],
    ],
    ids=range(5),
)
def test_each_alert_arrives_once_and_in_order(start: Start, slack: FakeSlack, plan: list[Any]) -> None:
    slack.plan = list(plan)
    api = start(webhook=slack.url)
    alert(api, *MODELS)
    api.send()
    alert(api, *MODELS)
    api.send()
    assert arrived(slack) == MODELS
    assert slack.attempts == len(MODELS) + len([step for step in plan if step != 200])
    assert states(api) == [("sent", None)] * 3


def test_a_slack_that_is_down_is_asked_less_and_less_often(start: Start, slack: FakeSlack) -> None:
    slack.plan = [500] * 10
    api = start(webhook=slack.url)
    alert(api, *MODELS)
    assert api.send() == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 1, 1, 1]
    assert arrived(slack) == MODELS


@pytest.mark.parametrize(("says", "wait"), [("7", 7), ("0", 1), ("999999", 3600), ("-1", 5), ("soon", 5), ("", 5)])
def test_slack_says_how_long_to_wait(start: Start, slack: FakeSlack, says: str, wait: float) -> None:
    slack.plan = [(429, says)]
    api = start(webhook=slack.url)
    alert(api, "m0")
    assert api.send(1) == [wait]
    assert states(api) == [("queued", "HTTP 429")]
    api.clock.forward(-0.5)
    assert api.alerter.outbox.send_next() == pytest.approx(0.5)
    assert slack.attempts == 1


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ((403, "invalid_token"), "HTTP 403 invalid_token"),
        ((404, f"nothing at /services/{SECRET}"), "HTTP 404"),
        ((410, ""), "HTTP 410"),
        (302, "HTTP 302"),
    ],
)
def test_what_slack_refuses_is_given_up_and_the_next_goes_on(
    start: Start, slack: FakeSlack, step: Any, reason: str
) -> None:
    slack.plan = [step]
    api = start(webhook=slack.url)
    alert(api, *MODELS)
    api.send()
    assert arrived(slack) == MODELS[1:]
    assert states(api) == [("failed", reason), ("sent", None), ("sent", None)]


def test_a_slack_that_nobody_answers_at_loses_nothing(start: Start, slack: FakeSlack) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api = start(webhook=f"http://127.0.0.1:{free.getsockname()[1]}/services/{SECRET}")
        alert(api, *MODELS)
        api.send(3)
    assert states(api)[0] == ("queued", "no connection (ConnectionError)")
    api = start(webhook=slack.url)
    api.send()
    assert arrived(slack) == MODELS


def test_an_answer_that_is_lost_is_asked_for_again(
    start: Start, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether Slack took the message, so it is sent again: at least once is all that is possible."""
    api = start(webhook=slack.url)
    alert(api, "m0")
    with monkeypatch.context() as patch:
        patch.setattr(slack_module, "_outcome", lambda *_: (_ for _ in ()).throw(TimeoutError("lost")))
        api.send(1)
    api.send()
    assert arrived(slack) == ["m0", "m0"]


def test_a_clock_that_was_set_back_does_not_hold_messages_for_ever(start: Start, slack: FakeSlack) -> None:
    slack.plan = [500]
    api = start(webhook=slack.url)
    alert(api, "m0")
    api.send(1)
    api.clock.forward(days=-30)
    api.send()
    assert arrived(slack) == ["m0"]


def test_without_a_webhook_alerts_are_kept_and_none_is_sent_later(start: Start, slack: FakeSlack) -> None:
    api = start()
    alert(api, *MODELS)
    assert states(api) == [(None, None)] * 3
    api = start(webhook=slack.url)
    api.look()
    api.send()
    assert slack.arrived == []


def test_metrics_say_what_waits(start: Start, slack: FakeSlack) -> None:
    api = start(webhook=slack.url)

    def gauges() -> list[bytes]:
        names = b"alerts|unsent_messages|refused_messages"
        return re.findall(rb"^modeltrack_api_(?:%b) (\d+)" % names, api.ask("GET", "/metrics").body, re.M)

    assert gauges() == [b"0", b"0", b"0"]
    alert(api, *MODELS)
    assert gauges() == [b"3", b"3", b"0"]
    slack.plan = [403]
    api.send()
    api.data("PATCH", "/api/alerts/dismiss-bulk", {"ids": [1]})
    assert gauges() == [b"2", b"0", b"1"]


def test_the_webhook_is_in_no_log_no_answer_and_no_database(
    start: Start, slack: FakeSlack, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    slack.plan = [500, "drop", (404, f"/services/{SECRET}"), (302, SECRET), (403, SECRET), 200, "drop"]
    with caplog.at_level(logging.DEBUG):
        api = start(webhook=slack.url)
        alert(api, *MODELS)
        api.send()
        answers = [api.ask("POST", "/api/alerts/test-slack").body for _ in range(4)]
        answers += [api.ask("GET", "/api/alerts").body, api.ask("GET", "/api/reports/schedules").body]
    assert slack.attempts >= 7
    everything = caplog.text.encode() + b"".join(answers)
    for file in api.folder.iterdir():
        everything += file.read_bytes()
    assert SECRET.encode() not in everything and b"s3cr3tw3bh00k" not in everything

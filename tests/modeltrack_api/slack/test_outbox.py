"""Test that each alert arrives at Slack once and in order, whatever happens to Slack or to this process."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from modeltrack_api.alerting import alerter as alerter_module
from modeltrack_api.slack import messages as slack_module
from modeltrack_api.slack.messages import Outcome, message, post
from tests import ROOT
from tests.modeltrack_api.alerting.started import SECRET, Api, Clock, FakeSlack
from tests.modeltrack_api.conftest import Start
from tests.modeltrack_api.serving import append, event

MODELS = ["m0", "m1", "m2"]


def alert(api: Api, *models: str) -> None:
    for model in models:
        api.spend(None, model=model)
        api.look()


def arrived(slack: FakeSlack) -> list[str]:
    """Return the models that the messages are about."""
    return [text.split("'")[1] for text in slack.texts]


def states(api: Api) -> list[tuple[str, str | None]]:
    return [(item["slack"], item["slack_error"]) for item in reversed(api.get("/api/alerts"))]


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


def test_a_restart_sends_what_was_not_sent(start: Start, slack: FakeSlack) -> None:
    api = start(webhook=slack.url)
    alert(api, *MODELS)
    api.send(1)
    for _ in range(3):
        api = start(webhook=slack.url)
        api.look()
        api.send(1)
    assert arrived(slack) == MODELS


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


def test_two_processes_on_one_database_send_once(start: Start, slack: FakeSlack) -> None:
    one, other = start(webhook=slack.url), start(webhook=slack.url)
    alert(one, *MODELS)
    alert(other, *MODELS)
    for _ in range(6):
        threads = [threading.Thread(target=api.alerter.outbox.send_next) for api in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one.clock.forward(1)
    assert arrived(slack) == MODELS


def test_what_another_process_is_sending_is_left_to_it_for_a_minute(
    start: Start, slack: FakeSlack, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = start(webhook=slack.url), start(webhook=slack.url)
    alert(one, "m0")
    waits = []

    def send(url: str, payload: str) -> Outcome:
        waits.append(other.alerter.outbox.send_next())
        clock.forward(59)
        waits.append(other.alerter.outbox.send_next())
        return post(url, payload)

    monkeypatch.setattr(one.alerter.outbox, "_send", send)
    one.send(1)
    assert waits == [60, 1]
    assert arrived(slack) == ["m0"]


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


# kill -9


@contextmanager
def process(folder: Path, webhook: str) -> Iterator["subprocess.Popen[str]"]:
    own = {"DATA_DIR": str(folder), "DB_PATH": str(folder / "modeltrack.db"), "PORT": "0", "SLACK_WEBHOOK_URL": webhook}
    command = [sys.executable, "-m", "modeltrack_api"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_process_that_is_killed_as_it_sends_is_made_up_for_by_the_next(tmp_path: Path, slack: FakeSlack) -> None:
    now = datetime.now(UTC)
    for model in MODELS:
        append(tmp_path / "cost_events.jsonl", event(timestamp=now.isoformat(), cost_usd=None, model=model))
    asked = threading.Event()
    hang_up = threading.Event()
    slack.plan = [_Hang(asked, hang_up), *[200] * 3]
    with process(tmp_path, slack.url) as running:
        assert asked.wait(30)
        running.send_signal(signal.SIGKILL)
        output = running.communicate(timeout=10)[0]
    hang_up.set()
    assert output.count(" alert: Model 'm") == 3 and SECRET not in output
    clock = Clock()
    clock.now = now + timedelta(seconds=120)
    api = Api(tmp_path, clock, slack.url)
    try:
        api.look()
        api.send()
        assert arrived(slack) == MODELS
        assert states(api) == [("sent", None)] * 3
    finally:
        api.close()


class _Hang:
    """A step of a plan: it notes that the request has come, and sends no answer."""

    def __init__(self, asked: threading.Event, hang_up: threading.Event) -> None:
        self.asked = asked
        self.hang_up = hang_up

    def __eq__(self, other: object) -> bool:
        if other == "drop":
            self.asked.set()
            self.hang_up.wait(30)
            return True
        return False

    __hash__ = None  # type: ignore[assignment]


def test_the_running_process_raises_and_sends_by_itself_and_stops_soon(tmp_path: Path, slack: FakeSlack) -> None:
    with process(tmp_path, slack.url) as running:
        assert running.stdout and "ModelTrack API on" in running.stdout.readline()
        append(
            tmp_path / "cost_events.jsonl",
            event(timestamp=datetime.now(UTC).isoformat(), cost_usd=None, model="m0"),
        )
        assert any("alert: Model 'm0'" in line for line in iter(running.stdout.readline, ""))
        running.send_signal(signal.SIGTERM)
        rest = running.communicate(timeout=15)[0]
    assert running.returncode == 0 and "Traceback" not in rest


def test_a_fault_is_logged_once_and_does_not_end_the_work(
    start: Start, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = start(webhook=slack.url)
    alert(api, "m0")
    done = threading.Event()
    calls = []

    def evaluate() -> None:
        calls.append(len(slack.arrived))
        if len(calls) == 3:
            done.set()
        raise ZeroDivisionError

    monkeypatch.setattr(api.alerter, "evaluate", evaluate)
    monkeypatch.setattr(alerter_module, "_EVERY_SECONDS", 0)
    monkeypatch.setattr(alerter_module, "_LOOK_SECONDS", 0.01)
    api.app.follower.ready.set()
    api.alerter.start()
    assert done.wait(10)
    api.alerter.stop()
    api.alerter.stop()
    assert arrived(slack) == ["m0"] and calls[2] == 1
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == [
        "alerts and reports cannot be made or sent; trying again"
    ]


def test_while_the_log_is_first_read_nothing_is_judged_by_a_part_of_it(
    start: Start, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = start(webhook=slack.url)
    api.app.follower.ready.clear()
    looked = threading.Event()
    monkeypatch.setattr(api.alerter, "evaluate", looked.set)
    monkeypatch.setattr(alerter_module, "_LOOK_SECONDS", 0.01)
    sent = threading.Semaphore(0)
    monkeypatch.setattr(api.alerter.outbox, "send_next", lambda: sent.release() or 0.0)
    api.alerter.start()
    assert sent.acquire(timeout=10) and sent.acquire(timeout=10)
    assert not looked.is_set()
    api.app.follower.ready.set()
    assert looked.wait(10)
    api.alerter.stop()


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


# The secret


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


# The test of Slack


def test_slack_is_tested_past_the_outbox(start: Start, slack: FakeSlack) -> None:
    api = start(webhook=slack.url)
    alert(api, "m0")
    assert api.data("POST", "/api/alerts/test-slack") == {"message": "the test message was sent to Slack"}
    assert slack.texts == ["Test: ModelTrack can send its alerts and reports here."]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ((403, "action_prohibited"), "Slack did not take the message: HTTP 403 action_prohibited"),
        (500, "Slack did not take the message: HTTP 500"),
        ((429, "30"), "Slack did not take the message: HTTP 429"),
        ("drop", "Slack did not take the message: no connection (ConnectionError)"),
    ],
    ids=range(4),
)
def test_a_slack_that_refuses_the_test_is_502(start: Start, slack: FakeSlack, step: Any, says: str) -> None:
    slack.plan = [step]
    answer = start(webhook=slack.url).ask("POST", "/api/alerts/test-slack")
    assert (answer.status, orjson.loads(answer.body)["error"]) == (502, says)


def test_without_a_webhook_the_test_is_400(start: Start) -> None:
    answer = start().ask("POST", "/api/alerts/test-slack")
    assert (answer.status, orjson.loads(answer.body)["error"]) == (400, "SLACK_WEBHOOK_URL is not set")


def test_an_answer_that_does_not_come_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = post(f"http://127.0.0.1:{silent.getsockname()[1]}/x", "{}", seconds=0.05)
    assert outcome == ("retry", "no answer within 0.05 seconds", None)


# What is sent


def test_an_alert_is_a_header_a_text_fields_and_a_note(start: Start, slack: FakeSlack) -> None:
    budget = {"team": "R&D <!channel>", "app": "", "monthly_limit": 100, "action": "warn"}
    api = start(webhook=slack.url, budgets=[budget])
    api.spend(85, team="R&D <!channel>")
    api.look()
    api.send()
    text = "Team 'R&amp;D &lt;!channel&gt;' is at 85% of its monthly budget ($85.00 of $100.00) in March 2026"

    def mrkdwn(words: str) -> dict[str, Any]:
        return {"type": "mrkdwn", "text": words, "verbatim": True}

    assert slack.arrived == [
        {
            "text": f"Budget warning: {text}",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "Budget warning", "emoji": False}},
                {"type": "section", "text": mrkdwn(text)},
                {"type": "section", "fields": [mrkdwn("*Spent*\n$85.00"), mrkdwn("*Budget*\n$100.00, monthly")]},
                {"type": "context", "elements": [mrkdwn("ModelTrack, 2026-03-10 12:00 UTC")]},
            ],
        }
    ]


def test_no_message_is_too_long_for_slack() -> None:
    long = "&<\n>" * 5000
    built = message(long, long, [(long, long)] * 30, [(long, [long] * 30)] * 2, long)
    assert len(built["text"]) < 4000 and len(built["blocks"]) == 6
    header, text, fields, teams, models, note = built["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert len(fields["fields"]) == 10 and max(len(field["text"]) for field in fields["fields"]) <= 2000
    sections = [text["text"], teams["text"], models["text"], *note["elements"]]
    assert max(len(part["text"]) for part in sections) <= 3000
    for part in [*sections, *fields["fields"]]:
        assert set(part["text"].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")).isdisjoint("&<>")

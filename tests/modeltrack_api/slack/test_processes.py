"""Test that each alert arrives at Slack once and in order, whatever happens to the processes that send."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modeltrack_api.alerting import alerter as alerter_module
from modeltrack_api.slack.messages import Outcome, post
from tests import ROOT
from tests.modeltrack_api.alerting.started import SECRET, Api, Clock, FakeSlack
from tests.modeltrack_api.conftest import Start
from tests.modeltrack_api.serving import append, event
from tests.modeltrack_api.slack.alerts import MODELS, alert, arrived, states


def test_a_restart_sends_what_was_not_sent(start: Start, slack: FakeSlack) -> None:
    api = start(webhook=slack.url)
    alert(api, *MODELS)
    api.send(1)
    for _ in range(3):
        api = start(webhook=slack.url)
        api.look()
        api.send(1)
    assert arrived(slack) == MODELS


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
        assert asked.wait(60)
        running.send_signal(signal.SIGKILL)
        output = running.communicate(timeout=60)[0]
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
        assert running.stdout and any("ModelTrack API on" in line for line in iter(running.stdout.readline, ""))
        append(
            tmp_path / "cost_events.jsonl",
            event(timestamp=datetime.now(UTC).isoformat(), cost_usd=None, model="m0"),
        )
        assert any("alert: Model 'm0'" in line for line in iter(running.stdout.readline, ""))
        running.send_signal(signal.SIGTERM)
        rest = running.communicate(timeout=60)[0]
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
    assert done.wait(60)
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
    assert sent.acquire(timeout=60) and sent.acquire(timeout=60)
    assert not looked.is_set()
    api.app.follower.ready.set()
    assert looked.wait(60)
    api.alerter.stop()

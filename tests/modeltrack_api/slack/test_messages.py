"""Test what is sent to Slack, and the route that tries it."""

import socket
from typing import Any

import orjson
import pytest

from modeltrack_api.slack.messages import message, post
from tests.modeltrack_api.alerting.started import FakeSlack
from tests.modeltrack_api.conftest import Start
from tests.modeltrack_api.slack.alerts import alert


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

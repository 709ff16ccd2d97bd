"""Names of teams that are spelled otherwise, come twice, or are not known, at a running proxy."""

import http.client
import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import KEY, PROMPT, Proxy

BUDGETS = {"budgets": [{"team": "Product", "app": "", "monthly_limit": 0.000001, "action": "block"}]}
SPELLINGS = ["product", "PRODUCT", "pro\u200bduct", "Product\ufeff", "\uff30roduct", "  product ", "pro\u00adduct"]


def ask(proxy: Proxy, *headers: tuple[str, bytes], path: str = ANTHROPIC) -> tuple[int, str, dict[str, object]]:
    """Send a call with headers that may come twice; return status, error type, and the body."""
    body = json.dumps(
        {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": PROMPT}]}
    )
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=60)
    connection.putrequest("POST", path)
    fields = [("Authorization", f"Bearer {KEY}".encode()), ("Content-Length", b"%d" % len(body)), *headers]
    for name, value in (*fields, ("X-ModelTrack-No-Cache", b"1")):
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found.get("error", {}).get("type", ""), found


@pytest.fixture(scope="module")
def spent(make_proxy: Callable[..., Proxy]) -> Proxy:
    proxy = make_proxy(files={"budgets.json": BUDGETS})
    assert post(proxy, "Product").status_code == 200
    return proxy


@pytest.mark.parametrize("name", SPELLINGS, ids=ascii)
def test_another_spelling_is_the_same_team_and_its_event_says_so(spent: Proxy, name: str) -> None:
    assert ask(spent, ("X-ModelTrack-Team", name.encode()))[:2] == (429, "budget_exceeded")
    assert spent.events()[-1]["team"] == "Product"


@pytest.mark.parametrize("before", [b"", b"  ", "\u200b".encode()])
def test_an_empty_header_hides_nothing(spent: Proxy, before: bytes) -> None:
    answer = ask(spent, ("X-ModelTrack-Team", before), ("X-ModelTrack-Team", b"product"))
    assert answer[:2] == (429, "budget_exceeded")


@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI, "/v1/files"])
def test_two_teams_are_a_400_that_quotes_neither(spent: Proxy, fake: FakeProvider, path: str) -> None:
    status, _, body = ask(spent, ("X-ModelTrack-Team", b"other"), ("x-modeltrack-team", b"product"), path=path)
    assert status == 400
    assert "the header x-modeltrack-team comes twice" in json.dumps(body)
    assert "other" not in json.dumps(body) and not fake.requests


@pytest.fixture(scope="module")
def closed(make_proxy: Callable[..., Proxy]) -> Proxy:
    budgets = {"budgets": [{"team": "Product", "monthly_limit": 1000, "action": "block"}]}
    return make_proxy(files={"budgets.json": budgets}, CALLERS="known", TEAMS="Research, ops")


@pytest.mark.parametrize("team", ["product", "RESEARCH", "ops"])
def test_known_teams_may_call(closed: Proxy, team: str) -> None:
    assert post(closed, team).status_code == 200


@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI, "/v1/models", "/v1/files"])
@pytest.mark.parametrize("team", ["", "pr\u043educt", "other"], ids=ascii)
def test_others_may_not_and_are_told_without_being_quoted(
    closed: Proxy, fake: FakeProvider, team: str, path: str
) -> None:
    before = closed.get("/stats")["unknown_callers"]
    status, kind, body = ask(closed, ("X-ModelTrack-Team", team.encode()), path=path)
    assert (status, kind) == (403, "unknown_team")
    assert "CALLERS=known" in json.dumps(body) and "other" not in json.dumps(body).replace("no other call", "")
    assert not fake.requests and closed.get("/stats")["unknown_callers"] == before + 1
    assert closed.get("/healthz") == {"status": "ok"}

"""Check that errors name what is wrong and what is allowed, and that nothing is lost."""

import gzip
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.addons.test_settings import BAD_VALUES
from tests.e2e.calls import ANTHROPIC, OPENAI
from tests.e2e.conftest import KEY, PROMPT, Proxy, until

DEEP = b"[" * 100_000


def error_of(answer: requests.Response, path: str) -> dict[str, Any]:
    """The error in the shape of the path's provider."""
    body = answer.json()
    error: dict[str, Any] = body["error"]
    if path == ANTHROPIC:
        assert (body["type"], set(error)) == ("error", {"type", "message"})
    else:
        assert set(error) == {"message", "type", "param", "code"} and error["code"] == error["type"]
    return error


@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (PROMPT.encode(), "not JSON"),
        (b'{"model": "m", ' + PROMPT.encode(), "not JSON (line 1, column"),
        (b'{"model": "m", "x": "\xff"}', "not JSON"),
        (DEEP, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"m"', "not a JSON object"),
        (b"{}", "has no model"),
        (b'{"model": null}', "has no model"),
        (b'{"model": 4}', "has no model"),
        (b'{"model": " "}', "has no model"),
        (b'{"model": "a\\nX: y"}', "is no name"),
        (b'{"model": "\\ud83d"}', "is no name"),
        (b'{"model": "%b"}' % (b"m" * 257), "is no name"),
        (b'{"model": "m", "x": "\\ud83d"', "not JSON"),
    ],
    ids=range(15),
)
def test_a_body_that_cannot_be_used_is_refused_by_name(
    proxy: Proxy, fake: FakeProvider, path: str, body: bytes, says: str
) -> None:
    before = len(proxy.events())
    answer = requests.post(proxy.url + path, data=body, headers={"x-api-key": KEY}, timeout=10)
    error = error_of(answer, path)
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert says in error["message"] and PROMPT not in error["message"]
    assert fake.requests == []
    [event] = proxy.events()[before:]
    assert (event["status_code"], event["cost_usd"], event["error"]) == (400, 0, "invalid_request_error")


@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI])
def test_half_an_emoji_is_passed_on_for_the_provider_to_judge(proxy: Proxy, fake: FakeProvider, path: str) -> None:
    body = b'{"model": "m", "messages": [{"role": "user", "content": "\\ud83d"}]}'
    assert requests.post(proxy.url + path, data=body, timeout=10).status_code == 200
    assert fake.requests[0].body == body


def test_a_head_request_gets_no_body_and_the_connection_stays_in_step(proxy: Proxy) -> None:
    with requests.Session() as session:
        for _ in range(3):
            head = session.head(proxy.url + "/metrics", timeout=10)
            assert int(head.headers["Content-Length"]) > 100 and head.content == b""
            assert session.head(proxy.url + ANTHROPIC, timeout=10).status_code == 405
            assert session.get(proxy.url + "/healthz", timeout=10).json() == {"status": "ok"}


@pytest.mark.parametrize("encoding", ["gzip", "br", "nonsense"])
def test_a_body_that_cannot_be_decoded_is_refused(proxy: Proxy, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    answer = requests.post(proxy.url + ANTHROPIC, data=b'{"model": "m"}', headers=headers, timeout=10)
    assert answer.status_code == 400


@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_generation_path_takes_post_only(proxy: Proxy, fake: FakeProvider, path: str, method: str) -> None:
    before = len(proxy.events())
    answer = requests.request(method, proxy.url + path, timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert method in error_of(answer, path)["message"]
    assert fake.requests == [] and len(proxy.events()) == before


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/messages", "/favicon.ico", "/stats/x", "/v1/%2e%2e/%2e%2e/etc"])
def test_an_unknown_path_is_not_found(proxy: Proxy, fake: FakeProvider, path: str) -> None:
    answer = requests.get(proxy.url + path, timeout=10)
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found")
    assert fake.requests == []


def test_a_status_page_takes_get_and_head_only(proxy: Proxy) -> None:
    answer = requests.post(proxy.url + "/stats", timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_body_over_the_limit_is_refused(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, compressed: bool
) -> None:
    proxy = make_proxy(MAX_REQUEST_BYTES="2000")
    body = b'{"model": "m", "x": "%b"}' % (b"a" * 2000)
    if compressed:
        answer = requests.post(
            proxy.url + ANTHROPIC, data=gzip.compress(body), headers={"Content-Encoding": "gzip"}, timeout=10
        )
    else:
        answer = requests.post(proxy.url + ANTHROPIC, data=body, timeout=10)
    assert (answer.status_code, error_of(answer, ANTHROPIC)["type"]) == (413, "request_too_large")
    assert fake.requests == []
    assert len(proxy.events(status_code=413)) == 1


def test_a_body_over_what_mitmproxy_takes_is_refused_before_it_comes(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=20) as client:
        client.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-ModelTrack-App: huge\r\nContent-Length: 900000000\r\n\r\n"
        )
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ") and b'"type":"request_too_large"' in answer
    [event] = proxy.events(app_id="huge")
    assert (event["status_code"], event["cost_usd"], event["error"]) == (413, 0, "request_too_large")


def test_a_provider_that_cannot_be_reached_is_a_502_in_json(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    body = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": PROMPT}]}
    answer = requests.post(proxy.url + ANTHROPIC, json=body, timeout=10)
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "upstream_unreachable"
    [event] = until(proxy.events)
    assert (event["status_code"], event["cost_usd"], event["error"]) == (502, 0, "upstream_unreachable")
    assert proxy.get("/healthz") == {"status": "ok"}


START = Callable[..., Proxy]


def output_of_failed_start(proxy: Proxy) -> str:
    assert proxy.spawn().wait(60) == 1
    return proxy.log


def rounds() -> Iterator[dict[str, str]]:
    """Yield variables with a bad value each, until each of BAD_VALUES has been among them."""
    left = [bad for bad in BAD_VALUES if "\0" not in bad[1]]
    while left:
        wrong = dict(reversed(left))
        yield wrong
        left = [(variable, value) for variable, value in left if wrong[variable] != value]


@pytest.mark.parametrize("wrong", list(rounds()), ids=lambda wrong: str(len(wrong)))
def test_bad_variables_stop_the_start_with_one_line_each(make_proxy: START, wrong: dict[str, str]) -> None:
    log = output_of_failed_start(make_proxy(start=False, **wrong))
    for variable, value in wrong.items():
        lines = [line for line in log.splitlines() if f"{variable}:" in line]
        assert len(lines) == 1 and repr(value) in lines[0] and "must be" in lines[0], variable
    assert "Traceback" not in log and "listening" not in log


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("modeltrack_cache_ttl_seconds=abc", "modeltrack_cache_ttl_seconds"),
        ("modeltrack_budget_failure_mode=ajar", "modeltrack_budget_failure_mode: 'ajar' is not allowed"),
        ("modeltrack_openai_base_url=nowhere", "modeltrack_openai_base_url: 'nowhere' is not allowed"),
    ],
)
def test_a_bad_option_stops_the_start_too(make_proxy: START, argument: str, says: str) -> None:
    log = output_of_failed_start(make_proxy("--set", argument, start=False))
    assert says in log and "Traceback" not in log


NO_LIMIT = '{"budgets": [{"team": "t", "monthly_limit": 0, "action": "block"}]}'
BAD_PRICE = '{"models": [{"provider": "openai", "model": "m", "input": -1, "output": 1}]}'


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("budgets.json", NO_LIMIT, "budgets.json: budgets.0.monthly_limit: must be greater than 0"),
        ("budgets.json", '{"budgets": [', "budgets.json: not valid JSON"),
        ("budgets.json", '{"budget": []}', "budgets.json: budget: unknown key"),
        ("routing.json", '{"rules": [{"name": "x"}]}', "routing.json: rules.0.trigger: is required"),
        ("pricing.json", BAD_PRICE, "pricing.json: models.0.input: must be greater than or equal to 0"),
    ],
)
def test_a_broken_file_stops_the_start_with_one_line(make_proxy: START, name: str, content: str, says: str) -> None:
    log = output_of_failed_start(make_proxy(files={name: content}, start=False))
    assert log.count(says) == 1
    assert "Traceback" not in log and "listening" not in log


def test_a_data_folder_that_cannot_be_written_stops_the_start(make_proxy: START) -> None:
    log = output_of_failed_start(make_proxy(start=False, DATA_DIR="/proc/none"))
    assert "/proc/none" in log and "Traceback" not in log

"""Test Routing as an addon: what a request is, where it goes, and what is refused before anything else is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.test import taddons

from addons.callers.keys import new_key, sha256
from addons.core import Core
from addons.flow.attached import call_of, credential_of, status_page, untracked_call
from addons.identity import Identity
from addons.routing import Routing

from .cores import answer, arrived, made, started


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, default_team="everybody", max_request_bytes=1024) as core:
        yield core


@pytest.fixture
def routing(core: Core) -> Iterator[Routing]:
    routing = Routing(core)
    with taddons.context(routing):
        yield routing


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/v1/messages?beta=true", "http://anthropic.test/v1/messages?beta=true"),
        ("/v1/chat/completions", "http://openai.test/v1/chat/completions"),
        ("/v1/embeddings", "http://openai.test/v1/embeddings"),
    ],
)
def test_a_call_goes_to_its_provider_with_the_query_it_came_with(core: Core, path: str, url: str) -> None:
    flow = arrived(core, path)
    assert flow.response is None
    assert flow.request.url == url
    assert flow.request.headers["Host"] == flow.request.host


def test_a_call_is_for_whom_its_headers_say_and_they_go_no_further(core: Core) -> None:
    flow = arrived(core, team="product", app="chatbot")
    call = call_of(flow)
    assert call and (call.attribution.team, call.attribution.app) == ("product", "chatbot")
    assert not [name for name in flow.request.headers if name.lower().startswith("x-modeltrack")]


def test_a_call_that_names_no_team_is_the_default_teams(core: Core) -> None:
    call = call_of(arrived(core))
    assert call and call.attribution.team == "everybody"


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/v1/messages", b"{", 400, "invalid_request_error"),
        ("/v1/messages", b"[]", 400, "invalid_request_error"),
        ("/v1/messages", {"max_tokens": 1}, 400, "invalid_request_error"),
        ("/v1/messages", {"model": "m", "system": "x" * 1024}, 413, "request_too_large"),
        ("/azure/v1/chat/completions", {"model": "m"}, 503, "not_configured"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    core: Core, path: str, body: object, status: int, kind: str
) -> None:
    flow = arrived(core, path, body)
    assert flow.response and flow.response.status_code == status
    assert answer(flow)["error"]["type"] == kind
    call = call_of(flow)
    assert call and call.error == kind


def test_another_method_than_post_on_a_tracked_path_is_a_405_that_names_post(routing: Routing) -> None:
    flow = made(method="PUT")
    routing.requestheaders(flow)
    assert flow.response and (flow.response.status_code, flow.response.headers["Allow"]) == (405, "POST")


def test_a_path_that_is_no_route_is_a_404_in_json(routing: Routing) -> None:
    flow = made("/favicon.ico", method="GET")
    routing.requestheaders(flow)
    assert flow.response and flow.response.status_code == 404
    assert answer(flow)["error"]["type"] == "not_found"


def test_other_paths_of_a_provider_are_passed_on_unread_and_counted(core: Core, routing: Routing) -> None:
    flow = made("/v1/files", body=b"anything")
    routing.requestheaders(flow)
    assert untracked_call(flow) and flow.request.stream and flow.response is None
    assert core.counts.untracked == 1


def test_a_status_page_is_the_proxys_own(routing: Routing) -> None:
    flow = made("/stats", method="GET")
    routing.requestheaders(flow)
    assert status_page(flow) and flow.response is None


def test_a_request_that_names_another_host_is_refused_since_this_is_no_proxy_for_plain_http(routing: Routing) -> None:
    flow = made()
    flow.request.authority = "elsewhere.test"
    routing.requestheaders(flow)
    assert flow.response and flow.response.status_code == 403
    assert "NO_PROXY" in answer(flow)["error"]["message"]


def test_a_flow_that_is_read_from_a_file_is_left_alone(routing: Routing) -> None:
    flow = made()
    flow.live = False
    routing.requestheaders(flow)
    assert call_of(flow) is None and flow.response is None


def test_nothing_is_served_while_the_proxy_is_not_configured(core: Core, routing: Routing) -> None:
    core.failure = "budgets.json: not JSON"
    flow = made()
    routing.requestheaders(flow)
    assert flow.response and (flow.response.status_code, flow.response.headers["Retry-After"]) == (503, "5")
    assert "budgets.json: not JSON" in answer(flow)["error"]["message"]


def test_an_exception_refuses_the_request(routing: Routing, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise RuntimeError

    monkeypatch.setattr("addons.routing.resolve", fail)
    flow = made()
    routing.requestheaders(flow)
    assert flow.response and flow.response.status_code == 500


@pytest.mark.parametrize(
    ("slot", "value", "host"),
    [
        ("x-api-key", "{}", "anthropic.test"),
        ("authorization", "Bearer {}", "openai.test"),
        ("x-modeltrack-key", "{}", "openai.test"),
    ],
)
def test_a_key_of_ours_tells_whose_a_request_is_by_the_place_where_it_stood(
    slot: str, value: str, host: str, tmp_path: Path
) -> None:
    key = new_key()
    entry = {"id": "one", "sha256": sha256(key), "team": "t"}
    with started(tmp_path, {"keys.json": {"keys": [entry]}}) as core:
        flow = made("/v1/models", method="GET")
        flow.request.headers[slot] = value.format(key)
        Identity(core, print).requestheaders(flow)
        Routing(core).requestheaders(flow)
    assert flow.request.host == host


@pytest.mark.parametrize(("account", "is_signed"), [("", True), ("env:ACCOUNT_B", False)])
def test_an_untracked_request_is_not_signed_for_a_key_with_an_account_at_aws(
    account: str, is_signed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCOUNT_B", "b")
    key = new_key()
    credentials = {"bedrock": account} if account else {}
    entry = {"id": "one", "sha256": sha256(key), "team": "t", "credentials": credentials}
    with started(tmp_path, {"keys.json": {"keys": [entry]}}) as core:
        flow = made("/bedrock/foundation-models", method="GET")
        flow.request.headers["X-ModelTrack-Key"] = key
        flow.request.headers["Authorization"] = (
            "AWS4-HMAC-SHA256 Credential=AKIACLIENT/20260101/us-east-1/bedrock/aws4_request,"
            " SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
        )
        Identity(core, print).requestheaders(flow)
        Routing(core).requestheaders(flow)
    call = untracked_call(flow)
    assert call and bool(call.sign_for) is is_signed
    assert credential_of(flow.request) == (() if is_signed else ((b"Authorization", b"Bearer b"),))

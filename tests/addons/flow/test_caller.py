"""Test who may call by CALLERS and by what the key says, and that refusals are counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http

from addons.callers.attribution import Attribution
from addons.callers.caller import Caller
from addons.callers.keys import Key, KeysFile, digest_of, sha256
from addons.callers.presented import Presented
from addons.core import Core, Tunnel
from addons.flow.admission import Admission
from addons.flow.attached import attach_shown
from addons.flow.caller import REVOKED, find_caller, model_denial, revocation
from addons.flow.replays import KEY_ID_HEADER, keep_record
from addons.llm.call import LLMCall
from addons.llm.denial import Denial
from addons.llm.providers import OPENAI, PROVIDERS, Provider
from addons.llm.routes import Tracked, resolve
from tests.addons.cores import made, started

ENDED = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
ENTRIES: list[dict[str, Any]] = [
    {"id": "chatbot", "team": "Product", "app": "chatbot"},
    {"id": "disabled", "team": "product", "disabled": True},
    {"id": "ended", "team": "product", "expires": ENDED},
]
TRACKED = resolve("/v1/messages")
assert isinstance(TRACKED, Tracked)
KEYS = {"keys": [entry | {"sha256": sha256(entry["id"])} for entry in ENTRIES]}
BUDGETS = {"budgets": [{"team": "Research", "monthly_limit": 1, "action": "warn"}]}


@pytest.fixture(params=["open", "known", "keys"])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    files = {"keys.json": KEYS, "budgets.json": BUDGETS}
    with started(tmp_path, files, callers=request.param, teams="Platform") as core:
        yield core


def with_key(id: str, **headers: str) -> http.HTTPFlow:
    flow = made(**headers)
    attach_shown(flow, Presented(digest_of(id)))
    return flow


def found(core: Core, flow: http.HTTPFlow, tunnel: Tunnel | None = None) -> Caller:
    result = find_caller(core, flow, OPENAI, tunnel)
    assert not isinstance(result, Denial), result
    assert core.counts.unknown_callers == 0
    return result[1]


def denied(core: Core, flow: http.HTTPFlow, tunnel: Tunnel | None = None) -> tuple[int, str]:
    result = find_caller(core, flow, OPENAI, tunnel)
    assert isinstance(result, Denial)
    assert core.counts.unknown_callers == 1 and result.retry_after is None
    return result.status, result.kind


UNAUTHENTICATED, UNKNOWN_TEAM = (401, "authentication_error"), (403, "unknown_team")


@pytest.mark.parametrize("by_tunnel", [False, True])
def test_a_valid_key_may_call_in_every_mode(core: Core, by_tunnel: bool) -> None:
    tunnel = Tunnel((), Presented(digest_of("chatbot"))) if by_tunnel else None
    caller = found(core, made() if by_tunnel else with_key("chatbot"), tunnel)
    assert (caller.who.team, caller.who.app, caller.who.key_id) == ("Product", "chatbot", "chatbot")
    assert caller.key and caller.key.id == "chatbot" and caller.digest == digest_of("chatbot")


@pytest.mark.parametrize("id", ["disabled", "ended", "unknown"])
def test_one_that_is_not_valid_may_in_none(core: Core, id: str) -> None:
    assert denied(core, with_key(id, team="Research")) == UNAUTHENTICATED


@pytest.mark.parametrize("id", ["disabled", "ended", "unknown"])
def test_nor_may_a_tunnel_that_it_opened(core: Core, id: str) -> None:
    assert denied(core, made(team="Research"), Tunnel((), Presented(digest_of(id)))) == UNAUTHENTICATED


@pytest.mark.parametrize(
    ("team", "spelled"), [("research", "Research"), ("platform", "Platform"), ("product", "Product")]
)
def test_the_teams_of_budgets_keys_and_settings_are_known(core: Core, team: str, spelled: str) -> None:
    if core.settings.callers == "keys":
        assert denied(core, made(team=team)) == UNAUTHENTICATED
    else:
        assert found(core, made(team=team)).who.team == spelled


@pytest.mark.parametrize("headers", [{}, {"team": "nobody"}])
def test_others_are_let_through_by_open_only(core: Core, headers: dict[str, str]) -> None:
    match core.settings.callers:
        case "open":
            assert found(core, made(**headers)).who.team == headers.get("team", "")
        case "known":
            assert denied(core, made(**headers)) == UNKNOWN_TEAM
        case _:
            assert denied(core, made(**headers)) == UNAUTHENTICATED


def test_a_header_against_the_key_is_refused_in_every_mode(core: Core) -> None:
    result = find_caller(core, with_key("chatbot", team="Research"), OPENAI, None)
    assert isinstance(result, Denial) and (result.status, result.kind) == (403, "permission_error")
    assert "'chatbot'" in result.message and "'Product'" in result.message and "'Research'" in result.message


def test_two_headers_that_differ_are_refused_before_the_key_is_looked_at(core: Core) -> None:
    flow = with_key("unknown", team="a")
    flow.request.headers.add("X-ModelTrack-Team", "b")
    result = find_caller(core, flow, OPENAI, None)
    assert isinstance(result, Denial) and result.status == 400


def replayed(core: Core, key_id: str = "", **headers: str) -> Caller | Denial:
    flow = made(**headers)
    flow.is_replay = "request"
    if key_id:
        keep_record(flow, OPENAI, "", {KEY_ID_HEADER: key_id})
    result = find_caller(core, flow, OPENAI, None)
    return result if isinstance(result, Denial) else result[1]


def test_a_replay_is_the_operators_and_for_the_caller_of_its_record(core: Core) -> None:
    result = replayed(core, "chatbot", team="Product", app="chatbot")
    assert isinstance(result, Caller) and result.key and result.who.key_id == "chatbot"
    result = replayed(core, team="Research", **{KEY_ID_HEADER.removeprefix("x-modeltrack-"): "chatbot"})
    assert isinstance(result, Caller) and (result.who.team, result.key) == ("Research", None)


def test_a_client_cannot_name_a_key_by_its_id(core: Core) -> None:
    flow = made(team="Research")
    flow.request.headers[KEY_ID_HEADER] = "chatbot"
    result = find_caller(core, flow, OPENAI, None)
    if core.settings.callers == "keys":
        assert isinstance(result, Denial)
    else:
        assert not isinstance(result, Denial) and result[1].key is None and result[1].who.key_id == ""


def test_the_clock_decides_when_a_key_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"id": "ends", "team": "t", "expires": "2026-11-28T12:00:00Z", "sha256": sha256("ends")}
    end = datetime(2026, 11, 28, 12, tzinfo=UTC)
    with started(tmp_path, {"keys.json": {"keys": [entry]}}) as core:
        monkeypatch.setattr(core, "now", lambda: end - timedelta(microseconds=1))
        assert found(core, with_key("ends")).who.team == "t"
        monkeypatch.setattr(core, "now", lambda: end)
        assert denied(core, with_key("ends")) == UNAUTHENTICATED


def key(**values: Any) -> Key:
    return Key.model_validate({"id": "limited", "team": "t", "sha256": sha256("limited")} | values)


@pytest.mark.parametrize("provider", [*PROVIDERS, None], ids=lambda provider: provider.name if provider else "ours")
@pytest.mark.parametrize("providers", [[], ["openai"], ["openai", "azure"]])
def test_a_key_is_for_the_providers_of_its_list(
    tmp_path: Path, providers: list[str], provider: Provider | None
) -> None:
    """The proxy's own pages are for every key."""
    entry = {"id": "limited", "team": "t", "sha256": sha256("limited"), "providers": providers}
    with started(tmp_path, {"keys.json": {"keys": [entry]}}) as core:
        result = find_caller(core, with_key("limited"), provider, None)
    if provider is None or not providers or provider.name in providers:
        assert not isinstance(result, Denial)
    else:
        assert isinstance(result, Denial) and (result.status, result.kind) == (403, "permission_error")
        assert "'limited'" in result.message and provider.name in result.message


def test_what_needs_a_key_needs_one_in_every_mode(core: Core) -> None:
    result = find_caller(core, made(team="Research"), None, None, needs_key=True)
    assert isinstance(result, Denial) and (result.status, result.kind) == UNAUTHENTICATED


@pytest.mark.parametrize(
    ("models", "model", "is_refused"),
    [
        ([], "gpt-4o", False),
        ([], "", False),
        (["gpt-4o"], "gpt-4o", False),
        (["gpt-4o"], "o3", True),
        (["*"], "", True),
    ],
)
def test_a_key_is_for_the_models_of_its_list(models: list[str], model: str, is_refused: bool) -> None:
    denial = model_denial(key(models=models), model)
    assert (denial is not None) is is_refused
    assert not denial or (denial.status == 403 and "'limited'" in denial.message and model in denial.message)
    assert model_denial(None, model) is None


def test_a_model_that_is_no_name_is_cut_in_the_refusal() -> None:
    denial = model_denial(key(models=["gpt-4o"]), "x" * 10_000)
    assert denial and len(denial.message) < 400


def test_what_comes_later_with_a_key_that_was_valid_is_refused_once_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    entry = {"id": "one", "sha256": sha256("one"), "team": "t", "expires": soon.isoformat()}
    with started(tmp_path, {"keys.json": {"keys": [entry]}}) as core:
        key = core.keys.value.keys[0]
        assert revocation(core, None) is None and revocation(core, key) is None
        noted = KeysFile.model_validate({"keys": [entry | {"note": "seen"}]})
        with monkeypatch.context() as patch:
            patch.setattr(core.keys, "value", noted)
            assert revocation(core, key) is None
        for changed in (
            entry | {"team": "other"},
            entry | {"models": ["gpt-4o-mini"]},
            entry | {"disabled": True},
            entry | {"sha256": sha256("other")},
            entry | {"id": "two"},
        ):
            with monkeypatch.context() as patch:
                patch.setattr(core.keys, "value", KeysFile.model_validate({"keys": [changed]}))
                assert revocation(core, key) is REVOKED
        monkeypatch.setattr(core, "now", lambda: soon)
        assert revocation(core, key) is REVOKED


def test_a_key_that_ends_while_the_body_comes_admits_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    entry = {"id": "one", "sha256": sha256("one"), "team": "t", "expires": soon.isoformat()}
    with started(tmp_path, {"keys.json": {"keys": [entry]}}) as core:
        call = LLMCall(TRACKED, "", Attribution("t"), 0.0, key=core.keys.value.keys[0])
        call.ask({"model": "claude-sonnet-4-6", "max_tokens": 1, "messages": []})
        assert Admission(core).admit(call, "a") is None
        monkeypatch.setattr(core, "now", lambda: soon)
        assert Admission(core).admit(call, "b") is REVOKED

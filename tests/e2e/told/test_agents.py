"""Test what coding agents show of a refusal, and that they work with nothing but a key: the programs themselves.

Each is tested where it is installed: `npm install --prefix /tmp/agents @anthropic-ai/claude-code @openai/codex
opencode-ai`, and put /tmp/agents/node_modules/.bin into PATH.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from addons.callers.keys import new_key, sha256
from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import post
from tests.e2e.conftest import KEY, PROMPT, Proxy

ONLY_LOCAL = {
    "NO_PROXY": "127.0.0.1",
    "NO_COLOR": "1",
    **dict.fromkeys(("DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER", "DISABLE_ERROR_REPORTING", "DO_NOT_TRACK"), "1"),
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    **{f"OPENCODE_DISABLE_{what}": "1" for what in ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")},
}


class Program(NamedTuple):
    command: list[str]
    env: dict[str, str]


def claude(url: str, key: str, home: Path) -> Program:
    return Program(
        ["claude", "-p", PROMPT, "--model", "claude-sonnet-4-6"],
        {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key, "CLAUDE_CONFIG_DIR": str(home)},
    )


def codex(url: str, key: str, home: Path, websockets: str = "false") -> Program:
    config = f"""
        model = "gpt-5"
        model_provider = "modeltrack"
        check_for_update_on_startup = false
        analytics.enabled = false
        [model_providers.modeltrack]
        name = "ModelTrack"
        base_url = "{url}/v1"
        wire_api = "responses"
        env_key = "OPENAI_API_KEY"
        supports_websockets = {websockets}
    """
    (home / "config.toml").write_text(config)
    command = ["codex", "exec", "--skip-git-repo-check", PROMPT]
    return Program(command, {"CODEX_HOME": str(home), "OPENAI_API_KEY": key})


def codex_on_a_websocket(url: str, key: str, home: Path) -> Program:
    return codex(url, key, home, websockets="true")


def opencode(url: str, key: str, home: Path) -> Program:
    options = {"baseURL": url + "/v1", "apiKey": key}
    (home / "opencode.json").write_text(json.dumps({"provider": {"anthropic": {"options": options}}}))
    command = ["opencode", "run", PROMPT, "-m", "anthropic/claude-sonnet-4-5"]
    return Program(command, {"OPENCODE_CONFIG": str(home / "opencode.json")})


Agent = Callable[[str, str, Path], Program]


def shown(agent: Agent, proxy: Proxy, key: str, home: Path) -> str:
    """Run an agent in front of the proxy, and return what it shows."""
    program = agent(proxy.url, key, home)
    path = shutil.which(program.command[0])
    if not path:
        pytest.skip(f"needs {program.command[0]}")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), **ONLY_LOCAL, **program.env}
    done = subprocess.run(
        [path, *program.command[1:]],
        env=env,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    return done.stdout


REASON = "Team 'broke' has exceeded monthly budget of $0.000001 (current: $0.006)"
TEXT = f"{REASON}. Raise it in budgets.json, or wait until it starts anew on "
CODEX_TEXT = f"hit your usage limit. {REASON}. Raise it in budgets.json, or try again at "


@pytest.fixture(scope="module")
def spent(request: pytest.FixtureRequest, make_proxy: Callable[..., Proxy]) -> tuple[Proxy, str]:
    """A proxy that takes only keys, and the key of a team whose budget is spent."""
    key, budget = new_key(), {"team": "broke", "monthly_limit": 0.000001, "action": "block"}
    entry = {"id": "broke-1", "sha256": sha256(key), "team": "broke"}
    proxy = make_proxy(
        files={"budgets.json": {"budgets": [budget]}, "keys.json": {"keys": [entry]}},
        REFUSAL_STATUS=str(request.param),
        CALLERS="keys",
        ANTHROPIC_API_KEY=KEY,
        OPENAI_API_KEY=KEY,
    )
    assert post(proxy, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    return proxy, key


# Each row: the status, the agent, how often it asks, and what it shows. Codex warms up a WebSocket before it asks, and
# opencode has another model think of a title. opencode tries a 429 again for as long as it runs, so it is not here.
REFUSALS: list[tuple[int, Agent, int, str]] = [
    (429, claude, 1, TEXT),
    (429, codex, 1, CODEX_TEXT),
    (429, codex_on_a_websocket, 2, CODEX_TEXT),
    (402, claude, 1, TEXT),
    (402, codex, 6, TEXT),
    (402, opencode, 2, TEXT),
]


@pytest.mark.parametrize(("spent", "agent", "tries", "text"), REFUSALS, indirect=["spent"])
def test_an_agent_stops_at_a_spent_budget_and_shows_why(
    spent: tuple[Proxy, str], tmp_path: Path, agent: Agent, tries: int, text: str
) -> None:
    proxy, key = spent
    before = len(proxy.events())
    found = shown(agent, proxy, key, tmp_path)
    assert text in found, found[-800:]
    events = proxy.events()[before:]
    assert {(event["key_id"], event["blocked_by"]) for event in events} == {("broke-1", "budget")}
    assert len(events) == tries


@pytest.mark.parametrize(("spent", "agent"), [(402, claude), (402, codex), (402, opencode)], indirect=["spent"])
def test_an_agent_shows_why_a_key_is_refused(spent: tuple[Proxy, str], tmp_path: Path, agent: Agent) -> None:
    proxy, _ = spent
    before = len(proxy.events())
    found = shown(agent, proxy, new_key(), tmp_path)
    assert "This request has no valid ModelTrack key" in found, found[-800:]
    assert len(proxy.events()) == before


@pytest.mark.parametrize("agent", [claude, codex, codex_on_a_websocket, opencode])
def test_an_agent_works_with_nothing_but_a_key(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path, agent: Agent
) -> None:
    key = new_key()
    entry = {"id": "agents-1", "sha256": sha256(key), "team": "platform"}
    proxy = make_proxy(
        files={"keys.json": {"keys": [entry]}}, CALLERS="keys", ANTHROPIC_API_KEY=KEY, OPENAI_API_KEY=KEY
    )
    shown(agent, proxy, key, tmp_path)
    events = proxy.events()
    assert {(event["status_code"], event["team"], event["key_id"]) for event in events} == {
        (200, "platform", "agents-1")
    }
    sent = [value for request in fake.requests for _, value in request.headers]
    assert any(KEY in value for value in sent) and not any(key in value for value in sent)

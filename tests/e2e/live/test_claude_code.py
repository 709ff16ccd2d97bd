"""Claude Code itself, where it is installed: its turn goes through although its team's budget asks for a downgrade.

To install it: `npm install --prefix /tmp/cc @anthropic-ai/claude-code`, and put /tmp/cc/node_modules/.bin into PATH.
What it sends is in tests/addons/llm/model_limits/test_check.py, too, so that nothing rests on this test alone.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy
from tests.e2e.proxy.test_downgrades import HAIKU, RULES, SONNET, spent

CLAUDE = shutil.which("claude")
pytestmark = pytest.mark.skipif(not CLAUDE, reason="needs Claude Code: npm install @anthropic-ai/claude-code")
QUIET = (
    "DISABLE_TELEMETRY",
    "DISABLE_AUTOUPDATER",
    "DISABLE_ERROR_REPORTING",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
)


def ask(url: str, model: str, home: Path) -> "subprocess.CompletedProcess[str]":
    assert CLAUDE
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_CUSTOM_HEADERS": "X-ModelTrack-Team: t71\nX-Fake: strict=1",
        **dict.fromkeys(QUIET, "1"),
    }
    command = [CLAUDE, "-p", PROMPT, "--model", model]
    return subprocess.run(
        command, env=env, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180
    )


def test_its_turn_goes_through_before_a_provider_that_refuses_the_downgrade(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path
) -> None:
    budgets = {"budgets": [{"team": "t71", "monthly_limit": 100, "action": "block"}]}
    proxy = make_proxy(files={"budgets.json": budgets, "routing.json": RULES}, start=False)
    (proxy.data / "cost_events.jsonl").write_bytes(spent("t71", 71))
    proxy.start().ready()
    for model in (SONNET, HAIKU):
        turn = ask(proxy.url, model, tmp_path)
        assert (turn.returncode, turn.stdout.startswith("Hello!")) == (0, True), turn.stdout[:200]
    asked = [json.loads(request.body)["model"] for request in fake.requests if request.method == "POST"]
    assert asked == [SONNET, HAIKU]

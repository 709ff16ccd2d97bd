"""Every command and program in the README runs."""

import json
import os
import re
import subprocess
import sys

import pytest

from addons.settings import MITMPROXY_SETTINGS, SETTINGS

from .conftest import KEY, ROOT, Proxy

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"(?:<!-- (not run)[^\n]*-->\n)?```(sh|python|js|json)\n(.*?)```", README, re.DOTALL)
# As if it were up to date: else `make` in an example would make the .venv anew from which these tests run.
INSTALLED = 'make() { command make --old-file=.venv/.installed "$@"; }\n'
RUNNERS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


@pytest.mark.parametrize(
    ("language", "code"),
    [(language, code) for skipped, language, code in BLOCKS if not skipped and "make demo" not in code],
    ids=[
        f"{language}-{n}"
        for n, (skipped, language, code) in enumerate(BLOCKS)
        if not skipped and "make demo" not in code
    ],
)
def test_an_example_runs(proxy: Proxy, language: str, code: str) -> None:
    if language == "json":
        json.loads(code)
        return
    env = os.environ | {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY}
    before = len(proxy.events(status_code=200))
    code = (INSTALLED if language == "sh" else "") + code.replace("http://localhost:8080", proxy.url)
    done = subprocess.run([*RUNNERS[language], code], env=env, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    calls = code.count(".create(") + code.count("/v1/messages")
    assert len(proxy.events(status_code=200)) - before == calls


def test_the_provider_that_is_shown_is_the_real_one() -> None:
    assert (ROOT / "addons/llm/providers/bedrock.py").read_text() in [code for _, _, code in BLOCKS]
    assert "    BEDROCK,\n" in (ROOT / "addons/llm/providers/__init__.py").read_text()


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    for info in (SETTINGS | MITMPROXY_SETTINGS).values():
        assert f"`{info.env}`" in README

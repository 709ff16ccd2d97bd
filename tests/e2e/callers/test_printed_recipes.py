"""Test that what `modeltrack keys new` prints is true: each example works with the key, until the key is disabled."""

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from addons.callers.keys import KEY
from demo.fake_provider.server import FakeProvider
from tests import ROOT
from tests.e2e.conftest import KEY as PROVIDERS_KEY
from tests.e2e.conftest import Proxy, until

CALL = {
    "anthropic": 'messages.create(model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "x"}])',
    "openai": 'chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}])',
}


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    names = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AWS_BEARER_TOKEN_BEDROCK")
    credentials = dict.fromkeys(names, PROVIDERS_KEY)
    return make_proxy(CALLERS="keys", BEDROCK_ENDPOINT_URL=fake.url, AZURE_OPENAI_ENDPOINT=fake.url, **credentials)


def command(proxy: Proxy, *arguments: str) -> str:
    whole = [sys.executable, "-m", "modeltrack_api.cli", "keys", *arguments, "--data-dir", str(proxy.data)]
    return subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout


def run(key: str, title: str, code: str) -> bool:
    """Run an example that was printed, and return whether it got an answer."""
    if "Python" in title:
        code = f"import os, {code.partition('.')[0]}\n{code}.with_options(max_retries=0).{CALL[code.partition('.')[0]]}"
        program = [sys.executable, "-c", code]
    else:
        program = ["bash", "-euc", code.replace("curl ", "curl -sS --fail-with-body ", 1)]
    env = {"PATH": os.environ["PATH"], "MODELTRACK_KEY": key, "NO_PROXY": "127.0.0.1"}
    return subprocess.run(program, env=env, capture_output=True, timeout=120, check=False).returncode == 0


def test_each_example_works_until_the_key_is_disabled(proxy: Proxy, fake: FakeProvider) -> None:
    text = command(proxy, "new", "--team", "product", "--app", "chatbot", "--proxy-url", proxy.url)
    [key] = KEY.findall(text)
    blocks = [block[2:].partition("\n") for block in text.split("\n\n") if block.startswith("# ")]
    examples = [(title, code) for title, _, code in blocks if re.match(r"curl|\w+'s SDK", title)]
    assert len(examples) == 6
    title, code = examples[0]
    until(lambda: run(key, title, code))  # the proxy takes the file within a second
    before = len(proxy.events(status_code=200))
    assert [title for title, code in examples if not run(key, title, code)] == []
    events = proxy.events(status_code=200)[before:]
    assert len(events) == 6
    assert {(event["team"], event["app_id"], event["key_id"]) for event in events} == {
        ("product", "chatbot", "product-chatbot-1")
    }
    assert not any(key in str(request.headers) for request in fake.requests)
    command(proxy, "disable", "product-chatbot-1")
    until(lambda: not run(key, title, code))
    assert [title for title, code in examples if run(key, title, code)] == []
    assert all(key.encode() not in path.read_bytes() for path in [*proxy.data.iterdir(), proxy.output])

"""Every command and program in the README and in docs/ runs, and the pages of the proxy are as operations.md says."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from addons.callers.credentials import VARIABLES
from addons.callers.keys import new_key, sha256
from demo.fake_provider.server import FakeProvider
from demo.processes import api as running_api
from tests import ROOT
from tests.documents import Block, all_blocks, blocks, names, rows, section

from .conftest import KEY, Proxy

RUNNERS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
ON_THEIR_OWN = re.compile(r"make (demo|test)")
"""test_demo.py runs the first, and the second is what runs these tests."""
EXAMPLES = [
    block
    for block in all_blocks()
    if block.is_run and block.language in RUNNERS and not ON_THEIR_OWN.search(block.code)
]
# As if it were up to date: else `make` in an example would make the .venv anew from which these tests run.
# And curl fails where the answer is an error.
PRELUDE = """\
make() { command make --old-file=.venv/.installed "$@"; }
curl() { command curl -sS --fail-with-body "$@"; }
"""
CALLS = re.compile(r"\.create\(|\.converse\(|localhost:8080/\S*(?:messages|completions|responses|embeddings)\b")
NO_AWS = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
MODELTRACK_KEY = new_key()
KEYS = {"keys": [{"id": "shown", "sha256": sha256(MODELTRACK_KEY), "team": "product", "app": "chatbot"}]}
AWS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_REGION": "us-east-1", **NO_AWS}


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    """Return a proxy that has the checkout's own files in its data folder, a key for callers, and all credentials."""
    files = {path.name: path.read_text() for path in (ROOT / "data").glob("*.json")} | {"keys.json": KEYS}
    env = AWS | dict.fromkeys(VARIABLES.values(), KEY)
    return make_proxy(files=files, BEDROCK_ENDPOINT_URL=fake.url, AZURE_OPENAI_ENDPOINT=fake.url, **env)


@pytest.fixture(scope="module")
def api_url(proxy: Proxy) -> Iterator[str]:
    with running_api(proxy.data) as (url, _):
        yield url


@pytest.fixture
def checkout(proxy: Proxy, tmp_path: Path) -> Path:
    """A folder that looks like the checkout, whose data/ is the proxy's: what an example writes is not in the way."""
    for path in ROOT.iterdir():
        if path.name != "data":
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "data").symlink_to(proxy.data)
    return tmp_path


@pytest.mark.parametrize("block", EXAMPLES, ids=[f"{block.id}-{block.language}" for block in EXAMPLES])
def test_an_example_runs(block: Block, proxy: Proxy, api_url: str, checkout: Path) -> None:
    keys = dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"), KEY)
    env = os.environ | AWS | keys | {"AWS_DEFAULT_REGION": "us-east-1", "MODELTRACK_KEY": MODELTRACK_KEY}
    before = len(proxy.events(status_code=200))
    code = block.code.replace("http://localhost:8080", proxy.url).replace("http://127.0.0.1:3001", api_url)
    code = (PRELUDE if block.language == "sh" else "") + code
    command = [*RUNNERS[block.language], code]
    done = subprocess.run(command, env=env, cwd=checkout, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert len(proxy.events(status_code=200)) - before == len(CALLS.findall(block.code))


def test_the_provider_that_is_shown_is_the_real_one() -> None:
    shown = [block.code for block in blocks(ROOT / "docs/architecture.md")]
    assert (ROOT / "addons/llm/providers/bedrock.py").read_text() in shown
    assert "    BEDROCK,\n" in (ROOT / "addons/llm/providers/__init__.py").read_text()


@pytest.mark.parametrize("page", ["/stats", "/cache/stats", "/routing/stats"])
def test_every_key_of_a_status_page_is_explained(page: str, proxy: Proxy) -> None:
    text = section("operations.md", "Status pages")
    [table] = [part for part in text.split("\n\n") if part.startswith(f"| key of `{page}`")]
    assert {name for row in rows(table) for name in names(row[0])} == set(proxy.get(page))


@pytest.mark.parametrize("page", ["proxy", "api"])
def test_every_metric_is_explained(page: str, proxy: Proxy, api_url: str) -> None:
    text = requests.get(f"{api_url if page == 'api' else proxy.url}/metrics", timeout=10).text
    found = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    shown = {name for row in rows(section("operations.md", "Metrics")) for name in names(row[0])}
    assert {name for name in shown if name.startswith("modeltrack_api_") == (page == "api")} == found

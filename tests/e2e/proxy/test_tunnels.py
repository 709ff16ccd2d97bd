"""Programs that cannot change their base URL: HTTPS_PROXY on the same port."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import requests

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, ROOT, Proxy, until

MESSAGES: Any = [{"role": "user", "content": PROMPT}]
CLAUDE: Any = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": MESSAGES}
GPT: Any = {"model": "gpt-4o", "messages": MESSAGES}


@pytest.fixture
def through(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], Proxy]:
    """Points the environment at the proxy, as this team and app, with its CA."""

    def use(team: str, app: str) -> Proxy:
        bundle = tmp_path / "ca-bundle.pem"
        write_bundle(bundle, proxy.confdir)
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
            monkeypatch.setenv(name, str(bundle))
        address = proxy.url.replace("http://", f"http://{team}:{app}@")
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("https_proxy", address)
        monkeypatch.setenv("NODE_USE_ENV_PROXY", "1")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        return proxy

    return use


def the_event(proxy: Proxy, app: str) -> dict[str, Any]:
    [event] = until(lambda: proxy.events(team="tunnel", app_id=app))
    return event


def test_the_python_sdks_work_unchanged(through: Callable[[str, str], Proxy], fake: FakeProvider) -> None:
    proxy = through("tunnel", "sync")
    with anthropic.Anthropic(api_key=KEY) as client, openai.OpenAI(api_key=KEY) as gpt:
        assert client.messages.create(**CLAUDE).usage.output_tokens == 200
        with client.messages.stream(**CLAUDE) as stream:
            assert stream.get_final_message().usage.output_tokens == 200
        assert gpt.chat.completions.create(**GPT).usage.completion_tokens == 200
        assert [chunk.usage for chunk in gpt.chat.completions.create(**GPT, stream=True)][-1] is None
    events = proxy.events(team="tunnel", app_id="sync")
    assert [(e["provider"], e["is_streaming"], e["cost_usd"]) for e in events] == [
        ("anthropic", False, 0.006),
        ("anthropic", True, 0.006),
        ("openai", False, 0.0045),
        ("openai", True, 0.0045),
    ]
    for request in fake.requests:
        assert request.header("proxy-authorization") is None
        assert request.header("host") == fake.url.removeprefix("http://")
        assert "tunnel" not in str(request.headers)


async def test_the_async_sdks_do_too(through: Callable[[str, str], Proxy]) -> None:
    proxy = through("tunnel", "async")
    async with anthropic.AsyncAnthropic(api_key=KEY) as client, openai.AsyncOpenAI(api_key=KEY) as gpt:
        async with client.messages.stream(**CLAUDE) as stream:
            assert (await stream.get_final_message()).usage.output_tokens == 200
        assert len([chunk async for chunk in await gpt.chat.completions.create(**GPT, stream=True)]) > 3
    assert [e["cost_usd"] for e in proxy.events(app_id="async")] == [0.006, 0.0045]


def test_curl_works_and_headers_win_over_the_proxys_user(through: Callable[[str, str], Proxy]) -> None:
    proxy = through("other", "curl")
    url = "https://api.anthropic.com/v1/messages"
    headers = ["-H", f"x-api-key: {KEY}", "-H", "X-ModelTrack-Team: tunnel", "-H", "X-ModelTrack-No-Cache: 1"]
    done = subprocess.run(["curl", "-sS", url, *headers, "-d", json.dumps(CLAUDE)], capture_output=True, check=True)
    assert json.loads(done.stdout)["model"] == "claude-sonnet-4-6"
    assert the_event(proxy, "curl")["cost_usd"] == 0.006


def test_each_connection_has_its_own_user_and_an_odd_port_changes_nothing(
    through: Callable[[str, str], Proxy], fake: FakeProvider
) -> None:
    proxy = through("tunnel", "unused")
    url = "https://api.openai.com:8443/v1/chat/completions"
    with requests.Session() as first, requests.Session() as second:
        for session, app in ((first, "first"), (second, "second"), (first, "first")):
            proxies = {"https": proxy.url.replace("http://", f"http://tunnel:{app}@")}
            headers = {"X-ModelTrack-No-Cache": "1"}
            assert session.post(url, json=GPT, headers=headers, proxies=proxies, timeout=10).status_code == 200
    assert len(proxy.events(team="tunnel", app_id="first", cost_usd=0.0045)) == 2
    assert len(proxy.events(team="tunnel", app_id="second", cost_usd=0.0045)) == 1
    assert not [request for request in fake.requests if request.header("proxy-authorization")]


NODE = """
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { ProxyAgent } from "undici";
const [messages, apiKey] = [JSON.parse(process.argv[1]), process.argv[2]];
// Node takes a proxy from the environment from 22.21 on, with NODE_USE_ENV_PROXY=1; before, it has to be told.
const [major, minor] = process.versions.node.split(".").map(Number);
const old = major < 22 || (major == 22 && minor < 21);
const fetchOptions = old && process.env.HTTPS_PROXY ? { dispatcher: new ProxyAgent(process.env.HTTPS_PROXY) } : {};
const claude = new Anthropic({ apiKey, fetchOptions });
const gpt = new OpenAI({ apiKey, fetchOptions });
const message = await claude.messages.create({ model: "claude-haiku-4-5", max_tokens: 9, messages });
const stream = await gpt.chat.completions.create({ model: "gpt-4o", stream: true, messages });
let text = "";
for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
console.log(JSON.stringify([message.content[0].text, text]));
process.exit(0);
"""


@pytest.fixture(scope="session")
def node_sdks() -> Path:
    """Installed once, beside the Python packages."""
    folder = ROOT / ".venv" / "node"
    if not (folder / "node_modules" / "undici").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        quick = ["--silent", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=30000"]
        command = ["npm", "install", *quick, "openai", "@anthropic-ai/sdk", "undici@6"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"npm, which installs the Node SDKs, is missing or cannot reach them: {type(error).__name__}")
    return folder


def run_node(folder: Path, **env: str) -> list[str]:
    """The texts of both answers."""
    command = ["node", "--input-type=module", "-e", NODE, json.dumps(MESSAGES), KEY]
    environ = os.environ | env
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_node_sdks_work_unchanged(
    through: Callable[[str, str], Proxy], node_sdks: Path, fake: FakeProvider
) -> None:
    proxy = through("tunnel", "node")
    assert run_node(node_sdks) == [fake.defaults.text] * 2
    assert [e["cost_usd"] for e in proxy.events(app_id="node")] == [0.002, 0.0045]


def test_the_node_sdks_work_with_a_base_url(make_proxy: Callable[..., Proxy], node_sdks: Path) -> None:
    proxy = make_proxy()
    run_node(node_sdks, ANTHROPIC_BASE_URL=proxy.url, OPENAI_BASE_URL=proxy.url + "/v1")
    assert [e["cost_usd"] for e in proxy.events()] == [0.002, 0.0045]


def test_other_paths_of_a_providers_host_are_passed_on_uncounted(
    through: Callable[[str, str], Proxy], fake: FakeProvider
) -> None:
    proxy = through("tunnel", "paths")
    before = proxy.get("/stats")["untracked_requests"]
    answer = requests.get("https://api.anthropic.com/api/any/path?q=1", timeout=10)
    assert answer.status_code == 404 and answer.headers["request-id"] == "req_fake"
    assert [request.path for request in fake.requests] == ["/api/any/path?q=1"]
    assert requests.get("https://api.openai.com/healthz", timeout=10).headers["request-id"] == "req_fake"
    assert proxy.get("/stats")["untracked_requests"] == before + 2


def test_budgets_hold_in_tunnels_too(make_proxy: Callable[..., Proxy], tmp_path: Path) -> None:
    budgets = {"budgets": [{"team": "tunnel", "app": "small", "monthly_limit": 0.000001, "action": "block"}]}
    proxy = make_proxy(files={"budgets.json": budgets})
    write_bundle(tmp_path / "ca.pem", proxy.confdir)
    proxies = {"https": proxy.url.replace("http://", "http://tunnel:small@")}
    url = "https://api.openai.com/v1/chat/completions"
    urls = [url, url, "https://api.openai.com/v1/images/generations", "https://api.openai.com/v1/files"]
    ca = str(tmp_path / "ca.pem")
    answers = [requests.post(each, json=GPT, proxies=proxies, verify=ca, timeout=10) for each in urls]
    assert [answer.status_code for answer in answers] == [200, 429, 403, 404]  # the last one reached the provider
    assert [event["cost_usd"] for event in proxy.events(app_id="small")] == [0.0045, 0, None]


def test_the_host_of_several_base_urls_is_told_apart_by_path(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path
) -> None:
    proxy = make_proxy(AZURE_OPENAI_ENDPOINT=fake.url)
    write_bundle(tmp_path / "ca.pem", proxy.confdir)
    host, settings = fake.url.replace("http://", "https://"), {"proxies": {"https": proxy.url}, "timeout": 10}
    for path, body in (
        ("/v1/messages", CLAUDE),
        ("/v1/chat/completions", GPT),
        ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", GPT),
    ):
        assert requests.post(host + path, json=body, verify=str(tmp_path / "ca.pem"), **settings).ok
        assert fake.requests[-1].path == path
    events = [(event["provider"], event["cost_usd"]) for event in proxy.events()]
    assert events == [("anthropic", 0.006), ("openai", 0.0045), ("azure", 0.0045)]

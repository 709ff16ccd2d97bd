"""Programs that cannot change their base URL: HTTPS_PROXY on the same port."""

import datetime
import hashlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from addons.ca_bundle import write_bundle
from modeltrack_api.fake_provider import FakeProvider

from .conftest import KEY, PROMPT, Proxy, until

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
    headers = ["-H", f"x-api-key: {KEY}", "-H", "X-ModelTrack-Team: tunnel"]
    done = subprocess.run(["curl", "-sS", url, *headers, "-d", json.dumps(CLAUDE)], capture_output=True, check=True)
    assert json.loads(done.stdout)["model"] == "claude-sonnet-4-6"
    assert the_event(proxy, "curl")["cost_usd"] in (0, 0.006)


NODE = """
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { ProxyAgent } from "undici";
const [messages, apiKey] = [JSON.parse(process.argv[1]), process.argv[2]];
// Node takes a proxy from the environment from 22.21 on, with NODE_USE_ENV_PROXY=1; before, it has to be told.
const [major, minor] = process.versions.node.split(".").map(Number);
const old = major < 22 || (major == 22 && minor < 21);
const fetchOptions = old ? { dispatcher: new ProxyAgent(process.env.HTTPS_PROXY) } : {};
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
    folder = Path(__file__).resolve().parents[2] / ".venv" / "node"
    if not (folder / "node_modules" / "undici").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "openai", "@anthropic-ai/sdk", "undici@6"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=180)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"the Node SDKs cannot be installed here: {type(error).__name__}")
    return folder


def test_the_node_sdks_work_unchanged(through: Callable[[str, str], Proxy], node_sdks: Path, tmp_path: Path) -> None:
    proxy = through("tunnel", "node")
    command = ["node", "--input-type=module", "-e", NODE, json.dumps(MESSAGES), KEY]
    done = subprocess.run(command, cwd=node_sdks, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [e["cost_usd"] for e in proxy.events(app_id="node")] == [0.002, 0.0045]


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


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A TLS server of nobody's; its port and its certificate's fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other.test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
                with raw, context.wrap_socket(raw, server_side=True) as client:
                    client.sendall(b"hello " + client.recv(100))
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], certificate.fingerprint(hashes.SHA256()).hex()
    listener.close()


def connect(proxy: Proxy, host: str, port: int) -> tuple[socket.socket, bytes]:
    """An open tunnel, and the answer to CONNECT."""
    raw = socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=10)
    raw.sendall(b"CONNECT %b:%d HTTP/1.1\r\nHost: x\r\n\r\n" % (host.encode(), port))
    answer = raw.recv(65536)
    while answer.startswith(b"HTTP/1.1 403") and not answer.endswith(b"}"):
        answer += raw.recv(65536)
    return raw, answer


def test_another_host_is_reached_untouched_with_its_own_certificate(proxy: Proxy, tls_server: tuple[int, str]) -> None:
    port, fingerprint = tls_server
    raw, answer = connect(proxy, "127.0.0.1", port)
    assert answer.startswith(b"HTTP/1.1 200 ")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with raw, context.wrap_socket(raw, server_hostname="other.test") as tunnel:
        seen = tunnel.getpeercert(binary_form=True)
        assert seen and hashlib.sha256(seen).hexdigest() == fingerprint
        tunnel.sendall(b"world")
        assert tunnel.recv(100) == b"hello world"


@pytest.mark.parametrize(("allowed", "status"), [("none", b"403"), ("loopback", b"200"), ("all", b"200")])
def test_who_may_reach_other_hosts_is_a_setting(
    make_proxy: Callable[..., Proxy], tls_server: tuple[int, str], allowed: str, status: bytes
) -> None:
    raw, answer = connect(make_proxy(TUNNEL_OTHER_HOSTS=allowed), "127.0.0.1", tls_server[0])
    with raw:
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert allowed != "none" or b"TUNNEL_OTHER_HOSTS=none" in answer


def test_a_client_that_does_not_trust_the_ca_is_told_in_the_log_what_to_set(proxy: Proxy) -> None:
    raw, _ = connect(proxy, "api.anthropic.com", 443)
    with raw, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw, server_hostname="api.anthropic.com")
    until(lambda: "does not trust the certificate of api.anthropic.com" in proxy.log)
    assert "SSL_CERT_FILE" in proxy.log and "NODE_EXTRA_CA_CERTS" in proxy.log


def test_budgets_hold_in_tunnels_too(make_proxy: Callable[..., Proxy], tmp_path: Path) -> None:
    budgets = {"budgets": [{"team": "tunnel", "app": "small", "monthly_limit": 0.000001, "action": "block"}]}
    proxy = make_proxy(files={"budgets.json": budgets})
    write_bundle(tmp_path / "ca.pem", proxy.confdir)
    proxies = {"https": proxy.url.replace("http://", "http://tunnel:small@")}
    url = "https://api.openai.com/v1/chat/completions"
    urls = [url, url, "https://api.openai.com/v1/files"]
    ca = str(tmp_path / "ca.pem")
    answers = [requests.post(each, json=GPT, proxies=proxies, verify=ca, timeout=10) for each in urls]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert [event["cost_usd"] for event in proxy.events(app_id="small")] == [0.0045, 0]

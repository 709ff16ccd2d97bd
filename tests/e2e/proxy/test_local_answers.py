"""Answers of mitmproxy's own addons: the provider is not asked, so they cost nothing."""

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.certificates import self_signed
from tests.e2e.conftest import KEY, Proxy

USAGE = {"usage": {"prompt_tokens": 1000, "completion_tokens": 200}, "choices": []}
SSE = f"data: {json.dumps(USAGE)}\n\ndata: [DONE]\n\n"
NAMES_A_TYPE = "import mimetypes; mimetypes.add_type('text/event-stream', '.sse')"


def check(proxy: Proxy, fake: FakeProvider, team: str, status: int = 200, model: str = "gpt-4o") -> None:
    assert fake.requests == []
    [event] = proxy.events(team=team)
    assert (event["cost_usd"], event["input_tokens"], event["output_tokens"]) == (0, 0, 0)
    assert (event["status_code"], event["answered_locally"], event["model"]) == (status, True, model)
    assert not {"error", "usage_estimated"} & event.keys()


@pytest.mark.parametrize(("name", "text"), [("answer.json", json.dumps(USAGE)), ("answer.sse", SSE), ("gone", "")])
def test_what_map_local_answers_costs_nothing(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path, name: str, text: str
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    if text:
        (folder / name).write_text(text)
    script = tmp_path / "types.py"
    script.write_text(NAMES_A_TYPE)
    proxy = make_proxy("--map-local", f"|chat/completions|{folder / name if text else folder}", "-s", str(script))
    for team, stream in (("whole", False), ("stream", True)):
        answer = post(proxy, team, path=OPENAI, stream=stream)
        assert answer.text == text
        check(proxy, fake, team, 200 if text else 404)
    stats = proxy.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_what_server_replay_answers_costs_nothing(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path, stream: bool
) -> None:
    file = tmp_path / "flows"
    recorder = make_proxy("-w", str(file))
    recorded = post(recorder, "recorder", path=OPENAI, stream=stream)
    recorder.stop()
    fake.clear()
    player = make_proxy("--set", f"server_replay={file}", "--set", "server_replay_extra=404")
    assert post(player, "extra", path=OPENAI, max_tokens=7).status_code == 404
    check(player, fake, "extra", 404)
    answer = post(player, "player", path=OPENAI, stream=stream)
    assert stream or answer.json() == recorded.json()
    check(player, fake, "player")


def calls_over_one_connection(base_url: str, **options: Any) -> None:
    with requests.Session() as session:
        for path, model in ((ANTHROPIC, "claude-sonnet-4-6"), (OPENAI, "gpt-4o"), (ANTHROPIC, "claude-sonnet-4-6")):
            body = {"model": model, "max_tokens": 9, "messages": []}
            headers = {"X-ModelTrack-No-Cache": "1", "Authorization": f"Bearer {KEY}"}
            assert session.post(base_url + path, json=body, headers=headers, timeout=60, **options).ok


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[str, str]:
    """Return arguments that have chat completions answered from a file."""
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(USAGE))
    return "--map-local", f"|chat/completions|{file}"


def test_other_calls_on_the_same_connection_are_metered(
    make_proxy: Callable[..., Proxy], mapped: tuple[str, str]
) -> None:
    proxy = make_proxy(*mapped)
    calls_over_one_connection(proxy.url)
    assert [event["cost_usd"] for event in proxy.events()] == [0.006, 0, 0.006]


def test_so_they_are_in_a_tunnel_whose_own_host_they_go_to(
    make_proxy: Callable[..., Proxy], mapped: tuple[str, str], tmp_path: Path
) -> None:
    pem = tmp_path / "provider.pem"
    self_signed(pem, "a provider on loopback", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with FakeProvider(tls=context) as fake:
        url = fake.url.replace("127.0.0.1", "localhost")
        trust = f"ssl_verify_upstream_trusted_ca={pem}"
        proxy = make_proxy(*mapped, "--set", trust, ANTHROPIC_BASE_URL=url, OPENAI_BASE_URL=url)
        ca = tmp_path / "ca.pem"
        write_bundle(ca, proxy.confdir)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("NO_PROXY", "no_proxy"):
                patch.delenv(name, raising=False)
            calls_over_one_connection(url, proxies={"https": proxy.url}, verify=str(ca))
        assert [request.path for request in fake.requests] == [ANTHROPIC, ANTHROPIC]
        assert [event["cost_usd"] for event in proxy.events()] == [0.006, 0, 0.006]


def test_what_block_list_answers_costs_nothing(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> None:
    proxy = make_proxy("--set", "block_list=|~u completions|403")
    assert post(proxy, "listed", path=OPENAI).status_code == 403
    check(proxy, fake, "listed", 403, model="")

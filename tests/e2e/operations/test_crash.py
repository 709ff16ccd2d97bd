"""kill -9 at any moment: what a client got to its end was billed."""

import json
import random
import threading
from collections.abc import Callable
from typing import Any

import requests

from tests.e2e.conftest import KEY, PROMPT, Proxy, until

ROUNDS = 20
WORKERS = 6


def work(proxy: Proxy, stop: threading.Event, number: int, done: list[str]) -> None:
    """Make calls until the proxy is gone; `done` gets the app of each whose answer was read to its end."""
    with requests.Session() as session:
        for count in range(100_000):
            if stop.is_set():
                return
            app = f"{proxy.process.pid}-{number}-{count}"
            stream = (number + count) % 2 == 0
            body = {"model": "claude-sonnet-4-6", "stream": stream, "messages": [{"role": "user", "content": PROMPT}]}
            headers = {
                "X-ModelTrack-Team": "t",
                "X-ModelTrack-App": app,
                "x-api-key": KEY,
                "X-ModelTrack-No-Cache": "1",
            }
            try:
                answer = session.post(proxy.url + "/v1/messages", json=body, headers=headers, timeout=10)
            except requests.RequestException:
                continue
            if answer.ok and (b"message_stop" in answer.content or not stream):
                done.append(app)


def read(proxy: Proxy) -> tuple[list[dict[str, Any]], int]:
    """The events, and how many lines are torn."""
    path = proxy.data / "cost_events.jsonl"
    events, torn = [], 0
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            torn += 1
    return events, torn


def check_spend(proxy: Proxy) -> None:
    proxy.ready()
    spent = sum(round(event["cost_usd"] * 10**9) for event in read(proxy)[0])
    assert round(proxy.get("/stats")["budgets"][0]["spend_usd"] * 10**9) == spent


def test_every_answer_read_to_its_end_has_its_event_after_20_kills(make_proxy: Callable[..., Proxy]) -> None:
    budgets = {"budgets": [{"team": "t", "monthly_limit": 1_000_000, "action": "block"}]}
    proxy = make_proxy(files={"budgets.json": budgets}, start=False)
    chance = random.Random(3)
    done: list[str] = []
    torn = 0
    for _ in range(ROUNDS):
        proxy.start()
        check_spend(proxy)
        stop = threading.Event()
        before = len(done)
        workers = [threading.Thread(target=work, args=(proxy, stop, n, done)) for n in range(WORKERS)]
        for worker in workers:
            worker.start()
        wanted = before + chance.randint(1, 60)
        until(lambda wanted=wanted: len(done) >= wanted)
        proxy.process.kill()
        proxy.process.wait()
        stop.set()
        for worker in workers:
            worker.join(30)
        torn, before_kill = read(proxy)[1], torn
        assert torn <= before_kill + 1

    proxy.start()
    check_spend(proxy)
    events = read(proxy)[0]
    logged = [event["app_id"] for event in events]
    assert len(logged) == len(set(logged))
    assert set(done) <= {event["app_id"] for event in events if event["status_code"] == 200}

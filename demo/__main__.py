"""`make demo`: run the real proxy in front of a fake provider, send traffic of several teams, and show what it cost.

It needs no key and no internet. On a terminal it then goes on with the dashboard and more traffic until Ctrl-C;
otherwise it ends by itself.
"""

import os
import queue
import random
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import requests

from addons.ledger.events import LOG_NAME
from addons.ledger.log_reader import is_call, parse_line, text
from addons.ledger.money import format_usd, logged_nanos
from demo.fake_provider.server import FakeProvider
from demo.processes import api, proxy

_ANTHROPIC, _OPENAI = "/v1/messages", "/v1/chat/completions"

BUDGETS = {
    "budgets": [
        {"team": "ml-research", "app": "", "monthly_limit": 0.05, "action": "block"},
        {"team": "product", "app": "chatbot", "monthly_limit": 0.03, "action": "warn"},
        {"team": "platform", "app": "", "monthly_limit": 5, "action": "block"},
    ]
}
RULES = {
    "rules": [
        {
            "name": "budget-downgrade",
            "trigger": "budget_percent_above",
            "threshold": 70,
            "from_models": ["claude-sonnet-4-6"],
            "to_model": "claude-haiku-4-5",
            "provider": "anthropic",
            "action": "downgrade",
        }
    ]
}

# Each row: team, app, path, model, number of requests, and how they are made (see `_post`).
TRAFFIC: list[tuple[str, str, str, str, int, dict[str, Any]]] = [
    ("product", "chatbot", _ANTHROPIC, "claude-sonnet-4-6", 10, {}),
    ("product", "search", _OPENAI, "gpt-4o", 6, {"same": True}),
    ("ml-research", "evals", _ANTHROPIC, "claude-sonnet-4-5", 12, {"pad": 4000, "route": False}),
    ("platform", "ci", _OPENAI, "gpt-4o-mini", 5, {"stream": True}),
    ("platform", "reviews", _ANTHROPIC, "claude-haiku-4-5", 4, {"stream": True}),
    ("", "", _OPENAI, "gpt-4o-mini", 3, {}),
]


def _post(url: str, team: str, app: str, path: str, model: str, number: int, how: dict[str, Any]) -> requests.Response:
    question = "the same question" if how.get("same") else f"question {number}"
    content = question + " " * how.get("pad", 0)
    body = {"model": model, "max_tokens": 200, "messages": [{"role": "user", "content": content}]}
    headers = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, "Authorization": "Bearer demo"}
    if how.get("stream"):
        body["stream"] = True
    return requests.post(url + path, json=body, headers=headers, timeout=30)


def send_traffic(url: str) -> None:
    """Send the requests of TRAFFIC one by one, and print what ModelTrack did, each thing once for a row."""
    for team, app, path, model, times, how in TRAFFIC:
        seen = set()
        for number in range(times):
            answer = _post(url, team, app, path, model, number, how)
            notes = {
                f"cache {answer.headers.get('X-ModelTrack-Cache')}": answer.headers.get("X-ModelTrack-Cache") == "HIT",
                f"downgraded to {answer.headers.get('X-ModelTrack-Routed-To')}": "X-ModelTrack-Routed"
                in answer.headers,
                f"warned: {answer.headers.get('X-ModelTrack-Budget-Warning')}": "X-ModelTrack-Budget-Warning"
                in answer.headers,
                "streamed": answer.headers["Content-Type"].startswith("text/event-stream"),
                f"refused: {_message(answer)}": not answer.ok,
            }
            for note in [note for note, holds in notes.items() if holds and note.split(":")[0] not in seen]:
                seen.add(note.split(":")[0])
                print(f"  {team or '(no team)':12} {app or '-':9} {model:18} {note}")


def _message(answer: requests.Response) -> str:
    return "" if answer.ok else str(answer.json()["error"]["message"])


def table(log: Path) -> str:
    """Return a table of who spent what, from the event log. Money is summed in whole nano-USD."""
    rows: dict[tuple[str, str], list[int]] = {}
    for event in filter(None, map(parse_line, log.read_bytes().splitlines())):
        if not is_call(event):
            continue
        account, is_hit = (text(event, "team"), text(event, "app_id")), event.get("cache_hit") is True
        added = (
            1,
            0 if is_hit else event["input_tokens"] + event["output_tokens"],
            logged_nanos(event["cost_usd"]) or 0,
            logged_nanos(event.get("saved_usd")) or 0,
            is_hit,
            "blocked_by" in event,
        )
        rows[account] = [a + b for a, b in zip(rows.get(account, [0] * 6), added, strict=True)]
    total = [sum(column) for column in zip(*rows.values(), strict=True)]
    lines = [
        f"  {'team':12} {'app':9} {'calls':>5} {'hits':>5} {'refused':>7} {'tokens':>9} {'spent':>11} {'saved':>11}"
    ]
    for (team, app), row in [*sorted(rows.items()), (("TOTAL", ""), total)]:
        calls, tokens, cost, saved, hits, refused = row
        money = f"{format_usd(cost):>11} {format_usd(saved):>11}"
        lines.append(f"  {team or '(no team)':12} {app or '':9} {calls:5} {hits:5} {refused:7} {tokens:9,} {money}")
    return "\n".join(lines)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # the machine may use a proxy for the internet
    with tempfile.TemporaryDirectory(prefix="modeltrack-demo-") as name, FakeProvider(record=False) as provider:
        folder = Path(name)
        (folder / "budgets.json").write_bytes(orjson.dumps(BUDGETS))
        (folder / "routing.json").write_bytes(orjson.dumps(RULES))
        print("Starting the proxy in front of a fake provider ...", flush=True)
        with proxy(folder, provider.url) as (url, _):
            print(f"Sending {sum(row[4] for row in TRAFFIC)} requests from 3 teams, as plain HTTP:\n")
            send_traffic(url)
            print(f"\nWhat it cost (fake answers, real prices), according to {LOG_NAME}:\n")
            print(table(folder / LOG_NAME))
            print("\nThe proxy's own pages:\n")
            for page in ("/stats", "/cache/stats", "/routing/stats", "/metrics", "/healthz"):
                assert requests.get(url + page, timeout=10).ok
                print(f"  {url}{page}")
            print(f"\nYour turn:  curl {url}/v1/messages -H 'X-ModelTrack-Team: me' \\")
            print("""              -d '{"model": "claude-haiku-4-5", "max_tokens": 9, "messages": []}'""", flush=True)
            if sys.stdout.isatty():
                _stay_up(folder, url)


def _stay_up(folder: Path, url: str) -> None:
    """Start the API with the dashboard, and send a request now and then for it to show, until Ctrl-C."""
    # An exception that a signal raises is lost where a finalizer happens to run, and each request leaves some.
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()

    def on_signal(number: int, _: object) -> None:
        signal.signal(number, signal.default_int_handler)  # a second one ends it at once
        asked.put(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    print("\nStarting the API ...", flush=True)
    with api(folder) as (api_url, _):
        print(f"The dashboard:  {api_url}/\n\nA request every second or so until Ctrl-C.", flush=True)
        ended_by = trickle(url, random.Random(), asked)
    print()
    if ended_by == signal.SIGTERM:
        sys.exit(143)


def trickle(url: str, rng: random.Random, stop: "queue.SimpleQueue[int]") -> int:
    """Send random requests from TRAFFIC, one at a time, until there is something in `stop`, and return that."""
    while True:
        with suppress(queue.Empty):
            return stop.get(timeout=rng.uniform(0.3, 1.7))
        team, app, path, model, _, how = rng.choice(TRAFFIC)
        with suppress(requests.RequestException):
            _post(url, team, app, path, model, rng.randrange(10**6), how)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

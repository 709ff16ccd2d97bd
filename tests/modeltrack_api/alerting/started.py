"""Give tests an API whose clock they move, and a Slack on loopback that fails as they tell it to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from modeltrack_api.app import App
from modeltrack_api.background import add_alerter
from modeltrack_api.routes import ROUTES
from modeltrack_api.web.dispatch import Dispatcher
from modeltrack_api.web.messages import Answer, Request
from tests.modeltrack_api.serving import append, event, settings

SECRET = "T0SECRET/B0SECRET/s3cr3tw3bh00k"


class Clock:
    def __init__(self, text: str = "2026-03-10T12:00:00") -> None:
        self.set(text)

    def set(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def forward(self, seconds: float = 0, **more: float) -> None:
        self.now += timedelta(seconds=seconds, **more)

    def __call__(self) -> datetime:
        return self.now


class FakeSlack(ThreadingHTTPServer):
    """Answers with the next step of `plan`; when there are no steps left, it takes every message.

    A step is a status, a status with its Retry-After or its text, or "drop" (hang up without an answer).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.plan: list[Any] = []
        self.by_text: dict[str, Any] = {}
        """Steps for messages with a text, before `plan`: alerts may be on their way at any time."""
        self.arrived: list[dict[str, Any]] = []
        self.attempts = 0
        self.url = f"http://127.0.0.1:{self.server_port}/services/{SECRET}"

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.arrived]


class _Hook(BaseHTTPRequestHandler):
    server: FakeSlack

    def do_POST(self) -> None:
        slack = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        slack.attempts += 1
        told = [step for text, step in slack.by_text.items() if text.encode() in body]
        step = told[0] if told else slack.plan.pop(0) if slack.plan else 200
        if step == "drop":
            self.close_connection = True
            return
        status, more = step if isinstance(step, tuple) else (step, "")
        if self.path != f"/services/{SECRET}" or self.headers["Content-Type"] != "application/json; charset=utf-8":
            status, more = 404, "no_service"
        if status == 200:
            slack.arrived.append(json.loads(body))
            more = "ok"
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", more)
            more = ""
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(more)))
        self.end_headers()
        self.wfile.write(more.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    slack = FakeSlack()
    thread = threading.Thread(target=slack.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield slack
    finally:
        slack.shutdown()
        slack.server_close()


class Api:
    """An API without threads. `look` raises alerts and makes reports; `send` sends until nothing is left to send."""

    def __init__(self, folder: Path, clock: Clock, webhook: str = "", budgets: Any = None) -> None:
        self.folder = folder
        self.clock = clock
        if budgets is not None:
            (folder / "budgets.json").write_text(json.dumps({"budgets": budgets}))
        self.app = App(settings(folder, slack_webhook_url=webhook), clock)
        self.app.open()
        self.app.follower.ready.set()  # as if it had read the log
        self.alerter = add_alerter(self.app)
        self._api = Dispatcher(self.app, ROUTES)

    def close(self) -> None:
        self.app.close()

    def spend(self, usd: float | None, at: str = "", **fields: Any) -> None:
        timestamp = at or self.clock.now.replace(tzinfo=None).isoformat()
        append(self.folder / "cost_events.jsonl", event(timestamp=timestamp + "Z", cost_usd=usd, **fields))

    def look(self) -> None:
        self.app.ingest.catch_up()
        self.alerter.evaluate()

    def send(self, most: int = 100) -> list[float]:
        """Send until nothing is left to send, and move the clock by each wait. Return the waits, in seconds."""
        waits: list[float] = []
        while self._is_queued() and len(waits) < most:
            waits.append(self.alerter.outbox.send_next())
            self.clock.forward(waits[-1])
        return waits

    def _is_queued(self) -> bool:
        with self.app.store.reading() as db:
            unsent = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL"
            return bool(db.execute(unsent).fetchone()[0])

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"host": "localhost", "content-type": "application/json"}
        return self._api.answer(Request(method, path, headers, b"" if body is None else orjson.dumps(body)))

    def get(self, path: str) -> Any:
        return self.data("GET", path)

    def data(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status == status, answer.body
        return orjson.loads(answer.body)["data"]

    def messages(self) -> list[str]:
        """Return the messages of all alerts, oldest first."""
        return [alert["message"] for alert in reversed(self.get("/api/alerts?include_dismissed=true"))]

    def types(self) -> list[str]:
        return [alert["type"] for alert in reversed(self.get("/api/alerts?include_dismissed=true"))]

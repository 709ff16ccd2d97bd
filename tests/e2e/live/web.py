"""Use mitmweb as its page does: by its HTTP API."""

from collections.abc import Callable
from typing import Any

import requests

from tests.e2e.conftest import Proxy, free_port, until

PASSWORD = "for-this-test"


class Web:
    def __init__(self, make_proxy: Callable[..., Proxy], *args: str, **wanted: Any) -> None:
        port = free_port()
        options = {"web_open_browser": "false", "web_port": port, "web_password": PASSWORD}
        self.proxy = make_proxy(
            *(f"--set={name}={value}" for name, value in options.items()), *args, start=False, **wanted
        )
        self.proxy.use("mitmweb")
        self.proxy.start()
        self._url = f"http://127.0.0.1:{port}"
        until(lambda: f"Web server listening at {self._url}" in self.proxy.log)
        self._session = requests.Session()
        self._session.get(f"{self._url}/?token={PASSWORD}", timeout=60).raise_for_status()
        # mitmweb takes any token that comes both as a cookie, whose name depends on its release, and as a header.
        token = "00" * 16
        self._session.cookies.update({"_xsrf": token, "_mitmproxy_xsrf": token})
        self._session.headers["X-XSRFToken"] = token

    def ask(self, path: str, method: str = "POST", **request: Any) -> requests.Response:
        answer = self._session.request(method, self._url + path, timeout=60, **request)
        answer.raise_for_status()
        return answer

    def flows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/flows", "GET").json()
        return found

    def flow(self, text: str) -> str:
        """Return the id of the flow whose comment has this text."""
        [found] = [flow["id"] for flow in self.flows() if text in flow["comment"]]
        return str(found)

    def edit(self, flow: str, **request: Any) -> None:
        self.ask(f"/flows/{flow}", "PUT", json={"request": request})

    def replay(self, flow: str) -> dict[str, Any]:
        """Replay a flow, and return the event that this leaves."""
        before = len(self.proxy.events())
        until(lambda: not self._replays())  # mitmproxy passes over a flow that it still replays
        self.ask(f"/flows/{flow}/replay")
        until(lambda: len(self.proxy.events()) > before)
        return self.proxy.events()[-1]

    def _replays(self) -> int:
        """Return how many flows are being replayed."""
        return int(self.ask("/commands/replay.client.count", json={"arguments": []}).json()["value"])

    def save(self) -> bytes:
        """Return all flows as a file."""
        return self.ask("/flows/dump", "GET").content

    def open(self, file: bytes) -> None:
        self.ask("/flows/dump", data=file)

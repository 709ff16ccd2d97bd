"""Open a tab on the dashboard of an API process, and note what goes wrong in it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.e2e.browser import PATIENCE
from tests.e2e.conftest import ROOT

ARTIFACTS = ROOT / ".artifacts" / "dashboard"
SIZES = {"1280": (1280, 800), "380": (380, 800)}
# As if the package were not installed: `find_spec` gives None.
_WITHOUT_PLOTLY = (
    "import sys, runpy; sys.modules['plotly'] = None; runpy.run_module('modeltrack_api', run_name='__main__')"
)
# Resolves when the page has begun to show it.
_GO = """(hash) => location.hash === hash || new Promise((done) => {
    addEventListener("hashchange", done, { once: true });
    location.hash = hash;
})"""
# Resolves when the charts are as wide as their places, which takes them a moment.
_FITTED = """() => new Promise((done) => {
    const look = () => [...document.querySelectorAll(".plot")].every(
        (plot) => plot.hidden || plot.querySelector(".main-svg")?.clientWidth === plot.clientWidth
    ) ? done() : requestAnimationFrame(look);
    look();
})"""


@contextmanager
def api(data: Path, has_plotly: bool = True, **env: str) -> Iterator[str]:
    """The address of an API process."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = ["-m", "modeltrack_api"] if has_plotly else ["-c", _WITHOUT_PLOTLY]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=keep | {"DATA_DIR": str(data), "PORT": "0"} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, (line, process.poll())
        yield found[0]
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


class Dashboard:
    """One tab. `problems` are errors in the console, requests to elsewhere, and violations of the CSP."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (event) => console.error('CSP', event.violatedDirective, event.blockedURI, event.sourceFile))"
        )
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self._on_request(request.url))
        self.page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _on_request(self, url: str) -> None:
        if not url.startswith((self.url + "/", "data:", "blob:" + self.url + "/")):
            self.problems.append(f"request to {url}")

    def expect(self, text: str) -> None:
        """Forgets the problems that say this, of which there must be one."""
        assert any(text in problem for problem in self.problems), self.problems
        self.problems = [problem for problem in self.problems if text not in problem]

    def open(self, view: str) -> Page:
        if self.page.url.startswith(self.url):
            self.page.evaluate(_GO, f"#/{view}")
        else:
            self.page.goto(f"{self.url}/#/{view}")
        return self.loaded()

    def loaded(self) -> Page:
        self.page.wait_for_selector("main:not([aria-busy])")
        return self.page

    def stat(self, label: str) -> str:
        """The number on the card of this name."""
        found: Any = self.page.locator(".stat", has=self.page.get_by_text(label, exact=True)).locator("dd").inner_text()
        return str(found).splitlines()[0]

    def drawn(self) -> None:
        """Waits for the charts."""
        expect(self.page.locator(".plot:not(:has(.main-svg))")).to_have_count(0)
        self.page.evaluate(_FITTED)

    def shoot(self, name: str, size: str) -> None:
        width, height = SIZES[size]
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.evaluate(_FITTED)
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}-{size}.png", full_page=True)

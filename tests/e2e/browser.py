"""Start Debian's chromium, with patience for a busy machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
PATIENCE = 60_000
"""Milliseconds; what a busy machine may take for it fails nothing."""
expect.set_options(timeout=PATIENCE)
_FLAGS = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update"


@contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """Yield a browser; `more` are flags of chromium without their dashes."""
    with sync_playwright() as playwright:
        flags = [f"--{flag}" for flag in [*_FLAGS.split(), "disable-sync", *more]]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()

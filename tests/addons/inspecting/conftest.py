"""Provide a core, and a Watch with mitmproxy's list of flows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.addons.view import View
from mitmproxy.test import taddons

from addons.core import Core
from addons.inspecting.inspector import Watch

from ..cores import settings


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    core = Core()
    core.configure(settings(tmp_path))
    core.log.open()
    yield core
    core.close()


@pytest.fixture
def view() -> Iterator[View]:
    view = View()
    with taddons.context(view):
        yield view


@pytest.fixture
def watch(core: Core, view: View) -> Watch:
    watch = Watch(core, view)
    core.on_record = watch.recorded
    return watch

"""Test what the addons share, without a proxy around it."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from addons.core import Core

from .cores import settings


@pytest.mark.parametrize("policy", ["always", "interval", "never"])
async def test_an_answer_waits_for_its_event_to_be_on_disk_only_where_told_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    running, go_on = threading.Event(), threading.Event()

    def fsync(fd: int) -> None:
        running.set()
        assert go_on.wait(60)

    core = Core()
    core.configure(settings(tmp_path, fsync=policy))
    core.log.open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        core.log.append(b"{}")
        answers = [asyncio.create_task(core.make_durable()) for _ in range(3)]
        if policy == "always":
            while not running.is_set():
                await asyncio.sleep(0)  # the event loop runs while the disk works
            assert not any(answer.done() for answer in answers)
        go_on.set()
        await asyncio.wait_for(asyncio.gather(*answers), 10)
        assert running.is_set() == (policy == "always")
    core.log.close()


async def test_a_log_that_cannot_be_read_leaves_no_budget_checked(tmp_path: Path) -> None:
    """After this error, Admission does what BUDGET_FAILURE_MODE says."""
    core = Core()
    core.configure(settings(tmp_path))
    core.log.path.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        core.count_others()

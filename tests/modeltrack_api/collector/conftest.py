"""The collector against OpenCost and AWS on loopback."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modeltrack_api.collector.aws import client
from modeltrack_api.collector.source import Window
from modeltrack_api.collector.teams import Teams
from tests.modeltrack_api.collector.fakes import FakeAws, FakeOpenCost

HOUR = Window(datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 11, tzinfo=UTC))
DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
NOW = HOUR.end + timedelta(minutes=30)
SECRET_KEY = "s3cr3t-f00-aws"


@pytest.fixture
def opencost() -> Iterator[FakeOpenCost]:
    server = FakeOpenCost()
    yield server
    server.close()


AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    for name, value in AWS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    server = FakeAws()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    client.cache_clear()
    yield server
    client.cache_clear()
    server.close()


def write_map(folder: Path, names: dict[str, str]) -> None:
    (folder / "namespace_map.json").write_text(json.dumps(names))


@pytest.fixture
def teams(tmp_path: Path) -> Teams:
    write_map(tmp_path, {"ml-research": "ml-research", "product-chatbot": "product", "default": "platform"})
    loaded = Teams(tmp_path)
    loaded.load()
    return loaded


def events_in(folder: Path) -> list[dict[str, Any]]:
    """Those on complete lines of the log."""
    found = []
    for line in (folder / "cost_events.jsonl").read_bytes().split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found

"""Run the collector against OpenCost and AWS on loopback."""

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


@pytest.fixture(scope="module")
def aws_server() -> Iterator[FakeAws]:
    client.cache_clear()
    server = FakeAws()
    yield server
    server.close()
    client.cache_clear()


@pytest.fixture
def aws(aws_server: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """An empty AWS, at the address where boto3 looks for it. Clients are kept between tests: making them takes long."""
    for name, value in AWS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server.url)
    aws_server.clear()
    return aws_server


@pytest.fixture
def new_clients(aws: FakeAws) -> Iterator[None]:
    """Make new clients, for a test that changes what they are made from."""
    client.cache_clear()
    yield
    client.cache_clear()


def write_map(folder: Path, names: dict[str, str]) -> None:
    (folder / "namespace_map.json").write_text(json.dumps(names))


@pytest.fixture
def teams(tmp_path: Path) -> Teams:
    write_map(tmp_path, {"ml-research": "ml-research", "product-chatbot": "product", "default": "platform"})
    loaded = Teams(tmp_path)
    loaded.load()
    return loaded


def events_in(folder: Path) -> list[dict[str, Any]]:
    """Return the events on complete lines of the log."""
    found = []
    for line in (folder / "cost_events.jsonl").read_bytes().split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found

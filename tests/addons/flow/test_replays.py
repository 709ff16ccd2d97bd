"""Test what is kept on a flow of the request that it was."""

from io import BytesIO
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import tflow

from addons.flow.replays import begin_again, keep_record, record_of, was_sent
from addons.llm.providers import ANTHROPIC

HEADERS = {"x-modeltrack-team": "Größe", "x-modeltrack-no-cache": "true"}


def saved_and_read(flow: http.HTTPFlow) -> http.HTTPFlow:
    file = BytesIO()
    FlowWriter(file).add(flow)
    file.seek(0)
    [read] = FlowReader(file).stream()
    assert isinstance(read, http.HTTPFlow)
    return read


def test_a_record_survives_being_saved_with_its_flow() -> None:
    flow = tflow.tflow()
    keep_record(flow, ANTHROPIC, "https://up.test/v1", HEADERS)
    assert record_of(saved_and_read(flow)) == record_of(flow) == (ANTHROPIC, "https://up.test/v1", HEADERS)


@pytest.mark.parametrize(
    "kept",
    [None, "text", {}, {"provider": "nobody"}, {"provider": 1}, {"base_url": "https://up.test", "headers": HEADERS}],
)
def test_what_is_no_record_is_none(kept: Any) -> None:
    flow = tflow.tflow()
    flow.metadata["modeltrack_call"] = kept
    assert record_of(flow) is None


def test_of_a_records_headers_only_modeltracks_own_count() -> None:
    flow = tflow.tflow()
    headers: dict[Any, Any] = {"authorization": "x", "x-modeltrack-team": 1, 2: "x", "x-modeltrack-app": "app"}
    flow.metadata["modeltrack_call"] = {"provider": "anthropic", "base_url": 5, "headers": headers}
    assert record_of(flow) == (ANTHROPIC, "", {"x-modeltrack-app": "app"})


def test_a_request_that_is_sent_again_has_its_headers_back_and_no_connection_yet() -> None:
    flow = tflow.tflow()
    keep_record(flow, ANTHROPIC, "", HEADERS)
    flow.request.headers["X-ModelTrack-Team"] = "put in by hand"
    assert was_sent(flow)
    begin_again(flow, record_of(flow))
    assert flow.request.headers.get_all("X-ModelTrack-Team") == ["Größe"]
    assert not was_sent(flow)

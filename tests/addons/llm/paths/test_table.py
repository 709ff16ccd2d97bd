"""Test the class of a request: by its method, by the lists, and for paths that are written in odd ways."""

import pytest

from addons.llm.paths.table import PathClass, PathTable
from addons.llm.providers import ANTHROPIC, OPENAI, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.bedrock import BEDROCK

FREE, LATER, UNMETERED = PathClass.FREE, PathClass.BILLED_LATER, PathClass.UNMETERED


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/files/f/content", "/v1/images/generations", "/anything", "*"])
def test_reading_is_free(method: str, path: str) -> None:
    assert OPENAI.others.class_of(method, path) is FREE


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "post", "get", ""])
def test_what_no_list_has_is_unmetered_unless_it_reads(method: str) -> None:
    assert OPENAI.others.class_of(method, "/v2/dreams") is UNMETERED
    assert PathTable().class_of(method, "/v1/dreams") is UNMETERED


@pytest.mark.parametrize(
    ("provider", "method", "path", "kind"),
    [
        (OPENAI, "POST", "/v1/responses/r/cancel", FREE),
        (OPENAI, "DELETE", "/v1/responses/r", FREE),
        (OPENAI, "POST", "/v1/batches/b/cancel", FREE),
        (OPENAI, "POST", "/v1/moderations", FREE),
        (OPENAI, "POST", "/v1/moderations/", FREE),
        (OPENAI, "POST", "/v1/files", FREE),
        (OPENAI, "POST", "/v1/batches", LATER),
        (OPENAI, "POST", "/v1/images/generations", UNMETERED),
        (OPENAI, "POST", "/v1/threads/t", FREE),
        (OPENAI, "POST", "/v1/threads/runs", UNMETERED),
        (OPENAI, "POST", "/v1/Moderations", UNMETERED),
        (ANTHROPIC, "POST", "/v1/messages/count_tokens", FREE),
        (ANTHROPIC, "POST", "/v1/messages/batches/b/cancel", FREE),
        (ANTHROPIC, "PUT", "/v1/messages", UNMETERED),
        (ANTHROPIC, "POST", "/api/event_logging/batch", FREE),
        (AZURE, "POST", "/openai/v1/responses/r/cancel", FREE),
        (AZURE, "POST", "/OpenAI/Responses/r/Cancel", FREE),
        (AZURE, "POST", "/openai/deployments/d/images/generations", UNMETERED),
        (AZURE, "POST", "/openai/batches", LATER),
        (AZURE, "POST", "/anthropic/v1/messages/count_tokens", FREE),
        (BEDROCK, "POST", "/model/m/count-tokens", FREE),
        (BEDROCK, "POST", "/model/arn%3Aaws%3Ax%2Fy/count-tokens", FREE),
        (BEDROCK, "DELETE", "/guardrails/g", FREE),
        (BEDROCK, "POST", "/async-invoke", UNMETERED),
        (BEDROCK, "POST", "/model/m/invoke-with-bidirectional-stream", UNMETERED),
        (BEDROCK, "POST", "/v1/messages/count_tokens", FREE),
    ],
)
def test_the_lists_tell_what_may_cost_money(provider: Provider, method: str, path: str, kind: PathClass) -> None:
    assert provider.others.class_of(method, path) is kind


@pytest.mark.parametrize(
    "path",
    [
        r"/v1/responses/x\..\..\images\generations/cancel",
        "/v1/responses/x%5C..%5Cimages/cancel",
        "/v1/images/generations;/cancel",
        "/v1/responses/x;/cancel",
        "/v1/moderations#",
        "/v1/responses/x%3F/cancel",
        "/v1/responses/x%2525/cancel",
        "/v1/responses/%00/cancel",
        "/v1/responses//cancel",
    ],
)
def test_a_path_that_a_server_may_read_in_another_way_is_not_free(path: str) -> None:
    assert OPENAI.others.class_of("POST", path) is UNMETERED


def test_where_two_lines_match_the_one_that_may_cost_wins() -> None:
    table = PathTable(free="POST /a/{any*}", billed_later="POST,PUT /a/{b}", unmetered="POST /a/c")
    found = [table.class_of("POST", path) for path in ("/a/c", "/a/b", "/a/b/c")]
    assert found == [UNMETERED, LATER, FREE] and table.class_of("PUT", "/a/b") is LATER

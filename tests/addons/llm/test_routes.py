from urllib.parse import unquote

import pytest

from addons.llm.providers import ANTHROPIC, OPENAI, Endpoints, NotConfigured, Provider
from addons.llm.providers.azure import AZURE
from addons.llm.providers.bedrock import BEDROCK
from addons.llm.providers.openai import CHAT_COMPLETIONS
from addons.llm.routes import STATUS_PATHS, PassedThrough, Status, Tracked, for_whom, passed_to, resolve

ENDPOINTS = Endpoints(
    anthropic="https://a.test",
    openai="https://o.test/prefix/v1",
    bedrock="https://b.test/anthropic",
    bedrock_runtime="https://r.test",
    azure="https://z.test",
    azure_api_version="v1",
)


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize(
    ("path", "provider", "url"),
    [
        ("/v1/messages", ANTHROPIC, "https://a.test/v1/messages"),
        ("/v1/chat/completions", OPENAI, "https://o.test/prefix/v1/chat/completions"),
        ("/bedrock/v1/messages", BEDROCK, "https://b.test/anthropic/v1/messages"),
        ("/azure/v1/chat/completions", AZURE, "https://z.test/openai/v1/chat/completions"),
        ("/v1/responses", OPENAI, "https://o.test/prefix/v1/responses"),
        ("/v1/embeddings", OPENAI, "https://o.test/prefix/v1/embeddings"),
        ("/v1/completions", OPENAI, "https://o.test/prefix/v1/completions"),
        ("/bedrock/model/a.b-v1:0/invoke", BEDROCK, "https://r.test/model/a.b-v1:0/invoke"),
        ("/bedrock/model/a.b-v1%3A0/converse-stream", BEDROCK, "https://r.test/model/a.b-v1%3A0/converse-stream"),
        ("/azure/openai/responses", AZURE, "https://z.test/openai/responses"),
        ("/azure/openai/v1/embeddings", AZURE, "https://z.test/openai/v1/embeddings"),
        ("/azure/openai/deployments/d/chat/completions", AZURE, "https://z.test/openai/deployments/d/chat/completions"),
        ("/azure/anthropic/v1/messages", AZURE, "https://z.test/anthropic/v1/messages"),
        ("/v1/complete", ANTHROPIC, "https://a.test/v1/complete"),
        ("/v1/responses/compact", OPENAI, "https://o.test/prefix/v1/responses/compact"),
        ("/bedrock/openai/v1/chat/completions", BEDROCK, "https://r.test/openai/v1/chat/completions"),
        ("/bedrock/openai/v1/responses", BEDROCK, "https://r.test/openai/v1/responses"),
        ("/bedrock/v1/chat/completions", BEDROCK, "https://b.test/v1/chat/completions"),
        ("/bedrock/v1/responses", BEDROCK, "https://b.test/v1/responses"),
        ("/azure/models/chat/completions", AZURE, "https://z.test/models/chat/completions"),
        ("/azure/models/embeddings", AZURE, "https://z.test/models/embeddings"),
        ("/azure/openai/v1/responses/compact", AZURE, "https://z.test/openai/v1/responses/compact"),
        ("/azure/v1/responses/compact", AZURE, "https://z.test/openai/v1/responses/compact"),
        ("/azure/V1/Chat/Completions", AZURE, "https://z.test/openai/v1/chat/completions"),
        ("/azure/Models/Chat/Completions", AZURE, "https://z.test/models/chat/completions"),
        ("/azure/OpenAI/Deployments/D/Chat/Completions", AZURE, "https://z.test/OpenAI/Deployments/D/Chat/Completions"),
        ("/azure/OpenAI/Deployments/a%2Fb/Embeddings", AZURE, "https://z.test/OpenAI/Deployments/a%2Fb/Embeddings"),
    ],
)
def test_a_tracked_path_goes_to_its_provider(path: str, provider: object, url: str) -> None:
    route = resolve(path)
    assert isinstance(route, Tracked)
    assert route.provider is provider
    assert route.provider.url(ENDPOINTS, route.path, "", "m") == url


@pytest.mark.parametrize(
    "path",
    ["/v1/messages/", "//v1/messages", "/v1//messages", "/v1/./messages", "/v1/x/../messages", "/v1/%6dessages"],
)
def test_no_spelling_of_a_tracked_path_goes_untracked(path: str) -> None:
    assert isinstance(resolve(path), Tracked)


@pytest.mark.parametrize("path", ["/v1/Messages", "/v1/CHAT/completions", "/bedrock/Model/m/invoke"])
def test_a_path_in_other_letter_case_is_another_path_where_the_provider_says_so(path: str) -> None:
    assert isinstance(resolve(path), PassedThrough)


@pytest.mark.parametrize(
    ("headers", "provider"),
    [
        ({}, OPENAI),
        ({"Authorization": "Bearer sk-proj-1", "x-api-key": "a-gateways"}, OPENAI),
        ({"Authorization": "Bearer sk-ant-1"}, ANTHROPIC),
        ({"X-API-Key": "sk-ant-1"}, ANTHROPIC),
        ({"Anthropic-Version": "2023-06-01"}, ANTHROPIC),
    ],
)
def test_headers_tell_whose_chat_completions_are_meant(headers: dict[str, str], provider: Provider) -> None:
    route = resolve("/v1/chat/completions")
    assert isinstance(route, Tracked)
    found = for_whom(route, raw(headers))
    assert (found.provider, found.wire) == (provider, CHAT_COMPLETIONS)
    responses = resolve("/v1/responses")
    assert isinstance(responses, Tracked) and for_whom(responses, raw(headers)) is responses


@pytest.mark.parametrize("path", ["/v1/%2e%2e/v1/messages", "/v1%2f%2fmessages", "/v1/a%2f..%2fmessages"])
def test_a_path_with_structure_in_its_escapes_has_no_route(path: str) -> None:
    assert resolve(path) is None


ARN = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-sonnet-4-6"


@pytest.mark.parametrize(
    ("path", "model", "with_another"),
    [
        ("/bedrock/model/a.b-v1%3A0/invoke", "a.b-v1:0", "/model/new:0/invoke"),
        ("/bedrock/model/model/invoke", "model", "/model/new:0/invoke"),
        ("/bedrock/model/arn:x/y/converse-stream", "arn:x/y", "/model/new:0/converse-stream"),
        (f"/bedrock/model/{ARN}/converse", unquote(ARN), "/model/new:0/converse"),
        ("/azure/openai/deployments/my%20gpt/embeddings", "my gpt", "/openai/deployments/new:0/embeddings"),
    ],
)
def test_a_model_in_the_path_is_read_and_can_be_changed(path: str, model: str, with_another: str) -> None:
    route = resolve(path)
    assert isinstance(route, Tracked)
    assert route.model == model
    assert route.with_model("new:0").path == with_another


@pytest.mark.parametrize("path", sorted(STATUS_PATHS))
def test_status_pages_are_the_proxys_own(path: str) -> None:
    assert resolve(path) == Status(path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v2/messages",
        "/messages",
        "/healthz/x",
        "/bedrock",
        "/../etc/passwd",
        "/v1/messages#x",
        "*",
        "/%62edrock/model/m/invoke",
    ],
)
def test_anything_else_has_no_route(path: str) -> None:
    assert resolve(path) is None


@pytest.mark.parametrize(
    ("path", "headers", "url"),
    [
        ("/v1/models", {}, "https://o.test/prefix/v1/models"),
        ("/v1/models", {"X-Api-Key": "k"}, "https://a.test/v1/models"),
        ("/v1/models", {"Authorization": "Bearer sk-ant-1"}, "https://a.test/v1/models"),
        ("/v1/messages/count_tokens", {"anthropic-version": "1"}, "https://a.test/v1/messages/count_tokens"),
        ("/v1/files/a%20b/", {}, "https://o.test/prefix/v1/files/a%20b/"),
        (
            "/azure/openai/deployments/d/images/generations",
            {},
            "https://z.test/openai/deployments/d/images/generations",
        ),
        ("/azure/v1/models", {"x-api-key": "k"}, "https://z.test/openai/v1/models"),
        ("/bedrock/v1/models", {}, "https://b.test/anthropic/v1/models"),
        ("/bedrock/async-invoke", {}, "https://r.test/async-invoke"),
        ("/bedrock/model/m/count-tokens", {}, "https://r.test/model/m/count-tokens"),
        ("/bedrock/guardrail/g/version/1/apply", {}, "https://r.test/guardrail/g/version/1/apply"),
    ],
)
def test_other_paths_of_a_providers_api_are_passed_through(path: str, headers: dict[str, str], url: str) -> None:
    route = resolve(path)
    assert isinstance(route, PassedThrough)
    assert passed_to(route, raw(headers)).url(ENDPOINTS, route.path, "", "") == url


def test_the_query_goes_along() -> None:
    assert ANTHROPIC.url(ENDPOINTS, "/v1/messages", "beta=true", "m") == "https://a.test/v1/messages?beta=true"


@pytest.mark.parametrize(
    ("endpoint", "query", "url"),
    [
        ("https://z.test", "", "https://z.test/openai/deployments/my%2Fgpt/chat/completions?api-version=2024-10-21"),
        ("https://z.test/openai/v1", "a=1", "https://z.test/openai/deployments/my%2Fgpt/chat/completions?a=1&api-version=2024-10-21"),
        ("https://z.test/openai", "api-version=x", "https://z.test/openai/deployments/my%2Fgpt/chat/completions?api-version=x"),
    ],
)  # fmt: skip
def test_azure_with_a_dated_version_names_the_deployment_in_the_path(endpoint: str, query: str, url: str) -> None:
    dated = ENDPOINTS._replace(azure=endpoint, azure_api_version="2024-10-21")
    assert AZURE.url(dated, "/v1/chat/completions", query, "my/gpt") == url


def test_azure_without_an_endpoint_says_what_to_set() -> None:
    with pytest.raises(NotConfigured, match="set AZURE_OPENAI_ENDPOINT"):
        AZURE.url(ENDPOINTS._replace(azure=""), "/v1/chat/completions", "", "m")

import pytest

from addons.llm.hosts import Host, aws_region, is_own, provider_hosts, tracked_on, untracked_on
from addons.llm.paths.table import PathClass
from addons.llm.providers import ANTHROPIC, OPENAI, Endpoints
from addons.llm.providers.azure import AZURE
from addons.llm.providers.base import Provider
from addons.llm.providers.bedrock import BEDROCK

ENDPOINTS = Endpoints(
    anthropic="https://gateway.test/claude",
    openai="https://gateway.test/gpt/v1",
    bedrock="https://b.test:8443",
    bedrock_runtime="https://b.test:8443",
    azure="http://z.test:81/x/openai/v1",
    azure_api_version="v1",
)


@pytest.mark.parametrize(
    ("host", "path", "provider", "url"),
    [
        ("api.anthropic.com", "/v1/messages", ANTHROPIC, "https://gateway.test/claude/v1/messages"),
        ("API.Anthropic.com.", "/v1/messages", ANTHROPIC, "https://gateway.test/claude/v1/messages"),
        ("api.openai.com", "/v1/responses", OPENAI, "https://gateway.test/gpt/v1/responses"),
        ("eu.api.openai.com", "/v1/embeddings", OPENAI, "https://eu.api.openai.com/v1/embeddings"),
        ("r.openai.azure.com", "/openai/responses", AZURE, "https://r.openai.azure.com/openai/responses"),
        (
            "r.services.ai.azure.com",
            "/anthropic/v1/messages",
            AZURE,
            "https://r.services.ai.azure.com/anthropic/v1/messages",
        ),
        (
            "bedrock-runtime.eu-west-1.amazonaws.com",
            "/model/m:0/converse",
            BEDROCK,
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m:0/converse",
        ),
        (
            "bedrock-mantle.us-east-1.api.aws",
            "/anthropic/v1/messages",
            BEDROCK,
            "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages",
        ),
    ],
)
def test_a_providers_host_is_known_and_its_calls_are_tracked(
    host: str, path: str, provider: Provider, url: str
) -> None:
    found = tracked_on(provider_hosts(host, 443, ENDPOINTS), path, ())
    assert found
    assert (found[1].provider, found[0].base_url.removesuffix("/v1") + found[1].path) == (provider, url)


@pytest.mark.parametrize(
    "host",
    [
        "example.com", "anthropic.com", "api.anthropic.com.evil.test", "xapi.openai.com",
        "api.openai.com.evil.test",
        "a.b.openai.azure.com", "openai.azure.com", "r.openai.azure.com.evil.test", "r.blob.azure.com",
        "bedrock.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "",
    ],
)  # fmt: skip
def test_other_hosts_are_not(host: str) -> None:
    assert provider_hosts(host, 443, ENDPOINTS) == ()


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.eu-west-1.api.aws", "eu-west-1"),
        ("bedrock-runtime-fips.us-east-2.api.aws", "us-east-2"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a1b-2c.bedrock-runtime.ap-south-1.vpce.amazonaws.com", "ap-south-1"),
        ("bedrock-mantle.us-west-2.api.aws", "us-west-2"),
        ("bedrock-runtime.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("bedrock-runtime.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
    ],
)
def test_bedrock_has_a_host_in_each_region_of_several_kinds(host: str, region: str) -> None:
    found = provider_hosts(host.upper() + ".", 443, ENDPOINTS)[0]
    assert found.provider is BEDROCK and found.base_url.startswith(f"https://{host}")
    assert aws_region(host) == region


@pytest.mark.parametrize(
    "host",
    [
        "bedrock-runtime.us-east-1.amazonaws.com.evil.test",
        "evil-bedrock-runtime.us-east-1.amazonaws.com",
        "bedrock-runtime.amazonaws.com",
    ],
)
def test_hosts_that_look_like_bedrocks_are_not(host: str) -> None:
    assert provider_hosts(host, 443, ENDPOINTS) == () and aws_region(host) == ""


@pytest.mark.parametrize(
    ("host", "port", "path", "provider", "tracked"),
    [
        ("gateway.test", 443, "/claude/v1/messages", ANTHROPIC, "/v1/messages"),
        ("gateway.test", 443, "/gpt/v1/chat/completions", OPENAI, "/v1/chat/completions"),
        ("b.test", 8443, "/v1/messages", BEDROCK, "/v1/messages"),
        ("z.test", 81, "/x/openai/deployments/d/embeddings", AZURE, "/openai/deployments/d/embeddings"),
    ],
)
def test_the_hosts_of_the_base_urls_count_with_their_prefixes(
    host: str, port: int, path: str, provider: Provider, tracked: str
) -> None:
    found = tracked_on(provider_hosts(host, port, ENDPOINTS), path, ())
    assert found and (found[1].provider, found[1].path) == (provider, tracked)
    assert provider_hosts(host, port + 1, ENDPOINTS) == ()


@pytest.mark.parametrize(
    "host",
    [
        "r.openai.azure.us", "r.openai.azure.cn", "r.cognitiveservices.azure.com", "r.cognitiveservices.azure.us",
        "eastus.api.cognitive.microsoft.com", "usgovvirginia.api.cognitive.microsoft.us", "r.services.ai.azure.us",
        "r.privatelink.openai.azure.com", "r.privatelink.openai.azure.us", "r.privatelink.services.ai.azure.com",
        "r.privatelink.cognitiveservices.azure.com", "R.OpenAI.Azure.US", "r.eastus2.models.ai.azure.com",
    ],
)  # fmt: skip
def test_azure_has_hosts_in_several_domains_and_clouds_and_takes_paths_in_any_case(host: str) -> None:
    hosts = provider_hosts(host, 443, ENDPOINTS)
    assert [found.provider for found in hosts] == [AZURE]
    for path in ("/openai/deployments/d/chat/completions", "/OPENAI/Deployments/d/Chat/completions"):
        assert tracked_on(hosts, path, ())
    for path in ("/openai/deployments/d/images/generations", "/OpenAI/Images/Generations", "/vision/v3.2/analyze"):
        assert untracked_on(hosts, "POST", path) == (AZURE, f"https://{host.lower()}{path}", PathClass.UNMETERED)


@pytest.mark.parametrize(
    ("host", "path", "provider", "tracked"),
    [
        ("api.anthropic.com", "/v1/chat/completions", ANTHROPIC, "/v1/chat/completions"),
        ("api.anthropic.com", "/v1/complete", ANTHROPIC, "/v1/complete"),
        ("aws-external-anthropic.us-east-1.api.aws", "/v1/messages", ANTHROPIC, "/v1/messages"),
        ("mtls.api.openai.com", "/v1/responses", OPENAI, "/v1/responses"),
        ("westus.privatelink.api.openai.com", "/v1/responses/compact", OPENAI, "/v1/responses/compact"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "/openai/v1/responses", BEDROCK, "/openai/v1/responses"),
        ("bedrock-mantle.us-east-1.api.aws", "/v1/chat/completions", BEDROCK, "/v1/chat/completions"),
        ("bedrock-mantle.us-east-1.api.aws", "/openai/v1/responses", BEDROCK, "/openai/v1/responses"),
        ("r.services.ai.azure.com", "/models/chat/completions", AZURE, "/models/chat/completions"),
    ],
)
def test_whatever_format_is_known_is_metered_on_the_hosts_that_speak_it(
    host: str, path: str, provider: Provider, tracked: str
) -> None:
    found = tracked_on(provider_hosts(host, 443, ENDPOINTS), path, ())
    assert found and (found[1].provider, found[1].path) == (provider, tracked)


def test_the_headers_tell_whose_a_path_is_that_two_base_urls_of_one_host_have() -> None:
    one = ENDPOINTS._replace(anthropic="https://gateway.test", openai="https://gateway.test")
    hosts = provider_hosts("gateway.test", 443, one)
    for fields, provider in (((), OPENAI), (((b"Authorization", b"Bearer sk-ant-1"),), ANTHROPIC)):
        found = tracked_on(hosts, "/v1/chat/completions", fields)
        assert found and found[1].provider is provider
    for path, kind in (("/v1/moderations", OPENAI), ("/v1/messages/count_tokens", ANTHROPIC)):
        assert untracked_on(hosts, "POST", path)[::2] == (kind, PathClass.FREE)


MANTLE = provider_hosts("bedrock-mantle.us-east-1.api.aws", 443, ENDPOINTS)


@pytest.mark.parametrize(
    "path",
    ["//anthropic/v1/messages", "/x/../anthropic/v1/messages", "/%61nthropic/v1/messages", "/anthropic/v1%2fmessages"],
)
def test_no_spelling_of_a_generation_call_goes_untracked(path: str) -> None:
    found = tracked_on(MANTLE, path, ())
    assert found and found[1].path == "/v1/messages"


@pytest.mark.parametrize(
    ("hosts", "path", "url"),
    [
        (MANTLE, "/anthropic/v1/models", "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/models"),
        (MANTLE, "/v1/models", "https://bedrock-mantle.us-east-1.api.aws/v1/models"),
        (provider_hosts("gateway.test", 443, ENDPOINTS), "/gpt/v1/files", "https://gateway.test/gpt/v1/files"),
        (provider_hosts("gateway.test", 443, ENDPOINTS), "/other", "https://gateway.test/other"),
        ((Host(OPENAI, "https://o.test/v1"),), "/v1/files", "https://o.test/v1/files"),
    ],
)
def test_another_call_goes_to_the_same_place(hosts: tuple[Host, ...], path: str, url: str) -> None:
    assert tracked_on(hosts, path, ()) is None
    assert untracked_on(hosts, "GET", path)[1:] == (url, PathClass.FREE)


@pytest.mark.parametrize(
    ("authority", "own"),
    [
        ("localhost:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("10.1.2.3:8080", True),
        ("localhost", False),
        ("localhost:80", False),
        ("10.1.2.4:8080", False),
        ("internal.test:8080", False),
        ("localhost:x", False),
        ("[", False),
    ],
)
def test_a_request_that_names_its_host_is_for_the_proxy_only_if_that_is_the_proxy(authority: str, own: bool) -> None:
    assert is_own(authority, "10.1.2.3", 8080) is own

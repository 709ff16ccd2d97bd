import pytest

from addons.llm.hosts import Host, aws_region, is_own, provider_hosts, tracked_on, untracked_on
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
    found = tracked_on(provider_hosts(host, 443, ENDPOINTS), path)
    assert found
    assert (found[1].provider, found[0].base_url.removesuffix("/v1") + found[1].path) == (provider, url)


@pytest.mark.parametrize(
    "host",
    [
        "example.com", "anthropic.com", "api.anthropic.com.evil.test", "xapi.openai.com", "eu.x.api.openai.com",
        "a.b.openai.azure.com", "openai.azure.com", "bedrock.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "",
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
    ],
)
def test_bedrock_has_a_host_in_each_region_of_several_kinds(host: str, region: str) -> None:
    [found] = provider_hosts(host.upper() + ".", 443, ENDPOINTS)
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
    found = tracked_on(provider_hosts(host, port, ENDPOINTS), path)
    assert found and (found[1].provider, found[1].path) == (provider, tracked)
    assert provider_hosts(host, port + 1, ENDPOINTS) == ()


MANTLE = provider_hosts("bedrock-mantle.us-east-1.api.aws", 443, ENDPOINTS)


@pytest.mark.parametrize(
    "path",
    ["//anthropic/v1/messages", "/x/../anthropic/v1/messages", "/%61nthropic/v1/messages", "/anthropic/v1%2fmessages"],
)
def test_no_spelling_of_a_generation_call_goes_untracked(path: str) -> None:
    found = tracked_on(MANTLE, path)
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
    assert tracked_on(hosts, path) is None
    assert untracked_on(hosts, path) == url


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

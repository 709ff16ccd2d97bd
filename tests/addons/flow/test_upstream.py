"""Test which headers of a request go to its provider."""

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addons.callers.attribution_file import AttributionFile
from addons.callers.withheld import WITHHELD, Withheld
from addons.flow.upstream import send_to

URL = "https://api.openai.com/v1/chat/completions"
NEEDED = ["Host", "Authorization", "api-key", "x-api-key", "OpenAI-Organization", "anthropic-version", "traceparent"]
OF_AGENTS = ["X-Claude-Code-Session-Id", "session-id", "thread-id", "x-session-id"]
OF_THE_PROXY = ["X-ModelTrack-Team", "X-ModelTrack-No-Cache", "Proxy-Authorization", "Proxy-Connection"]
OF_LITELLM = ["x-litellm-api-key", "x-litellm-tags", "X-LiteLLM-Customer-Id", "x-litellm-spend-logs-metadata"]
OF_PORTKEY = ["x-portkey-api-key", "x-portkey-virtual-key", "X-Portkey-Metadata", "x-portkey-config"]
OF_HELICONE = ["Helicone-Auth", "Helicone-User-Id", "helicone-property-team", "Helicone-Cache-Enabled"]
ALL = [*NEEDED, *OF_AGENTS, *OF_THE_PROXY, *OF_LITELLM, *OF_PORTKEY, *OF_HELICONE, "X-Team"]


def sent(names: list[str], withheld: Withheld = WITHHELD, signed: str = "") -> list[str]:
    """Return the names of the headers that go on."""
    fields = [(name.encode(), b"value") for name in names if name != "Authorization"]
    scheme = b"AWS4-HMAC-SHA256 Credential=a/b/aws4_request, SignedHeaders=%s, Signature=0" if signed else b"%s"
    authorization = (b"Authorization", scheme % (signed.encode() or b"Bearer x"))
    headers = http.Headers([*fields, authorization] if "Authorization" in names else fields)
    flow = tflow.tflow(req=tutils.treq(headers=headers))
    send_to(flow, URL, withheld, keep=bool(signed))
    assert flow.request.url == URL
    return [name.decode() for name, _ in flow.request.headers.fields]


def test_headers_for_the_proxy_and_for_other_gateways_stay_here_with_the_keys_of_these() -> None:
    assert sorted(sent(ALL)) == sorted([*NEEDED, *OF_AGENTS, "X-Team"])


@pytest.mark.parametrize(
    ("gateway", "goes_on"), [("litellm", OF_LITELLM), ("portkey", OF_PORTKEY), ("helicone", OF_HELICONE)]
)
def test_the_headers_of_a_gateway_go_to_it_where_a_providers_url_leads_to_it(gateway: str, goes_on: list[str]) -> None:
    file = AttributionFile.model_validate({"gateways_upstream": [gateway]})
    assert sorted(sent(ALL, file.withheld)) == sorted([*NEEDED, *OF_AGENTS, *goes_on, "X-Team"])


def test_a_source_of_the_file_says_whether_its_header_goes_on() -> None:
    sources = [
        {"header": "X-Team", "label": "team", "pass_on": False},
        {"header": "X-App", "label": "app"},
        {"header": "Helicone-User-Id", "label": "user", "pass_on": True},
        {"header": "X-Portkey-Metadata", "json": "tenant", "label": "team"},
    ]
    file = AttributionFile.model_validate({"sources": sources, "defaults": False})
    names = ["Host", "X-Team", "X-App", "Helicone-User-Id", "Helicone-Auth", "X-Portkey-Metadata"]
    assert sent(names, file.withheld) == ["Host", "X-App", "Helicone-User-Id"]


def test_what_a_signature_covers_goes_on_but_for_a_proxys_credentials() -> None:
    names = ["Authorization", "X-Team", "X-Portkey-Metadata", "Helicone-User-Id", "Proxy-Authorization"]
    file = AttributionFile.model_validate({"sources": [{"header": "X-Team", "label": "team", "pass_on": False}]})
    signed = "content-type;x-team;x-portkey-metadata;proxy-authorization"
    assert sent(names, file.withheld, signed) == ["Host", "X-Team", "X-Portkey-Metadata", "Authorization"]

import pytest

from addons.callers.signatures import is_signature

SCOPE = "Credential=AKIA/20260101/us-east-1/bedrock/aws4_request"


@pytest.mark.parametrize(
    "authorization",
    [
        f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host;x-amz-date, Signature=0a1b",
        f"AWS4-HMAC-SHA256 {SCOPE},SignedHeaders=host,Signature=0a1b",
        f"AWS4-HMAC-SHA256 Signature=0a1b, SignedHeaders=host, {SCOPE}",
    ],
)
def test_a_whole_signature_is_one(authorization: str) -> None:
    assert is_signature(authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 anything",
        f"AWS4-HMAC-SHA256 {SCOPE}",
        f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host, Signature=",
        f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=, Signature=0a1b",
        "AWS4-HMAC-SHA256 Credential=/aws4_request, SignedHeaders=host, Signature=0a1b",
        f"AWS4-HMAC-SHA256 X{SCOPE}, SignedHeaders=host, Signature=0a1b",
        f"Bearer {SCOPE}, SignedHeaders=host, Signature=0a1b",
    ],
)
def test_what_shows_no_whole_signature_is_none(authorization: str) -> None:
    assert not is_signature(authorization)

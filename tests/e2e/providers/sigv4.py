"""Check a signed request as AWS does: compute its signature again over exactly what came, and compare."""

import re
from datetime import UTC, datetime, timedelta

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from demo.fake_provider.messages import ReceivedRequest

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, "
    r"SignedHeaders=(?P<names>[^,]+), Signature=[0-9a-f]{64}"
)


def signer_of(request: ReceivedRequest, secrets: dict[str, str], scheme: str = "http") -> tuple[str, str, str]:
    """Access key, region and service of a valid signature. `secrets` by access key. Else AssertionError."""
    authorization = request.header("authorization") or ""
    scope = _AUTHORIZATION.fullmatch(authorization)
    assert scope, "not signed"
    stated = {"host", "x-amz-date", *(name.lower() for name, _ in request.headers if name.lower().startswith("x-amz"))}
    assert stated <= set(scope["names"].split(";")), "AWS wants these headers signed"
    date = request.header("x-amz-date") or ""
    age = datetime.now(UTC) - datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs(age) < timedelta(minutes=5)
    headers = {name: value for name in scope["names"].split(";") if (value := request.header(name)) is not None}
    url = f"{scheme}://{request.header('host')}{request.path}"
    received = AWSRequest(method=request.method, url=url, data=request.body, headers=headers)
    received.context["timestamp"] = date
    signer = SigV4Auth(Credentials(scope["key"], secrets[scope["key"]]), scope["service"], scope["region"])
    to_sign = signer.string_to_sign(received, signer.canonical_request(received))
    assert authorization.endswith("Signature=" + signer.signature(to_sign, received)), "the signature does not match"
    return scope["key"], scope["region"], scope["service"]

"""BedrockSigner: sign requests to Bedrock with the proxy's own AWS credentials.

A client that signs (SigV4) has signed for the proxy's address, so AWS would not accept its signature. Requests with a
Bearer key, and those that came through HTTPS_PROXY and were signed for AWS itself, are left as they are.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import http

from addons.callers.signatures import is_signature
from addons.core import Core
from addons.flow.attached import call_of, open_call, untracked_call
from addons.flow.bodies.heavy import apart, is_heavy
from addons.flow.clients import is_local
from addons.flow.guard import guarded
from addons.flow.replies import refuse
from addons.llm.call import UntrackedCall
from addons.llm.denial import Denial, too_large
from addons.llm.hosts import aws_region
from addons.llm.parsing import eventstream
from addons.llm.providers.bedrock import BEDROCK, signing_name
from addons.llm.providers.bedrock_runtime import CONVERSE

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session
except ImportError:  # the extra `aws` is not installed
    Session = None

_SIGNATURE_HEADERS = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256")
_CREDENTIALS_SECONDS = 30  # credentials may have to come from the network
_NONE_FOUND_SECONDS = 10
"""How long no new search for credentials begins after none were found: a search that finds none takes seconds."""

_NO_EXTRA = "install ModelTrack with its extra `aws`, which brings botocore (pip install '.[aws]' in the checkout)"
_NO_CREDENTIALS = (
    "This request is signed for the proxy, which has no AWS credentials to sign it anew: give it some"
    " (AWS_ACCESS_KEY_ID, a profile, a role), or use a Bedrock API key."
)


class BedrockSigner:
    def __init__(self, core: Core, timer: Callable[[], float] = time.monotonic) -> None:
        self.core = core
        self._timer = timer
        self._credentials: Any = None
        self._none_until = 0.0
        self._looking = asyncio.Lock()

    def failed(self, flow: http.HTTPFlow) -> None:
        _refuse(flow, Denial(503, "signing_failed", "ModelTrack could not sign this request for AWS.", retry_after=5))

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Refuse a request that would have to be signed for a client that BEDROCK_SIGN_FOR does not name."""
        call = call_of(flow) or untracked_call(flow)
        if flow.response or call is None or call.key:
            return
        if isinstance(call, UntrackedCall):
            needs_signing = call.sign_for != ""
        else:
            is_own = call.provider is BEDROCK and not call.base_url
            needs_signing = is_own and is_signature(flow.request.headers.get("Authorization", ""))
        if needs_signing and not self._may_sign(flow):
            text = (
                f"ModelTrack does not sign requests to Bedrock with its own AWS credentials for this client"
                f" (BEDROCK_SIGN_FOR={self.core.settings.bedrock_sign_for}): use a Bedrock API key, or HTTPS_PROXY."
            )
            _refuse(flow, Denial(403, "not_signed", text))

    def _may_sign(self, flow: http.HTTPFlow) -> bool:
        allowed = self.core.settings.bedrock_sign_for
        return allowed == "all" or (allowed == "loopback" and is_local(flow))

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        call, untracked = open_call(flow), untracked_call(flow)
        if call and call.provider is BEDROCK:
            if call.is_stream and call.route.model and not eventstream.is_available():
                _refuse(flow, Denial(503, "not_configured", f"Bedrock's streams cannot be metered: {_NO_EXTRA}."))
            elif call.signs or (
                call.fixed != "signed_request" and is_signature(flow.request.headers.get("Authorization", ""))
            ):
                return self._sign(flow, signing_name(call.route.path))
        elif untracked and untracked.sign_for and not flow.response:
            limit = self.core.settings.max_request_bytes
            if len(flow.request.raw_content or b"") > limit:
                _refuse(flow, too_large("request body", limit))
            else:
                return self._sign(flow, untracked.sign_for)
        return None

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Stream the answer to an untracked call; only the request had to come in whole, to be signed."""
        if flow.response and (untracked := untracked_call(flow)) and untracked.is_signed:
            flow.response.stream = True

    async def _sign(self, flow: http.HTTPFlow, service: str) -> None:
        if Session is None:
            _refuse(flow, Denial(503, "not_configured", f"This request cannot be signed for AWS: {_NO_EXTRA}."))
            return
        credentials = await asyncio.wait_for(self._frozen_credentials(), _CREDENTIALS_SECONDS)
        if credentials is None:
            _refuse(flow, Denial(503, "no_aws_credentials", _NO_CREDENTIALS))
            return
        region = aws_region(flow.request.host) or self.core.settings.bedrock_region
        if is_heavy(len(flow.request.raw_content or b"")):
            await apart(sign, flow.request, credentials, service, region)  # it hashes the body
        else:
            sign(flow.request, credentials, service, region)
        if untracked := untracked_call(flow):
            untracked.is_signed = True

    async def _frozen_credentials(self) -> Any:
        """Return the proxy's AWS credentials, or None if it has none.

        A thread gets them, since they may have to be fetched from the network, and again when they expire. Only one
        search runs at a time.
        """
        async with self._looking:
            if self._credentials is None and self._timer() >= self._none_until:
                self._credentials = await asyncio.to_thread(Session().get_credentials)
                self._none_until = self._timer() + _NONE_FOUND_SECONDS
        return await asyncio.to_thread(self._credentials.get_frozen_credentials) if self._credentials else None


def sign(request: http.Request, credentials: Any, service: str, region: str) -> None:
    """Replace the client's signature with one over exactly the URL and body that are sent.

    AWS wants the host, the content type and its own headers signed. Other headers are left out, since a hop on the way
    may change them. See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
    """
    for name in _SIGNATURE_HEADERS:
        request.headers.pop(name, None)
    names = [name for name in request.headers if name.lower() in ("host", "content-type") or _is_aws(name)]
    headers = {name: request.headers[name] for name in names}
    url = f"{request.scheme}://{request.headers['Host']}{request.path}"
    signed = AWSRequest(method=request.method, url=url, data=request.raw_content or b"", headers=headers)
    SigV4Auth(credentials, service, region).add_auth(signed)
    for name in _SIGNATURE_HEADERS:
        if name in signed.headers:
            request.headers[name] = signed.headers[name]


def _is_aws(name: str) -> bool:
    return name.lower().startswith("x-amz")


def _refuse(flow: http.HTTPFlow, denial: Denial) -> None:
    refuse(flow, call_of(flow) or untracked_call(flow), denial, wire=CONVERSE)

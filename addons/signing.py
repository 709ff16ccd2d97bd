"""BedrockSigner: sign requests to Bedrock with the proxy's own AWS credentials.

A client that signs (SigV4) has signed for the proxy's address, so its signature is worth nothing at AWS. Requests with
a Bearer key, and those that came through HTTPS_PROXY and were signed for AWS itself, are left as they are.
"""

import asyncio
import logging
from typing import Any

from mitmproxy import http

from addons.core import Core
from addons.flow_call import call_of, open_call
from addons.guard import guarded_async
from addons.llm.cache_key import SIGV4
from addons.replies import refuse

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session
except ImportError:  # the extra `aws` is not installed
    Session = None

logger = logging.getLogger(__name__)

_SIGNATURE_HEADERS = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256")
_SIGNED_HEADERS = ("Host", "Content-Type")
_CREDENTIALS_SECONDS = 30  # where they come from the network


class BedrockSigner:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._credentials: Any = None

    def failed(self, flow: http.HTTPFlow) -> None:
        refuse(flow, call_of(flow), 503, "signing_failed", "ModelTrack could not sign this request for AWS.", 5)

    @guarded_async
    async def request(self, flow: http.HTTPFlow) -> None:
        call = open_call(flow)
        if not call or call.provider.name != "bedrock" or call.fixed == "signed_request":
            return
        if not flow.request.headers.get("Authorization", "").startswith(SIGV4):
            return
        credentials = await asyncio.wait_for(asyncio.to_thread(self._frozen_credentials), _CREDENTIALS_SECONDS)
        if credentials is None:
            message = (
                "This request is signed for the proxy, which has no AWS credentials to sign it anew: give it some"
                " (AWS_ACCESS_KEY_ID, a profile, a role; it needs the extra `aws`), or use a Bedrock API key."
            )
            refuse(flow, call, 503, "no_aws_credentials", message)
            return
        service = "bedrock-mantle" if call.route.path == "/v1/messages" else "bedrock"
        sign(flow.request, credentials, service, self.core.settings.bedrock_region)

    def _frozen_credentials(self) -> Any:
        """In a thread: they may have to be fetched, and again when they expire."""
        if self._credentials is None and Session is not None:
            self._credentials = Session().get_credentials()
        return self._credentials.get_frozen_credentials() if self._credentials else None


def sign(request: http.Request, credentials: Any, service: str, region: str) -> None:
    """Put a signature in the place of the client's, over exactly the URL and body that are sent."""
    for name in _SIGNATURE_HEADERS:
        request.headers.pop(name, None)
    headers = {name: request.headers[name] for name in _SIGNED_HEADERS if name in request.headers}
    url = f"{request.scheme}://{request.headers['Host']}{request.path}"
    signed = AWSRequest(method=request.method, url=url, data=request.raw_content or b"", headers=headers)
    SigV4Auth(credentials, service, region).add_auth(signed)
    for name in _SIGNATURE_HEADERS:
        if name in signed.headers:
            request.headers[name] = signed.headers[name]

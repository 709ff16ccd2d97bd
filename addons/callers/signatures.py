"""Recognise an AWS signature (SigV4) in an Authorization header. Whether it is valid, only AWS can tell.

Format: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html.
"""

import re

_SCHEME = "AWS4-HMAC-SHA256 "
_PARTS = [
    re.compile(rf"[ ,]{part}(?:,|\s*$)")
    for part in (r"Credential=[^\s,/]+/[^\s,]+/aws4_request", r"SignedHeaders=[^\s,]+", r"Signature=[0-9a-f]+")
]


def is_signature(authorization: str) -> bool:
    """Tell whether the header's value is a whole signature: the credential, the signed headers, and the signature."""
    return authorization.startswith(_SCHEME) and all(part.search(authorization) for part in _PARTS)

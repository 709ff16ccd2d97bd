"""Check a token that a request shows, for the proxy's status pages and for the API."""

import hmac


def shows_token(authorization: str, token: str) -> bool:
    """Return whether an Authorization header is `Bearer` and the token. How long it takes does not tell how much fits.

    The header may have been decoded as Latin-1, or as UTF-8 with surrogates for what is none.
    """
    scheme, _, given = authorization.partition(" ")
    found = given.strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(found, token.encode()) and scheme.lower() == "bearer"

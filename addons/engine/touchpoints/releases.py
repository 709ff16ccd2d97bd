"""Say which releases of mitmproxy are supported."""

from addons.engine.checking import Function

RELEASES = ("12.2.3", "12.3.1")
"""The releases of mitmproxy that are supported, oldest first: the tests run on each. requirements.lock has the last."""


def known(path: str, form: str) -> Function:
    """Return a function that is the same in all releases."""
    return Function(path, {form: RELEASES})

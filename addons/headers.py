"""Read headers in one pass over what was sent; mitmproxy's own look-ups convert names and values each time."""

from mitmproxy.http import Headers


def header(headers: Headers, name: bytes) -> str:
    """Of a name in lower case: the value, "" where there is none, those of several joined as `Headers.get` does."""
    found = [value for key, value in headers.fields if key.lower() == name]
    return b", ".join(found).decode("utf-8", "surrogateescape") if found else ""

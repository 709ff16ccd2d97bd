"""Headers in one pass over what was sent; mitmproxy's own ways convert names and values for each of them."""

from collections.abc import Mapping

from mitmproxy.http import Headers

from addons.callers.attribution import clean


def header(headers: Headers, name: bytes) -> str:
    """Of a name in lower case: the value, "" where there is none, those of several joined as `Headers.get` does."""
    found = [value for key, value in headers.fields if key.lower() == name]
    return b", ".join(found).decode("utf-8", "surrogateescape") if found else ""


def put(headers: Headers, values: Mapping[str, str]) -> None:
    """Set headers in the place of those of the same names; what could break the head is taken out of the values."""
    if not values:
        return
    fields = [(name.encode(), clean(value).encode()) for name, value in values.items()]
    names = {name.lower() for name, _ in fields}
    headers.fields = (*(field for field in headers.fields if field[0].lower() not in names), *fields)

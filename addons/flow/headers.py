"""Read and set headers in one pass over the raw fields; mitmproxy's own methods convert every name and value."""

from collections.abc import Mapping

from mitmproxy.http import Headers

from addons.callers.attribution import clean


def header(headers: Headers, name: bytes) -> str:
    """Return a header's value, "" if there is none; several are joined as by `Headers.get`. `name` is in lower case."""
    found = [value for key, value in headers.fields if key.lower() == name]
    return b", ".join(found).decode("utf-8", "surrogateescape") if found else ""


def put(headers: Headers, values: Mapping[str, str]) -> None:
    """Set headers, replacing those of the same names. Control characters, which could break the head, are removed."""
    if not values:
        return
    fields = [(name.encode(), clean(value).encode()) for name, value in values.items()]
    names = {name.lower() for name, _ in fields}
    headers.fields = (*(field for field in headers.fields if field[0].lower() not in names), *fields)

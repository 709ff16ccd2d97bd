"""Keep on a flow whom its call is for, so that it is theirs again when mitmweb or mitmproxy replays it.

The request itself does not tell any more: it has been aimed at its provider, without ModelTrack's headers. What is kept
is in the flow's metadata, which is saved with the flow.
"""

from typing import NamedTuple

from mitmproxy import connection, http

from addons.callers.attribution import HEADER_PREFIX
from addons.flow.attached import attach_credential
from addons.llm.providers import PROVIDERS, Provider

KEY_ID_HEADER = "x-modeltrack-key-id"
"""Has the id of the caller's key in a record; in a client's request it means nothing."""
_METADATA = "modeltrack_call"
_PROVIDERS = {provider.name: provider for provider in PROVIDERS}


class Record(NamedTuple):
    """Say what a request was before it was aimed at its provider."""

    provider: Provider
    base_url: str
    """The URL that its path is appended to, for one that came through a tunnel; "" where the provider decides."""
    headers: dict[str, str]
    """ModelTrack's headers that say the same as the request did, by lower-case name."""


def is_replay(flow: http.HTTPFlow) -> bool:
    return flow.is_replay == "request"


def keep_record(flow: http.HTTPFlow, provider: Provider, base_url: str, headers: dict[str, str]) -> None:
    """Keep what `record_of` returns."""
    flow.metadata[_METADATA] = {"provider": provider.name, "base_url": base_url, "headers": headers}


def record_of(flow: http.HTTPFlow) -> Record | None:
    """Return what is kept of the flow's request; None if that has not been aimed, or not by ModelTrack."""
    kept = flow.metadata.get(_METADATA)
    if not isinstance(kept, dict) or not (provider := _PROVIDERS.get(str(kept.get("provider")))):
        return None
    base_url, headers = kept.get("base_url"), kept.get("headers")
    ours = (
        (name, value)
        for name, value in (headers if isinstance(headers, dict) else {}).items()
        if isinstance(name, str) and isinstance(value, str) and name.startswith(HEADER_PREFIX)
    )
    return Record(provider, base_url if isinstance(base_url, str) else "", dict(ours))


def begin_again(flow: http.HTTPFlow, record: Record | None) -> None:
    """Give a recorded request that is sent again ModelTrack's headers back.

    The connection that it went over is forgotten: see `was_sent`.
    """
    for name, value in (record.headers if record else {}).items():
        flow.request.headers[name] = value
    attach_credential(flow.request, ())  # it is put in anew
    old = flow.server_conn
    flow.server_conn = connection.Server(address=old.address, via=old.via)


def was_sent(flow: http.HTTPFlow) -> bool:
    """Return whether the flow's answer is from its provider; others are from mitmproxy's `map_local` and the like."""
    return flow.is_replay != "response" and flow.server_conn.timestamp_start is not None

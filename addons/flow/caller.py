"""Find out who a request is from, and keep keys of keys.json from going any further."""

from collections.abc import Mapping

from mitmproxy import http

from addons.callers.attribution import own_headers
from addons.callers.caller import Caller, Contradiction, UnknownKey, caller, of_key
from addons.callers.presented import NOTHING, presented
from addons.core import Core, Tunnel
from addons.flow.replays import KEY_ID_HEADER, is_replay
from addons.llm.denial import Denial, forbidden, invalid, unauthenticated

_NO_KEY = unauthenticated(
    "This request has no valid ModelTrack key: it is missing, unknown, disabled, or past its end. Send one as"
    " Authorization: Bearer, x-api-key, api-key or X-ModelTrack-Key."
)
_UNKNOWN_TEAM = Denial(
    403,
    "unknown_team",
    "This request is for no team that is known here, and CALLERS=known lets no other call: name one of budgets.json,"
    " keys.json or TEAMS in X-ModelTrack-Team.",
)


def find_caller(
    core: Core, flow: http.HTTPFlow, tunnel: Tunnel | None, opt_out: str = ""
) -> tuple[Mapping[str, str], Caller] | Denial:
    """Return what the headers say to the proxy and who the request is from, or why it is refused.

    A key, and the user name and password of a base URL, are taken out of the request, whatever becomes of it.
    `opt_out` is the name of the header that keeps the model.
    """
    fields = flow.request.headers.fields
    try:
        shown = presented(fields, flow.request.path, is_tunnelled=tunnel is not None)
        headers = own_headers(fields, opt_out)
    except ValueError as error:
        _take_out_all(flow)
        return invalid(error)
    if shown.shown_in:
        flow.request.headers.fields = tuple(field for field in fields if field[0].lower() not in shown.shown_in)
    settings = core.settings
    try:
        if is_replay(flow) and (key := core.keys.value.by_id.get(flow.request.headers.get(KEY_ID_HEADER, ""))):
            found = of_key(key, headers)
        else:
            found = caller(
                shown,
                tunnel.opened if tunnel else NOTHING,
                headers,
                core.keys.value,
                core.now(),
                settings.default_team,
                needs_key=settings.callers == "keys" and not is_replay(flow),
            )
    except UnknownKey:
        core.counts.unknown_callers += 1
        return _NO_KEY
    except Contradiction as error:
        core.counts.unknown_callers += 1
        return forbidden(str(error))
    who = core.known.spelled(found.who)
    if settings.callers == "known" and not core.known.has(who.team):
        core.counts.unknown_callers += 1
        return _UNKNOWN_TEAM
    return headers, found._replace(who=who)

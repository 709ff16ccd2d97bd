"""Find out who a request is from: by its head, and then by what its body says of what is still open."""

from collections.abc import Mapping

from mitmproxy import http

from addons.callers.attribution import Attribution, from_body, own_headers, team_is_open
from addons.callers.caller import Caller, Contradiction, UnknownKey, caller, of_key
from addons.callers.keys import Key
from addons.callers.presented import NOTHING
from addons.core import Core, Tunnel
from addons.flow.attached import shown_by
from addons.flow.replays import KEY_ID_HEADER, is_replay, record_of
from addons.llm.call import LLMCall
from addons.llm.denial import Denial, forbidden, invalid, unauthenticated
from addons.llm.providers import Provider

# Claude Code shows a text of its own in place of one in which `x-api-key` is.
_NO_KEY = unauthenticated(
    "This request has no valid ModelTrack key: it is missing, unknown, disabled, or past its end. Send one where the"
    " provider's key would be, or in X-ModelTrack-Key."
)
REVOKED = unauthenticated(
    "The ModelTrack key of this request or connection has been changed or disabled, or is past its end."
)
_UNKNOWN_TEAM = Denial(
    403,
    "unknown_team",
    "This request is for no team that is known here, and CALLERS=known lets no other call: name one of budgets.json,"
    " keys.json or TEAMS in X-ModelTrack-Team.",
)


def find_caller(
    core: Core,
    flow: http.HTTPFlow,
    provider: Provider | None,
    tunnel: Tunnel | None,
    opt_out: str = "",
    family: str | None = None,
    *,
    needs_key: bool = False,
) -> tuple[Mapping[str, str], Caller] | Denial:
    """Return what the headers say to the proxy and who the request to the provider is from, or why it is refused.

    `provider` is None for the proxy itself. `opt_out` is the name of the header that keeps the model. `family` is that
    of the body's format, None for a body that is not read: one that may still name the team is waited for. `needs_key`
    is for what only the holder of a key may have, whatever CALLERS says.
    """
    try:
        headers = own_headers(flow.request.headers.fields, opt_out, core.sources)
    except ValueError as error:
        return invalid(error)
    settings = core.settings
    try:
        if key := _of_record(core, flow):
            found = of_key(key, headers)
        else:
            found = caller(
                shown_by(flow),
                tunnel.opened if tunnel else NOTHING,
                headers,
                core.keys.value,
                core.now(),
                settings.default_team,
                needs_key=needs_key or (settings.callers == "keys" and not is_replay(flow)),
            )
    except UnknownKey:
        core.counts.unknown_callers += 1
        return _NO_KEY
    except Contradiction as error:
        core.counts.unknown_callers += 1
        return forbidden(str(error))
    who = core.known.spelled(found.who)
    if settings.callers == "known" and not core.known.has(who.team) and not _may_follow(core, who, family):
        core.counts.unknown_callers += 1
        return _UNKNOWN_TEAM
    return _provider_denial(found.key, provider) or (headers, found._replace(who=who))


def _of_record(core: Core, flow: http.HTTPFlow) -> Key | None:
    """Return the key that a call which is replayed was made with, unless it shows another now."""
    record = record_of(flow) if is_replay(flow) and not shown_by(flow).digest else None
    return core.keys.value.by_id.get(record.headers.get(KEY_ID_HEADER, "")) if record else None


def may_name_team(core: Core, call: LLMCall) -> bool:
    """Tell whether the call's body, which is not there yet, may still say which team the call is for."""
    return _may_follow(core, call.attribution, call.wire.family)


def _may_follow(core: Core, who: Attribution, family: str | None) -> bool:
    return family is not None and team_is_open(who, family, core.sources)


def read_labels(core: Core, call: LLMCall) -> Denial | None:
    """Fill what is still open of who the call is for. Return why it is refused where its team is not known."""
    who = from_body(call.body, call.wire.family, call.attribution, core.sources)
    if who is not call.attribution:
        call.attribution = core.known.spelled(who)
    if core.settings.callers == "known" and not core.known.has(call.attribution.team):
        core.counts.unknown_callers += 1
        return _UNKNOWN_TEAM
    return None


def _provider_denial(key: Key | None, provider: Provider | None) -> Denial | None:
    """Refuse a call of a provider that the caller's key is not for."""
    if key is None or provider is None or key.may_call(provider.name):
        return None
    return forbidden(f"The key {key.id!r} is not for the provider {provider.name}: keys.json lists its providers.")


def revocation(core: Core, key: Key | None) -> Denial | None:
    """Refuse what comes with a key that was valid when its request or connection began, and is so no more."""
    if key is None:
        return None
    found = core.keys.value.by_id.get(key.id)
    return None if found and found.rights == key.rights and found.is_valid(core.now()) else REVOKED


def model_denial(key: Key | None, model: str) -> Denial | None:
    """Refuse a call of a model that the caller's key is not for. `model` is "" where nobody can tell which it is."""
    if key is None or (key.may_ask_for(model) if model else not key.models):
        return None
    what = f"the model {model[:256]!r}" if model else "requests whose model cannot be told"
    return forbidden(f"The key {key.id!r} is not for {what}: keys.json lists its models.")

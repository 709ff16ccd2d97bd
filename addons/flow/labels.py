"""Take from a call's body what it says of who the call is for, once the body has been read."""

from addons.callers.attribution import from_body, team_is_open
from addons.core import Core
from addons.flow.caller import UNKNOWN_TEAM
from addons.llm.call import LLMCall
from addons.llm.denial import Denial


def may_name_team(core: Core, call: LLMCall) -> bool:
    """Tell whether the call's body, which is not there yet, may still say which team the call is for."""
    return team_is_open(call.attribution, call.wire.family, core.sources)


def read_labels(core: Core, call: LLMCall) -> Denial | None:
    """Fill what is still open of who the call is for. Return why it is refused where its team is not known."""
    who = from_body(call.body, call.wire.family, call.attribution, core.sources)
    if who is not call.attribution:
        call.attribution = core.known.spelled(who)
    if core.settings.callers == "known" and not core.known.has(call.attribution.team):
        core.counts.unknown_callers += 1
        return UNKNOWN_TEAM
    return None

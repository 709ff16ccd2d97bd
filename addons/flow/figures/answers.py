"""Say on an answer which call it is of, what the call cost, and what its budget has left."""

from mitmproxy.http import Headers

from addons.core import Core
from addons.ledger.money import exact_usd
from addons.llm.call import CALL_HEADER, LLMCall, UntrackedCall

COST_HEADER = "X-ModelTrack-Cost"
REMAINING_HEADER = "X-ModelTrack-Budget-Remaining"

_CALL, _COST, _REMAINING = (name.encode() for name in (CALL_HEADER, COST_HEADER, REMAINING_HEADER))
_NAMES = frozenset({_CALL.lower(), _COST.lower(), _REMAINING.lower()})
_LENGTHS = frozenset(map(len, _NAMES))  # to look at the length first takes half the time


def put_figures(core: Core, headers: Headers, call: LLMCall, is_whole: bool) -> None:
    """Set the headers of an answer. Of one that `is_whole` the cost is known, and has been taken from the budgets.

    A cost that is not known has no header. The money left is that of the budget which has least; what calls in flight
    hold of it still counts as left.
    """
    own = [(_CALL, call.event_id.encode())]
    if is_whole and call.cost_nanos is not None:
        own.append((_COST, exact_usd(call.cost_nanos).encode()))
    if call.standings:
        own.append((_REMAINING, exact_usd(core.ledger.left(call.standings)).encode()))
    _put(headers, own)


def put_call_id(headers: Headers, call: UntrackedCall) -> None:
    """Set the header that names the event of a call whose cost nobody can tell."""
    _put(headers, [(_CALL, call.event_id.encode())])


def _put(headers: Headers, own: list[tuple[bytes, bytes]]) -> None:
    """Replace these headers, which an answer that comes from another ModelTrack has, too."""
    kept = [field for field in headers.fields if len(field[0]) not in _LENGTHS or field[0].lower() not in _NAMES]
    headers.fields = (*kept, *own)

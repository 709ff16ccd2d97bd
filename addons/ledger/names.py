"""Compare names of teams and apps as people read them, so that another spelling is no other team without a budget.

Source: chapter 3.13 of the Unicode Standard (NFKC_Casefold), https://www.unicode.org/versions/latest/. Letters of other
alphabets that look alike stay different: only a list of known teams (CALLERS=known) keeps those out.
"""

import re
import unicodedata
from functools import lru_cache

Account = tuple[str, str]
"""Team and app in the form in which names are compared; the app is "" for the whole team."""

LONGEST = 256
"""Characters of a name; what is longer is cut before it is compared."""

# Besides the categories Cc and Cf these fillers, joiners and selectors are shown as nothing (Default_Ignorable).
_SHOWN_AS_NOTHING = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def compared(name: str) -> str:
    """Return a name as names are compared: NFKC, no invisible characters, no letter case, single spaces."""
    return _compared(name if len(name) <= LONGEST else name[:LONGEST])


def accounts_of(team: str, app: str) -> tuple[Account, ...]:
    """Return the accounts that what a call costs is counted in: the whole team's, and the app's."""
    return _accounts_of(team[:LONGEST], app[:LONGEST])


# A call asks half a dozen times for the same few names.
@lru_cache(maxsize=4096)
def _accounts_of(team: str, app: str) -> tuple[Account, ...]:
    account = compared(team), compared(app)
    return ((account[0], ""), account) if account[1] else ((account[0], ""),)


@lru_cache(maxsize=4096)
def _compared(name: str) -> str:
    if name.isascii() and name.isprintable():
        return " ".join(name.lower().split())
    shown = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) not in ("Cc", "Cf"))
    folded = unicodedata.normalize("NFKC", _SHOWN_AS_NOTHING.sub("", shown).casefold())
    return " ".join(folded.split())

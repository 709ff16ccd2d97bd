"""List what the project uses of mitmproxy that may change from one release to the next.

FUNCTIONS are those that a fix or a speed-up replaces or builds on: each is compared, by a fingerprint of its source,
with every form that is known. NAMES are private, or part of no documented interface: each has to be there.
`python -m addons.engine.touchpoints` prints all of them; docs/mitmproxy-releases.md says when that is needed.
"""

from addons.engine.checking import Function, Name
from addons.engine.touchpoints.for_fixes import (
    ABSENT_CLIENTS,
    BODIES,
    CHUNKS,
    CLIENT_CONNECTIONS,
    CONTINUES,
    ERROR_WORDINGS,
    HEADS,
    JSON_ERRORS,
    SCRIPT_ERRORS,
    UNQUOTED,
    UPSTREAMS,
    WEBSOCKET_LAYER,
)
from addons.engine.touchpoints.for_speed import (
    ADDONS,
    AUTHORITIES,
    CHECKS,
    CONNECTIONS,
    CONTEXTS,
    DISPATCH,
    HEADERS,
    HOOKS,
    OPTIONS,
)
from addons.engine.touchpoints.names import NAMES

__all__ = ["FUNCTIONS", "NAMES", "listed"]

FUNCTIONS = {
    "addons/engine/fixes/absent_clients.py": ABSENT_CLIENTS,
    "addons/engine/fixes/bounded_bodies.py": BODIES,
    "addons/engine/fixes/chunks.py": CHUNKS,
    "addons/engine/fixes/heads.py": HEADS,
    "addons/engine/fixes/continues.py": CONTINUES,
    "addons/engine/fixes/unquoted.py": UNQUOTED,
    "addons/engine/fixes/connections.py": CLIENT_CONNECTIONS,
    "addons/engine/fixes/json_errors.py": JSON_ERRORS,
    "addons/engine/fixes/script_errors.py": SCRIPT_ERRORS,
    "addons/engine/fixes/upstreams.py": UPSTREAMS,
    "addons/engine/fixes/websocket_layer.py": WEBSOCKET_LAYER,
    "addons/engine/speed/dispatch.py": DISPATCH,
    "addons/engine/speed/layer.py": CONNECTIONS,
    "addons/engine/speed/lookups.py": (*HEADERS, *OPTIONS, *HOOKS, *ADDONS, *CONTEXTS, *AUTHORITIES, *CHECKS),
    "addons/flow/wordings.py": ERROR_WORDINGS,
}
"""The functions, by the file that replaces them or builds on them."""


def listed(file: str) -> tuple[Function | Name, ...]:
    """Return what a file of the project uses."""
    return (*FUNCTIONS.get(file, ()), *NAMES.get(file, ()))

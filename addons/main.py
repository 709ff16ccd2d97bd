"""List the proxy's addons in the order in which a request meets them. `mitmdump -s addons/main.py` loads this file."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:  # mitmproxy adds only this file's folder, but `from addons.…` needs the one above it
    sys.path.insert(0, ROOT)  # first, so that an installed ModelTrack is not imported instead of this one

from addons.bodies import Bodies  # noqa: E402
from addons.bootstrap import Bootstrap  # noqa: E402
from addons.budget import Budgets  # noqa: E402
from addons.cache import ResponseCache  # noqa: E402
from addons.core import Core  # noqa: E402
from addons.cost_logger import CostLogger  # noqa: E402
from addons.doors import Doors  # noqa: E402
from addons.engine.fixes.absent_clients import AbsentClients  # noqa: E402
from addons.engine.fixes.bounded_bodies import BoundedBodies  # noqa: E402
from addons.engine.fixes.chunks import Chunks  # noqa: E402
from addons.engine.fixes.connections import Connections  # noqa: E402
from addons.engine.fixes.continues import Continues  # noqa: E402
from addons.engine.fixes.credentials import Credentials  # noqa: E402
from addons.engine.fixes.heads import Heads  # noqa: E402
from addons.engine.fixes.json_errors import JsonErrors  # noqa: E402
from addons.engine.fixes.named_errors import NamedErrors  # noqa: E402
from addons.engine.fixes.script_errors import ScriptErrors  # noqa: E402
from addons.engine.fixes.unquoted import Unquoted  # noqa: E402
from addons.engine.fixes.upstreams import Upstreams  # noqa: E402
from addons.engine.fixes.websocket_layer import WebSocketLayer  # noqa: E402
from addons.engine.speed.dispatch import FastDispatch  # noqa: E402
from addons.flow.admission import Admission  # noqa: E402
from addons.identity import Identity  # noqa: E402
from addons.inspecting.inspector import Inspector  # noqa: E402
from addons.routing import Routing  # noqa: E402
from addons.rules import ModelRules  # noqa: E402
from addons.signing import BedrockSigner  # noqa: E402
from addons.status import StatusPages  # noqa: E402
from addons.tunnels import Tunnels  # noqa: E402
from addons.websockets import WebSockets  # noqa: E402

core = Core()
admission = Admission(core)
cache = ResponseCache(core)
status = StatusPages(core, cache.size)
websockets = WebSockets(core, admission)

addons = [
    Bootstrap(core),
    Tunnels(core),
    Identity(core, websockets.revoke),
    Doors(core),
    Routing(core),
    Bodies(core),
    Budgets(core, admission),
    ModelRules(core),
    cache,
    websockets,
    CostLogger(core),
    BedrockSigner(core),
    status,
    ScriptErrors(core),
    Connections(core),
    Heads(core),
    Credentials(core),
    Chunks(core),
    Upstreams(core),
    WebSocketLayer(core),
    AbsentClients(core),
    JsonErrors(core),  # this and the next after those that build on what they replace: each looks for mitmproxy's own
    Continues(core),
    Unquoted(core),
    BoundedBodies(core),
    NamedErrors(core),  # after those that build on what it replaces, too
    Inspector(core, status.all_stats, cache.clear),
    FastDispatch(),
]

"""The proxy: `mitmdump -s addons/main.py`. Lists the chain of addons in the order in which a request meets them."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:  # mitmproxy puts this file's folder there, which `from addons.…` does not need
    sys.path.insert(0, ROOT)  # before another ModelTrack that may be installed: this is the one that was asked for

from addons.bootstrap import Bootstrap  # noqa: E402
from addons.budget import BudgetGate  # noqa: E402
from addons.cache import ResponseCache  # noqa: E402
from addons.core import Core  # noqa: E402
from addons.cost_logger import CostLogger  # noqa: E402
from addons.engine.fixes.chunks import Chunks  # noqa: E402
from addons.engine.fixes.json_errors import JsonErrors  # noqa: E402
from addons.engine.fixes.websocket_layer import WebSocketLayer  # noqa: E402
from addons.engine.speed.dispatch import FastDispatch  # noqa: E402
from addons.inspecting.inspector import Inspector  # noqa: E402
from addons.routing import Routing  # noqa: E402
from addons.rules import ModelRules  # noqa: E402
from addons.signing import BedrockSigner  # noqa: E402
from addons.status import StatusPages  # noqa: E402
from addons.tunnels import Tunnels  # noqa: E402
from addons.websockets import WebSockets  # noqa: E402

core = Core()
gate = BudgetGate(core)
rules = ModelRules(core)
cache = ResponseCache(core)
status = StatusPages(core, cache.size)

addons = [
    Bootstrap(core),
    Tunnels(core),
    Routing(core),
    gate,
    rules,
    cache,
    WebSockets(core, gate, rules),
    CostLogger(core),
    BedrockSigner(core),
    status,
    JsonErrors(core),
    Chunks(core),
    WebSocketLayer(core),
    Inspector(core, status.all_stats, cache.clear),
    FastDispatch(),
]

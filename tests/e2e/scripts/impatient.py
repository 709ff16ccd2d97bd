"""The chain of addons/main.py, which waits only HEAD_SECONDS for a head, BODY_SECONDS for a piece of a body, and
UNREAD_SECONDS for a client to read.
"""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))

from addons.engine.connections import unread
from addons.engine.connections.phases import Kind
from addons.engine.connections.table import SECONDS
from addons.main import addons as chain

for kind in (Kind.HEAD, Kind.BODY):
    SECONDS[kind] = float(os.environ[f"{kind.name}_SECONDS"])

unread.SECONDS = float(os.environ["UNREAD_SECONDS"])

addons = chain

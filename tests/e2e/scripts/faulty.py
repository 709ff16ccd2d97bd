"""The chain of addons/main.py, in which what the header X-Fault names (module:function) raises for that request.

The exception's message is the prompt: none of it may turn up in a log.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[3]))

from addons.main import addons as chain

now_failing = ""


class Faults:
    """First in the chain."""

    def requestheaders(self, flow: Any) -> None:
        global now_failing
        now_failing = flow.request.headers.pop("X-Fault", "")


def break_on_demand(name: str) -> None:
    module_name, _, path = name.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, attribute = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original = getattr(owner, attribute)

    def maybe(*args: Any, **kwargs: Any) -> Any:
        if now_failing == name:
            raise RuntimeError(os.environ["FAULT_MESSAGE"])
        return original(*args, **kwargs)

    setattr(owner, attribute, maybe)


for fault in os.environ["FAULTS"].split():
    break_on_demand(fault)

addons = [Faults(), *chain]

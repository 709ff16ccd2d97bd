"""Spare the garbage collector what will not be garbage: looking through it again and again is a tenth of a request."""

import gc

_YOUNG = 10_000
"""Objects made, less those freed, before the collector looks at them; Python's own number is 2,000. A request makes
some hundreds, and mitmproxy's flows are cycles, so that each higher number also keeps more bodies of answered requests.
"""

_usual = gc.get_threshold()


def settle() -> None:
    """What is there now (modules, prices, settings) stays, and is not looked at any more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *_usual[1:])


def unsettle() -> None:
    gc.set_threshold(*_usual)
    gc.unfreeze()

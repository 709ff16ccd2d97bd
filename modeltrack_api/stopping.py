"""Wait for the signal that ends a process with threads.

A handler is no way to do so: Python runs it in the main thread, which a signal does not always wake where it waits for
a lock. One API in some thousands went on after its SIGTERM, its main thread in SimpleQueue.get(). A signal that all
threads block stays pending until somebody asks for it.
"""

import signal
from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_SECONDS = 0.5


def hold_signals() -> None:
    """Keep the signals that end the process for `wait_for_signal`. To be called before the first thread is started."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def wait_for_signal(is_needed: Callable[[], bool] = lambda: True) -> None:
    """Wait for a signal that ends the process, or until `is_needed` is false. A second one ends it at once."""
    while is_needed() and not signal.sigtimedwait(_SIGNALS, _LOOK_SECONDS):
        pass
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

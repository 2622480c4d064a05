"""Where whatever captures in this process says how to finish what it has in hand.

Capture and recall are siblings that do not import each other; this registry is all they share. The
capture runtime registers its flush; the public face registers how to learn when no runtime does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memori_storage.store import Store

Flush = Callable[[float], bool]
"""Finish within so many seconds; whether everything is stored."""

Learn = Callable[["Store"], int]
"""Do the open jobs of a store that are free now; how many were done."""

_lock = threading.Lock()
_flushes: list[Flush] = []
_learners: list[Learn] = []


def register(flush: Flush) -> None:
    """Have ``RecallClient.flush`` call ``flush`` with the seconds left; once per callable."""
    with _lock:
        if flush not in _flushes:
            _flushes.append(flush)


def unregister(flush: Flush) -> None:
    """Undo :func:`register`; nothing happens if it was not registered."""
    with _lock:
        if flush in _flushes:
            _flushes.remove(flush)


def register_learner(learn: Learn) -> None:
    """Name what learns inside ``RecallClient.flush`` when no runtime of this process does."""
    with _lock:
        _learners[:] = [learn]


def flush_registered(deadline: float) -> bool:
    """Call every registered flush in turn; whether all of them say that they are done.

    Args:
        deadline: In ``time.monotonic()`` seconds.
    """
    with _lock:
        flushes = list(_flushes)
    # All are asked, also after one that is not done.
    done = [flush(max(0.0, deadline - time.monotonic())) for flush in flushes]
    return all(done)


def inline_learner() -> Learn | None:
    """What learns here and now: the registered learner, unless a runtime of this process does."""
    with _lock:
        return None if _flushes or not _learners else _learners[0]

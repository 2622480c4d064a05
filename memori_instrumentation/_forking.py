"""Forking while our threads work: the fork waits until they hold nothing a child could need.

A forked child has none of the parent's threads but all of their locks as they were: a module that
was being imported stays half imported, a connection pool stays locked. So our threads say when
they are at work, and a fork of the process first lets them finish what they have in hand: an
import, a write, a job; milliseconds as a rule.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 5.0
"""Seconds that a fork waits at most."""


class ForkGate:
    """Lets threads work together, and forks only while none does."""

    def __init__(self) -> None:
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._close, after_in_parent=self._open, after_in_child=self._reset
            )

    def _reset(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._mine = threading.local()

    @contextmanager
    def working(self) -> Iterator[None]:
        """While in here, a fork in another thread waits. May be entered again by its own thread."""
        with self._condition:
            self._inside += 1
        self._mine.depth = getattr(self._mine, "depth", 0) + 1
        try:
            yield
        finally:
            self._mine.depth -= 1
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    def _close(self) -> None:
        self._condition.acquire()
        # A thread of ours that forks itself does not wait for itself.
        own = getattr(self._mine, "depth", 0)
        self._condition.wait_for(lambda: self._inside <= own, _PATIENCE)

    def _open(self) -> None:
        self._condition.release()


gate = ForkGate()

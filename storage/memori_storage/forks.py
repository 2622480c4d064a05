"""Who is to be told when a process was forked: what holds connections leaves them to the parent."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that holds connections."""

    def after_fork(self) -> None:
        """Leave the parent's connections alone; called in the child."""
        ...


_ALIVE: weakref.WeakSet[Forkable] = weakref.WeakSet()


def tell(holder: Forkable) -> None:
    """Tell ``holder``, as long as it lives, of each fork, in the child."""
    _ALIVE.add(holder)


def _after_fork() -> None:
    for holder in list(_ALIVE):
        holder.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

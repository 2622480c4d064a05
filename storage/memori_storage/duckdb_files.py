"""DuckDB files: open in one process at a time, written by one thread at a time."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import URL

_gates: dict[str, AbstractContextManager[Any]] = {}
_gates_lock = threading.Lock()
_inherited: set[str] = set()


def gate_of_writers(url: URL) -> AbstractContextManager[Any]:
    """The lock that this process's writers of one file share.

    DuckDB lets everybody write and refuses whoever commits second. A lock spares most of that.
    """
    with _gates_lock:
        return _gates.setdefault(_file(url), threading.RLock())


def inherit(url: URL) -> None:
    """Note in a forked child that its parent has a file open."""
    global _gates, _gates_lock
    _gates, _gates_lock = {}, threading.Lock()
    _inherited.add(_file(url))


def is_inherited(url: URL) -> bool:
    """Whether the process that this one was forked from had a file open.

    DuckDB would go on with the parent's database, whose threads and locks are not here.
    """
    return bool(_inherited) and _file(url) in _inherited


def _file(url: URL) -> str:
    return str(Path(str(url.database)).resolve())

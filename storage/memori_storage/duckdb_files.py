"""DuckDB files: open in one process at a time, written by one thread at a time."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from memori_storage.store import StoreConfigurationError

_MAGIC, _AT = b"DUCK", 8
"""What a DuckDB file has in its header, and where."""

_gates: dict[str, AbstractContextManager[Any]] = {}
_gates_lock = threading.Lock()
_inherited: set[str] = set()


def checked(url: URL, *, create: bool) -> URL:
    """A file's URL with its whole path, after making sure that DuckDB can open it.

    Raises:
        StoreConfigurationError: If it cannot.
    """
    path = Path(str(url.database)).absolute()
    try:
        with path.open("rb") as file:
            header = file.read(_AT + len(_MAGIC))
    except FileNotFoundError:
        if create and path.parent.is_dir():
            return url.set(database=str(path))
        problem = (
            "there is no such file"
            if path.parent.is_dir()
            else f"the directory {path.parent} does not exist: create it"
        )
    except OSError as error:
        problem = f"{error.strerror}; choose a file that this user may write to"
    else:
        if header[_AT:] == _MAGIC:
            return url.set(database=str(path))
        problem = "it is no DuckDB database; choose another file"
    raise StoreConfigurationError(f"cannot open the database {path}: {problem}")


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

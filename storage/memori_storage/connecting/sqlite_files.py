"""SQLite files of ours: who may read them, and the settings of their connections."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from memori_storage.database import BUSY_TIMEOUT
from memori_storage.store import StoreConfigurationError

_HEADER = b"SQLite format 3\x00"


def check(path: Path, *, create: bool) -> None:
    """Make sure that an SQLite file can be opened and written; create it for its owner's eyes only.

    SQLite gives its ``-wal`` and ``-shm`` files the permissions of the database file.
    """
    try:
        if create:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
    except FileNotFoundError:
        problem = (
            f"the directory {path.parent} does not exist: create it"
            if create or not path.parent.is_dir()
            else "there is no such file"
        )
        raise StoreConfigurationError(f"cannot open the database {path}: {problem}") from None
    except OSError as error:
        raise StoreConfigurationError(
            f"cannot open the database {path}: {error.strerror}; choose a file in a directory "
            "that this user may write to"
        ) from None
    if header not in (b"", _HEADER):
        raise StoreConfigurationError(
            f"cannot open the database {path}: it is no SQLite database; choose another file"
        )
    if not os.access(path, os.W_OK) or not os.access(path.resolve().parent, os.W_OK):
        raise StoreConfigurationError(
            f"cannot open the database {path}: this user may not write to it or its directory"
        )


def configure(link: Any, _record: Any) -> None:
    """Settings of a new SQLite connection of ours.

    WAL lets readers and a writer work at once. With it, ``synchronous=NORMAL`` cannot corrupt the
    database; a power failure may cost the last transactions, a crash of the process costs none.
    """
    configure_guest(link)
    cursor = link.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    deadline = time.monotonic() + BUSY_TIMEOUT
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "memory"):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break  # where WAL is impossible (network drives) SQLite keeps its mode
        except sqlite3.OperationalError as error:
            # Changing the mode does not wait for other connections as other statements do.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    cursor.close()


def configure_guest(link: Any, _record: Any = None) -> None:
    """Settings of a connection of ours to a file of the app's: none that outlives it."""
    cursor = link.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()

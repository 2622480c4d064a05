"""Which connections other threads than their own may use."""

from __future__ import annotations

import sqlite3
from threading import Thread
from typing import Any


def are_kept_out(connection: Any) -> bool:
    """Whether an SQLite connection refuses other threads, as ``sqlite3.connect`` makes them unless
    told otherwise. It does not say so: another thread has to try."""
    refused: list[bool] = []

    def look() -> None:
        try:
            connection.execute("SELECT 1").close()
        except sqlite3.ProgrammingError:
            refused.append(True)

    thread = Thread(target=look, name="memori-look")
    thread.start()
    thread.join()
    return bool(refused)

"""Transactions on an SQLAlchemy engine, with the errors that stores promise."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Insert, Table
from sqlalchemy import exc as sqla
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.pool import StaticPool

from memori_storage.store import StoreConfigurationError, StoreError, StoreUnavailableError

T = TypeVar("T")

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another writer of an SQLite database, or for a free connection."""

_CHUNK = 500
_DEADLOCK_STATES = {"40001", "40P01"}
_MYSQL_DEADLOCK = 1213
_TRIES = 4
_MISSING_TABLE_STATES = {"42P01", "42S02"}
_MYSQL_MISSING_TABLE = 1146
# https://www.sqlite.org/rescode.html
_SQLITE_UNUSABLE = {
    8: "it is read-only: make the file and its directory writable",
    11: "the file is damaged: restore it from a backup",
    26: "the file is no SQLite database: choose another file",
}


class Database:
    """An engine and how to run transactions on it.

    Args:
        engine: The engine.
        owned: Whether it is ours: configured for us, and disposed of in :meth:`close`.
    """

    def __init__(self, engine: Engine, *, owned: bool) -> None:
        self.dialect = engine.dialect.name
        self.name = engine.url.render_as_string(hide_password=True)
        self._engine = engine
        self._owned = owned
        self.at_fork: list[Callable[[], None]] = []
        """Called in a forked child, before anything else uses this object there."""
        self._inherited: list[Any] = []
        if not owned and self.dialect in ("postgresql", "mysql", "mariadb"):
            # The engine's default may be AUTOCOMMIT. This is a view of it on the same pool.
            self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        # One connection for all threads: one transaction at a time.
        self._shared = isinstance(engine.pool, StaticPool)
        self._gate = self._new_gate()
        _OPEN.add(self)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction that sees one state of an SQLite database."""
        return self._run(work, "BEGIN")

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction, again if it was the victim of a deadlock or lost its link.

        Raises:
            StoreUnavailableError: For what may pass: no connection, locked, full.
            StoreConfigurationError: For what will not: read-only, no database.
            StoreError: For anything else the database refused.
        """
        # A transaction that turns into a writer later fails at once if another wrote meanwhile.
        return self._run(work, "BEGIN IMMEDIATE")

    def close(self) -> None:
        """Dispose of the engine if it is ours."""
        if self._owned:
            self._engine.dispose()

    def after_fork(self) -> None:
        """Leave the parent's connections alone; neither use nor close them in this process."""
        for callback in self.at_fork:
            callback()
        if self._shared:
            return  # an in-memory database, copied whole
        self._gate = self._new_gate()
        self._inherited.append(self._engine.pool)
        if self._owned:
            self._engine.dispose(close=False)

    def _new_gate(self) -> AbstractContextManager[Any]:
        return threading.RLock() if self._shared else nullcontext()

    def _run(self, work: Callable[[Connection], T], begin: str) -> T:
        for tries_left in reversed(range(_TRIES)):
            try:
                with self._gate, self._engine.connect() as connection, connection.begin():
                    if self.dialect == "sqlite":
                        self._begin_sqlite(connection, begin)
                    return work(connection)
            except sqla.SQLAlchemyError as error:
                if tries_left and _worth_another_try(error):
                    continue
                raise self._as_store_error(error) from error
        raise AssertionError("unreachable")

    def _begin_sqlite(self, connection: Connection, begin: str) -> None:
        """Start the transaction ourselves: Python's sqlite3 would only at the first change.

        Under any of its transaction modes it commits and rolls back what was begun so.
        """
        link: Any = connection.connection.driver_connection
        if not self._owned and not link.in_transaction:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        if not link.in_transaction:
            connection.exec_driver_sql(begin)

    def _as_store_error(self, error: sqla.SQLAlchemyError) -> StoreError:
        origin = getattr(error, "orig", None)
        said = " ".join(str(origin or error).split("\n")[0].split())
        sqlite_code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
        if reason := _SQLITE_UNUSABLE.get(sqlite_code):
            return StoreConfigurationError(f"cannot use {self.name}: {reason}")
        if _is_missing_table(origin):
            return StoreError(f"{self.name} lacks our tables ({said}): call migrate() first")
        passing = isinstance(
            error, sqla.OperationalError | sqla.InterfaceError | sqla.TimeoutError
        ) or getattr(error, "connection_invalidated", False)
        if passing:
            return StoreUnavailableError(f"{self.name} is not available now: {said}")
        return StoreError(f"{self.name} refused: {said}")


def _state(origin: object) -> Any:
    """The SQLSTATE of a driver's error, or its number where it has none."""
    arguments = getattr(origin, "args", ())
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    return state or (arguments[0] if arguments else None)


def _is_missing_table(origin: object) -> bool:
    state = _state(origin)
    return (
        state in _MISSING_TABLE_STATES
        or state == _MYSQL_MISSING_TABLE
        or (isinstance(state, str) and state.startswith("no such table"))
    )


def _worth_another_try(error: sqla.SQLAlchemyError) -> bool:
    """Whether the transaction was rolled back for a reason that is gone at the next try."""
    if not isinstance(error, sqla.DBAPIError):
        return False
    state = _state(error.orig)
    return error.connection_invalidated or state in _DEADLOCK_STATES or state == _MYSQL_DEADLOCK


_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()


def _after_fork() -> None:
    for database in list(_OPEN):
        database.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[Sequence[T]]:
    """``values`` in pieces that fit the ``IN`` list of every database."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def insert_missing(dialect: str, table: Table, *, fill: str = "key") -> Insert:
    """An ``INSERT`` into ``table`` that leaves rows alone whose primary key is there.

    Args:
        dialect: Name of the SQLAlchemy dialect.
        table: Where to insert.
        fill: A column of the primary key, for databases that know it only as an update to nothing.
    """
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect in ("mysql", "mariadb"):
        # INSERT IGNORE would also hide values that do not fit.
        insert = mysql.insert(table)
        return insert.on_duplicate_key_update({fill: table.c[fill]})
    raise StoreConfigurationError(f"{dialect} databases are not supported yet")

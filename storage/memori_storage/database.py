"""Transactions on an SQLAlchemy engine, with the errors that stores promise."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Insert, Table
from sqlalchemy import exc as sqla
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.pool import StaticPool

from memori_storage import duckdb_files, forks, naming, support
from memori_storage.store import StoreConfigurationError, StoreError, StoreUnavailableError

T = TypeVar("T")

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another writer of an SQLite database, or for a free connection."""

_TRIES = 4
_PAUSE = 0.05
_LONG_PAUSE = 1.0
"""Seconds, at most, before another try: after a collision, and after waiting in vain for a lock."""
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
        lend: Entered around each transaction, where the one connection is somebody else's.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        owned: bool,
        lend: Callable[[], AbstractContextManager[Any]] | None = None,
    ) -> None:
        self.dialect = engine.dialect.name
        self.name = engine.url.render_as_string(hide_password=True)
        self._given = self._engine = engine
        self._owned = owned
        self.at_fork: list[Callable[[], None]] = []
        """Called in a forked child, before anything else uses this object there."""
        self._inherited: list[Any] = []
        self.schema: str | None = None
        """The schema that our tables are in, if not the connection's own."""
        self._lend = lend or nullcontext
        if not owned and lend is None and self.dialect in support.SERVERS:
            # The engine's default may be AUTOCOMMIT. This is a view of it on the same pool.
            self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        # One connection for all threads: one transaction at a time.
        self._shared = isinstance(engine.pool, StaticPool)
        self._one_process = self.dialect == "duckdb" and not self._shared
        self._gate = self._new_gate()
        forks.tell(self)

    def name_tables(self, prefix: str | None, schema: str | None) -> None:
        """Call our tables otherwise, before the first use.

        Args:
            prefix: What their names begin with.
            schema: The schema that they are in; of PostgreSQL.

        Raises:
            StoreConfigurationError: If that is no prefix or no schema.
        """
        if prefix is not None and naming.checked_prefix(prefix) != naming.PREFIX:
            # Of the engine that was given: early releases of SQLAlchemy take no listener on a view
            # of a view.
            options = self._engine.get_execution_options()
            self._engine = naming.renaming(self._given, prefix, options)
        if schema is not None:
            self.schema = naming.checked_schema(schema, self.dialect)

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
        with duckdb_files.gate_of_writers(self._engine.url) if self._one_process else nullcontext():
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
        if self._one_process:
            duckdb_files.inherit(self._engine.url)
        self._gate = self._new_gate()
        self._inherited.append(self._engine.pool)
        if self._owned:
            self._engine.dispose(close=False)

    def _new_gate(self) -> AbstractContextManager[Any]:
        return threading.RLock() if self._shared else nullcontext()

    def _run(self, work: Callable[[Connection], T], begin: str) -> T:
        if self._one_process and duckdb_files.is_inherited(self._engine.url):
            raise StoreUnavailableError(
                f"{self.name} is open in the process that this one was forked from, and DuckDB "
                "has one process at a time: open the store in one of them only"
            )
        for tries_left in reversed(range(_TRIES)):
            try:
                with (
                    self._gate,
                    self._lend(),
                    self._connect() as connection,
                    connection.begin(),
                ):
                    if self.dialect == "sqlite":
                        self._begin_sqlite(connection, begin)
                    if self.schema is not None:
                        # It goes with the transaction.
                        connection.exec_driver_sql(f'SET LOCAL search_path TO "{self.schema}"')
                    return work(connection)
            except sqla.SQLAlchemyError as raised:
                error = support.first_failure(raised)
                if support.may_be_too_large(error, self.dialect):
                    self._check_size(error)
                if tries_left and support.is_worth_another_try(error):
                    pause = _LONG_PAUSE if support.waited_in_vain(error) else _PAUSE
                    time.sleep(random.uniform(0, pause))  # those who collided part ways
                    continue
                raise self._as_store_error(error) from error
        raise AssertionError("unreachable")

    def _connect(self) -> Connection:
        try:
            return self._engine.connect()
        except self._given.dialect.loaded_dbapi.Error:
            # Where a connection is lost while its isolation level is set, SQLAlchemy lets the
            # driver's error through and keeps all others that may be dead too. This tells it.
            with self._given.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
            return self._engine.connect()

    def _begin_sqlite(self, connection: Connection, begin: str) -> None:
        """Start the transaction ourselves: Python's sqlite3 would only at the first change.

        Under any of its transaction modes it commits and rolls back what was begun so.
        """
        link: Any = connection.connection.driver_connection
        if not self._owned and not link.in_transaction:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        if not link.in_transaction:
            connection.exec_driver_sql(begin)

    def _check_size(self, error: sqla.SQLAlchemyError) -> None:
        """Raise for a row that a MySQL server refuses or hangs up on, at every try."""
        try:
            limit = self._packet_limit()
        except sqla.SQLAlchemyError:
            try:
                limit = self._packet_limit()  # the pool had a second connection that is dead
            except sqla.SQLAlchemyError:
                return  # it is away, whatever the reason
        size = support.largest_row(error)
        if support.is_too_large(error) or size > limit:
            raise StoreError(
                f"{self.name} refused a row of {size} bytes: its max_allowed_packet is {limit}; "
                "set it higher on the server"
            ) from error

    def _packet_limit(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar() or 0)

    def _as_store_error(self, error: sqla.SQLAlchemyError) -> StoreError:
        origin = getattr(error, "orig", None)
        said = " ".join(str(origin or error).split("\n")[0].split())
        sqlite_code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
        if reason := _SQLITE_UNUSABLE.get(sqlite_code):
            return StoreConfigurationError(f"cannot use {self.name}: {reason}")
        if reason := support.unusable(error):
            return StoreConfigurationError(f"cannot use {self.name} ({said}): {reason}")
        if support.held_elsewhere(error):
            return StoreUnavailableError(
                f"{self.name} is open in another process, and DuckDB has one at a time: "
                "close it there, or give each process a database of its own"
            )
        if support.is_missing_table(origin):
            return StoreError(f"{self.name} lacks our tables ({said}): call migrate() first")
        passing = isinstance(
            error, sqla.OperationalError | sqla.InterfaceError | sqla.TimeoutError
        ) or getattr(error, "connection_invalidated", False)
        if passing:
            return StoreUnavailableError(f"{self.name} is not available now: {said}")
        return StoreError(f"{self.name} refused: {said}")


def insert_missing(dialect: str, table: Table, *, fill: str = "key") -> Insert:
    """An ``INSERT`` into ``table`` that leaves rows alone whose primary key is there.

    Args:
        dialect: Name of the SQLAlchemy dialect.
        table: Where to insert.
        fill: A column of the primary key, for databases that know it only as an update to nothing.
    """
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    if dialect in ("postgresql", "duckdb"):
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect in ("mysql", "mariadb"):
        # INSERT IGNORE would also hide values that do not fit.
        insert = mysql.insert(table)
        return insert.on_duplicate_key_update({fill: table.c[fill]})
    raise StoreConfigurationError(f"{dialect} databases are not supported yet")

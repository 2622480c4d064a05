"""A connection that the caller uses too: lent to us for one transaction at a time.

It is never closed here. While a transaction of the caller's is open, nothing is done; what it is
set to otherwise (rows, cursors, when transactions begin) is put back after each of ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, RLock
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import URL, Engine
from sqlalchemy.pool import StaticPool

from memori_storage import support
from memori_storage.connecting import factories, threads, urls
from memori_storage.connecting.drivers import Driver, looked_up
from memori_storage.database import Database
from memori_storage.store import StoreConfigurationError, StoreUnavailableError


def adopt(connection: Any, driver: Driver) -> Database:
    """The database of a connection that stays the caller's.

    Raises:
        StoreConfigurationError: If other threads may not use it, or its kind is not supported.
        StoreUnavailableError: If it has a transaction open, or is closed.
    """
    urls.check_supported(driver.backend)
    if driver.backend == "duckdb":
        # Its cursors are connections of their own to the same database, with transactions of
        # their own.
        return Database(factories.pooled_duckdb(connection.cursor), owned=True)
    loan = _Loan(connection, driver)
    loan.check()
    if driver.backend == "sqlite" and threads.are_kept_out(connection):
        raise StoreConfigurationError(
            "this SQLite connection is for the thread that made it, and turns are stored in "
            "another one: make it with check_same_thread=False, or give the file's URL"
        )
    return Database(loan.engine, owned=False, lend=loan)


_locks: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Locks of the stores that share a connection, by its identity."""
_making = Lock()


def _lock_of(connection: Any) -> Any:
    # By identity: connections of some drivers cannot be referred to weakly. Each loan keeps its
    # connection, so that no other object has its identity meanwhile.
    with _making:
        return _locks.setdefault(id(connection), RLock())


class _Loan:
    """The terms on which a connection is lent."""

    def __init__(self, connection: Any, driver: Driver) -> None:
        self._connection = connection
        self._driver = driver
        self._lock = _lock_of(connection)
        self._pid = os.getpid()
        self._initialized = False
        self.engine = _engine_over(connection, driver)

    def check(self) -> None:
        """Raise unless the connection can be used now."""
        if os.getpid() != self._pid:
            raise StoreUnavailableError(
                "the connection that was given is of the process that this one was forked from: "
                "give a database URL or a function that makes connections"
            )
        if self._driver.is_closed(self._connection):
            raise StoreUnavailableError("the connection that was given is closed")
        try:
            is_open = self._driver.is_open(self._connection)
        except Exception as error:
            raise StoreUnavailableError(
                f"the connection that was given cannot be used now: {type(error).__name__}"
            ) from error
        if is_open:
            raise StoreUnavailableError(
                "the connection that was given has a transaction open, which is yours: commit it "
                "or roll it back first; with a database URL, or a function that makes "
                "connections, memory gets connections of its own"
            )

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The connection, set as we need it and afterwards as it was."""
        with ExitStack() as kept:
            kept.enter_context(self._lock)
            self.check()
            self._set(kept, looked_up(self._driver.rows))
            self._set(kept, looked_up(self._driver.transactions))
            if self._driver.backend == "sqlite":
                self._keep_busy_timeout(kept)
            elif self._driver.backend in support.MYSQL_FAMILY:
                self._isolate_mysql(kept)
            if not self._initialized:
                with self.engine.connect() as first:
                    self.engine.dialect.initialize(first)
                self._initialized = True
            yield

    def _set(self, kept: ExitStack, settings: dict[str, Any]) -> None:
        connection = self._connection
        for name, value in settings.items():
            if not hasattr(connection, name):
                continue  # a setting of newer releases
            before = getattr(connection, name)
            if before is not value:
                setattr(connection, name, value)
                kept.callback(setattr, connection, name, before)

    def _keep_busy_timeout(self, kept: ExitStack) -> None:
        (before,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
        kept.callback(self._connection.execute, f"PRAGMA busy_timeout = {int(before)}")

    def _isolate_mysql(self, kept: ExitStack) -> None:
        connection = self._connection
        if self._driver.calls_autocommit and connection.get_autocommit():
            connection.autocommit(False)
            kept.callback(connection.autocommit, True)
        cursor = connection.cursor()
        # Of the next transaction alone.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.close()


def _engine_over(connection: Any, driver: Driver) -> Engine:
    """An engine over one connection that it neither closes nor sets up.

    ``create_engine`` would set each connection up for the dialect: with psycopg2 it changes what
    the caller reads of UUIDs, with sqlite3 it defines functions.
    """
    url = URL.create(driver.dialect)
    kind: Any = url.get_dialect()
    dialect: Any = kind(dbapi=kind.import_dbapi())
    dialect.do_close = dialect.do_terminate = lambda _connection: None
    pool = StaticPool(lambda: connection, dialect=dialect, reset_on_return=None)
    return Engine(pool, dialect, url)

"""Functions that return a new connection at each call: the form for drivers without SQLAlchemy."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from memori_storage.connecting import drivers, engines, threads, urls
from memori_storage.connecting.drivers import Driver
from memori_storage.database import Database
from memori_storage.store import StoreConfigurationError, StoreUnavailableError


def from_factory(factory: Callable[[], Any]) -> Database:
    """The database that a function's connections are of. They are ours, and closed by us.

    The function is called at once, to see what it makes. A session or an engine counts as given.
    """
    made = _made(factory)
    if engines.is_bound(made):
        if isinstance(made, Session):
            made.close()
        return engines.from_bound(made)
    driver = drivers.driver_of(made)
    if driver is None:
        raise StoreConfigurationError(_refusal(made))
    urls.check_supported(driver.backend)
    first = deque([made])

    def connect() -> Any:
        try:
            connection = first.pop()
        except IndexError:
            connection = factory()
        return driver.with_plain_rows(connection)

    return Database(_engine_over(connect, made, driver, first), owned=True)


def _made(factory: Callable[[], Any]) -> Any:
    try:
        return factory()
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise StoreConfigurationError(
                "the function that makes connections must take no arguments: wrap it in a lambda"
            ) from None
        raise
    except Exception as error:
        # What a driver says may hold a password.
        raise StoreUnavailableError(
            f"the function that makes connections raised {type(error).__name__}"
        ) from error


def _refusal(made: Any) -> str:
    if inspect.iscoroutine(made):
        made.close()
    if inspect.iscoroutine(made) or inspect.isasyncgen(made):
        return "the function that makes connections is asynchronous: give a synchronous one"
    if inspect.isgenerator(made):
        return "the function that makes connections yields: give one that returns a connection"
    return (
        f"the function that makes connections returned {type(made).__name__}, which is no "
        "connection of a driver that is known: give a database URL"
    )


def _engine_over(
    connect: Callable[[], Any], made: Any, driver: Driver, first: deque[Any]
) -> Engine:
    if driver.backend == "duckdb":
        return pooled_duckdb(connect)
    if driver.backend == "sqlite" and _is_in_memory(made):
        raise StoreConfigurationError(
            "each connection that this function makes is a database in memory of its own: "
            "give one connection, or a function for a file"
        )
    if driver.backend == "sqlite" and threads.are_kept_out(made):
        first.clear()
        made.close()
        # Whichever thread comes makes a connection for itself, and closes it.
        return urls.engine_over(driver.dialect, connect, poolclass=NullPool)
    return urls.engine_over(driver.dialect, connect)


def pooled_duckdb(connect: Callable[[], Any]) -> Engine:
    """An engine over connections of DuckDB's own, which its dialect wants wrapped."""
    try:
        from duckdb_engine import ConnectionWrapper
    except ImportError as error:
        raise urls.without_driver(URL.create("duckdb"), error) from None
    return urls.engine_over("duckdb", lambda: ConnectionWrapper(connect()))


def _is_in_memory(connection: Any) -> bool:
    rows = connection.execute("PRAGMA database_list").fetchall()
    return not any(tuple(row)[1:] and tuple(row)[2] for row in rows)

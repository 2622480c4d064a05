"""Engines of SQLAlchemy's, and what is bound to one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import SingletonThreadPool

from memori_storage.connecting import urls
from memori_storage.database import Database
from memori_storage.store import StoreConfigurationError

_SYNCHRONOUS = {
    "sqlite+aiosqlite": "sqlite",
    "postgresql+asyncpg": "postgresql",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql+aiomysql": "mysql+pymysql",
    "mysql+asyncmy": "mysql+pymysql",
    "mariadb+aiomysql": "mariadb+pymysql",
    "mariadb+asyncmy": "mariadb+pymysql",
}
"""The driver that reaches the same database from threads, by an asynchronous one."""
_RENAMED = {"ssl": "sslmode"}
"""What asyncpg calls otherwise than libpq in URLs."""
_ASYNCPG_ONLY = {"prepared_statement_cache_size", "prepared_statement_name_func"}


def is_bound(database: Any) -> bool:
    """Whether it is an object of SQLAlchemy's that has an engine, or should have."""
    return isinstance(
        database, Engine | Connection | Session | sessionmaker | scoped_session
    ) or hasattr(_unwrapped(database), "sync_engine")


def from_bound(database: Any) -> Database:
    """The database of an engine; an engine that was given stays the caller's."""
    engine = _engine_of(database)
    if engine.dialect.is_async:
        return Database(urls.engine_for(_synchronous(engine), create=True), owned=True)
    if isinstance(engine.pool, SingletonThreadPool):
        raise StoreConfigurationError(
            "this in-memory SQLite engine has one database per thread: create it with "
            "poolclass=StaticPool and connect_args={'check_same_thread': False}"
        )
    urls.check_supported(engine.dialect.name)
    return Database(engine, owned=False)


def _unwrapped(database: Any) -> Any:
    """What a session or its maker is bound to; anything else as it is."""
    if isinstance(database, scoped_session):
        database = database.session_factory
    if isinstance(getattr(database, "kw", None), dict):  # sessionmaker, async_sessionmaker
        return database.kw.get("bind")
    if isinstance(database, Session):
        return database.bind
    return database


def _engine_of(database: Any) -> Engine:
    bind = _unwrapped(database)
    bind = getattr(bind, "sync_engine", bind)
    if isinstance(bind, Engine):
        return bind
    kind = type(database).__name__
    if isinstance(bind, Connection):
        raise StoreConfigurationError(
            f"this {kind} is a single Connection, whose transaction is yours: give its Engine"
        )
    raise StoreConfigurationError(
        f"this {kind} is bound to no engine: give the Engine or a database URL"
    )


def _synchronous(engine: Engine) -> URL:
    """The URL by which our threads reach the database of an asynchronous engine.

    Its connections belong to an event loop; ours must work without one.
    """
    url = engine.url
    driver = _SYNCHRONOUS.get(f"{url.get_backend_name()}+{engine.dialect.driver}")
    if driver is None:
        raise StoreConfigurationError(
            f"no synchronous driver is known for {url.drivername}: give a database URL"
        )
    if driver == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreConfigurationError(
            "this asynchronous engine is a database in memory, which only its own connection "
            "sees: give a file, or a URL for the memories"
        )
    if engine.dialect.driver == "asyncpg":
        query = {_RENAMED.get(key, key): value for key, value in url.query.items()}
        url = url.set(query={k: v for k, v in query.items() if k not in _ASYNCPG_ONLY})
    return urls.parsed(url.set(drivername=driver))

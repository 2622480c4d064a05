"""From what a user calls a database to an engine, with one clear line for each way to err."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy import exc as sqla
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from memori_storage import support
from memori_storage.database import BUSY_TIMEOUT, Database
from memori_storage.store import StoreConfigurationError

_DISTRIBUTION = "memori-instrumentation"
_EXAMPLES = "sqlite:///memori.db or postgresql://user@host/database"
_CONNECT_SECONDS = 10
_SQLITE_HEADER = b"SQLite format 3\x00"


def open_database(database: Any, *, create: bool) -> Database:
    """The database behind a URL or an SQLAlchemy object; see :func:`memori_storage.open_store`."""
    if isinstance(database, str | URL):
        return Database(_engine_for(_parsed(database), create=create), owned=True)
    engine = _bound_engine(database)
    if engine.dialect.is_async:
        raise StoreConfigurationError(
            f"{type(database).__name__} uses the asynchronous driver {engine.dialect.driver}: "
            "give a database URL or a synchronous Engine"
        )
    if isinstance(engine.pool, SingletonThreadPool):
        raise StoreConfigurationError(
            "this in-memory SQLite engine has one database per thread: create it with "
            "poolclass=StaticPool and connect_args={'check_same_thread': False}"
        )
    _check_supported(engine.dialect.name)
    return Database(engine, owned=False)


def _bound_engine(database: Any) -> Engine:
    if isinstance(database, scoped_session):
        database = database.session_factory
    bind = database
    if isinstance(database, sessionmaker):
        bind = database.kw.get("bind")
    elif isinstance(database, Session):
        bind = database.bind
    bind = getattr(bind, "sync_engine", bind)  # AsyncEngine
    if isinstance(bind, Engine):
        return bind
    kind = type(database).__name__
    if bind is None and database is not None:
        raise StoreConfigurationError(
            f"this {kind} is bound to no engine: give the Engine or a database URL"
        )
    if isinstance(bind, Connection):
        raise StoreConfigurationError(
            f"this {kind} is a single Connection, whose transaction is yours: give its Engine"
        )
    raise StoreConfigurationError(
        f"database must be a URL such as {_EXAMPLES}, an SQLAlchemy Engine or sessionmaker, "
        f"not {kind}"
    )


def _check_supported(dialect: str) -> None:
    if dialect not in support.SUPPORTED:
        raise StoreConfigurationError(
            f"{dialect} databases are not supported: use one of {', '.join(support.SUPPORTED)}"
        )


def _parsed(database: str | URL) -> URL:
    try:
        url = make_url(database)
    except (sqla.ArgumentError, ValueError):
        # What was given may hold a password: it is not repeated.
        raise StoreConfigurationError(
            f"the database URL cannot be read: write it like {_EXAMPLES}, "
            "with special characters of a password percent-encoded"
        ) from None
    url = support.with_driver(url)
    backend = url.get_backend_name()
    _check_supported(backend)
    try:
        dialect = url.get_dialect()
    except sqla.NoSuchModuleError:
        raise StoreConfigurationError(
            f"no database driver is called {url.drivername}: write {backend}:// for the default one"
        ) from None
    if dialect.is_async:
        raise StoreConfigurationError(
            f"{url.drivername} is an asynchronous driver: write {backend}:// instead"
        )
    return url


def _engine_for(url: URL, *, create: bool) -> Engine:
    backend = url.get_backend_name()
    in_memory = backend not in support.SERVERS and url.database in (None, "", ":memory:")
    options: dict[str, Any] = {"connect_args": support.timeout_arguments(url, _CONNECT_SECONDS)}
    if backend == "sqlite":
        options["connect_args"] = {"timeout": BUSY_TIMEOUT}
        if in_memory:
            options["connect_args"]["check_same_thread"] = False
    elif backend in support.SERVERS:
        options.update(pool_pre_ping=True, pool_recycle=1800, isolation_level="READ COMMITTED")
    if in_memory:
        options["poolclass"] = StaticPool
    else:
        options.update(pool_size=5, max_overflow=11, pool_timeout=BUSY_TIMEOUT)
    engine = _created(url, options)
    support.prepare(engine)
    if backend == "sqlite":
        if not in_memory and not str(url.database).startswith("file:"):
            _check_file(Path(str(url.database)), create=create)
        event.listen(engine, "connect", _configure_sqlite)
    return engine


def _created(url: URL, options: dict[str, Any]) -> Engine:
    name = url.render_as_string(hide_password=True)
    try:
        return create_engine(url, **options)
    except ImportError as error:
        extra = support.extra_for(url)
        package = f"{_DISTRIBUTION}[{extra}]" if extra else error.name
        raise StoreConfigurationError(
            f"the driver for {name} is not installed: pip install '{package}'"
        ) from None
    except (sqla.ArgumentError, TypeError, ValueError) as error:
        raise StoreConfigurationError(f"cannot use {name}: {error}") from None


def _check_file(path: Path, *, create: bool) -> None:
    """Make sure that an SQLite file can be opened and written; create it for its owner's eyes only.

    SQLite gives its ``-wal`` and ``-shm`` files the permissions of the database file.
    """
    try:
        if create:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with path.open("rb") as file:
            header = file.read(len(_SQLITE_HEADER))
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
    if header not in (b"", _SQLITE_HEADER):
        raise StoreConfigurationError(
            f"cannot open the database {path}: it is no SQLite database; choose another file"
        )
    if not os.access(path, os.W_OK) or not os.access(path.resolve().parent, os.W_OK):
        raise StoreConfigurationError(
            f"cannot open the database {path}: this user may not write to it or its directory"
        )


def _configure_sqlite(link: Any, _record: Any) -> None:
    """Settings of a new SQLite connection of ours.

    WAL lets readers and a writer work at once. With it, ``synchronous=NORMAL`` cannot corrupt the
    database; a power failure may cost the last transactions, a crash of the process costs none.
    """
    cursor = link.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
    cursor.execute("PRAGMA foreign_keys = ON")
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

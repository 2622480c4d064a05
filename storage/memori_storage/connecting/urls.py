"""Database URLs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy import exc as sqla
from sqlalchemy.pool import QueuePool, StaticPool

from memori_storage import duckdb_files, support
from memori_storage.connecting import sqlite_files
from memori_storage.database import BUSY_TIMEOUT, Database
from memori_storage.store import StoreConfigurationError

_DISTRIBUTION = "memori-instrumentation"
EXAMPLES = "sqlite:///memori.db or postgresql://user@host/database"
_CONNECT_SECONDS = 10
_POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 11, "pool_timeout": BUSY_TIMEOUT}
_SERVER: dict[str, Any] = {
    "pool_pre_ping": True,
    "pool_recycle": 1800,
    "isolation_level": "READ COMMITTED",
}


def from_url(database: str | URL, *, create: bool) -> Database:
    """A database of ours behind a URL."""
    return Database(engine_for(parsed(database), create=create), owned=True)


def check_supported(dialect: str) -> None:
    """Refuse a kind of database that we do not store in."""
    if dialect not in support.SUPPORTED:
        raise StoreConfigurationError(
            f"{dialect} databases are not supported: use one of {', '.join(support.SUPPORTED)}"
        )


def parsed(database: str | URL) -> URL:
    """A URL that names a database and a driver that we can use."""
    try:
        url = make_url(database)
    except (sqla.ArgumentError, ValueError):
        # What was given may hold a password: it is not repeated.
        raise StoreConfigurationError(
            f"the database URL cannot be read: write it like {EXAMPLES}, "
            "with special characters of a password percent-encoded"
        ) from None
    url = support.with_driver(url)
    backend = url.get_backend_name()
    check_supported(backend)
    try:
        dialect = url.get_dialect()
    except ImportError as error:
        raise without_driver(url, error) from None
    except sqla.NoSuchModuleError as error:
        if url.drivername == backend and support.extra_for(url):
            raise without_driver(url, error) from None  # the dialect itself comes with it
        raise StoreConfigurationError(
            f"no database driver is called {url.drivername}: write {backend}:// for the default one"
        ) from None
    if reason := support.objection(url):
        name = url.render_as_string(hide_password=True)
        raise StoreConfigurationError(f"cannot use {name}: {reason}")
    if dialect.is_async:
        raise StoreConfigurationError(
            f"{url.drivername} is an asynchronous driver: write {backend}:// instead"
        )
    return url


def engine_for(url: URL, *, create: bool) -> Engine:
    """An engine of ours: pooled, with the settings that suit its kind of database."""
    backend = url.get_backend_name()
    in_memory = backend not in support.SERVERS and url.database in (None, "", ":memory:")
    options: dict[str, Any] = {"connect_args": support.timeout_arguments(url, _CONNECT_SECONDS)}
    if backend == "sqlite":
        options["connect_args"] = {"timeout": BUSY_TIMEOUT}
        if in_memory:
            options["connect_args"]["check_same_thread"] = False
    elif backend in support.SERVERS:
        options.update(_SERVER)
    options.update({"poolclass": StaticPool} if in_memory else _POOL)
    if backend == "duckdb" and not in_memory:
        url = duckdb_files.checked(url, create=create)
    engine = _created(url, options)
    support.prepare(engine)
    if backend == "sqlite":
        if not in_memory and not str(url.database).startswith("file:"):
            sqlite_files.check(Path(str(url.database)), create=create)
        event.listen(engine, "connect", sqlite_files.configure)
    return engine


def engine_over(dialect: str, connect: Callable[[], Any], **options: Any) -> Engine:
    """An engine of ours over connections that a function makes.

    Args:
        dialect: SQLAlchemy's name for the driver.
        connect: Makes a connection.
        options: Of ``create_engine``, instead of those of a pool.
    """
    backend = dialect.partition("+")[0]
    given = {"creator": connect, **(options or {"poolclass": QueuePool, **_POOL})}
    engine = _created(URL.create(dialect), given | (_SERVER if backend in support.SERVERS else {}))
    support.prepare(engine)
    if backend == "sqlite":
        event.listen(engine, "connect", sqlite_files.configure_guest)
    return engine


def _created(url: URL, options: dict[str, Any]) -> Engine:
    try:
        return create_engine(url, **options)
    except ImportError as error:
        raise without_driver(url, error) from None
    except (sqla.ArgumentError, TypeError, ValueError) as error:
        name = url.render_as_string(hide_password=True)
        raise StoreConfigurationError(f"cannot use {name}: {error}") from None


def without_driver(url: URL, error: Exception) -> StoreConfigurationError:
    """What to say where the driver of a URL is not installed."""
    name, extra = url.render_as_string(hide_password=True), support.extra_for(url)
    package = f"{_DISTRIBUTION}[{extra}]" if extra else getattr(error, "name", None)
    return StoreConfigurationError(
        f"the driver for {name} is not installed: pip install '{package}'"
    )

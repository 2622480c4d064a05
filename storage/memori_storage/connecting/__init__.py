"""From what a user calls a database to an engine, with one clear line for each way to err.

Each module here knows one kind of thing that a team may have: a URL, an object of SQLAlchemy's, a
function that makes connections, a connection, Django's settings.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL

from memori_storage.connecting import django_settings, drivers, engines, factories, live, urls
from memori_storage.database import Database
from memori_storage.store import StoreConfigurationError


def open_database(database: Any, *, create: bool) -> Database:
    """The database behind what was given; see :func:`memori_storage.open_store`.

    Raises:
        StoreConfigurationError: When it is nothing that names a database, or a kind of database
            that is not supported.
        StoreUnavailableError: When a function that makes connections cannot make one now, or a
            connection that was given has a transaction open.
    """
    if (alias := django_settings.alias_of(database)) is not None:
        return django_settings.from_alias(alias)
    if isinstance(database, str | URL):
        return urls.from_url(database, create=create)
    if engines.is_bound(database):
        return engines.from_bound(database)
    if (driver := drivers.driver_of(database)) is not None:
        return live.adopt(database, driver)
    if callable(database) and not isinstance(database, type):
        return factories.from_factory(database)
    raise StoreConfigurationError(
        f"database must be a URL such as {urls.EXAMPLES}, an SQLAlchemy Engine or sessionmaker, a "
        "DB-API connection or a function that returns one, or a Django alias such as "
        f"django:default, not {type(database).__name__}"
    )

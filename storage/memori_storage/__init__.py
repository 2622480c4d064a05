"""Storage for conversations and memories, independent of what captures them.

:func:`open_store` gives a :class:`~memori_storage.store.Store` for a database URL or an existing
SQLAlchemy connection object. Importing this package imports no database library.
"""

from __future__ import annotations

from typing import Any

from memori_storage import mongo
from memori_storage.store import (
    SchemaTooNewError,
    Store,
    StoreConfigurationError,
    StoreError,
    StoreUnavailableError,
)

__all__ = [
    "SchemaTooNewError",
    "Store",
    "StoreConfigurationError",
    "StoreError",
    "StoreUnavailableError",
    "open_store",
]


def open_store(
    database: Any,
    *,
    create: bool = True,
    table_prefix: str | None = None,
    schema: str | None = None,
) -> Store:
    """The store behind ``database``, without connecting to a server yet.

    The schema is not touched: call :meth:`Store.migrate` before the first use.

    Args:
        database: A database URL; an SQLAlchemy ``URL``, ``Engine``, ``sessionmaker``,
            ``scoped_session``, ``Session``, or their asynchronous likes; a function without
            arguments that returns a DB-API connection; a DB-API connection; ``django:ALIAS`` or a
            connection of Django's; pymongo's ``MongoClient`` or ``Database``; or a ``Store``, which
            is returned as it is. An engine, connection or client that was given stays the
            caller's: it is neither set up anew nor closed. See ``docs/databases.md``.
        create: Whether a missing SQLite file is created, readable by its owner only.
        table_prefix: What the names of our tables, or collections, begin with; default:
            ``memori_``. Stores with different prefixes do not see each other's rows.
        schema: The schema of PostgreSQL that our tables are in, made if it is not there; default:
            the first of the connection's ``search_path``.

    Raises:
        StoreConfigurationError: When no store can be had that way; one line saying what to do,
            with no password in it.
        StoreUnavailableError: When a function that makes connections cannot make one now, or a
            connection that was given has a transaction open.
    """
    # First: pymongo's objects have any attribute that they are asked for, a store's methods too.
    if mongo.handles(database):
        return mongo.open_mongo(database, prefix=table_prefix, schema=schema)
    if isinstance(database, Store):
        return database
    # SQLAlchemy takes longer to import than the rest of a short program: only from here on.
    from memori_storage.connecting import open_database
    from memori_storage.sql import SqlStore

    opened = open_database(database, create=create)
    opened.name_tables(table_prefix, schema)
    return SqlStore(opened)

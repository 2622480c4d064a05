"""The store on MongoDB and on what speaks its protocol.

It promises what :class:`memori_storage.store.Store` does, and asks little of a server: no
transactions, hence no replica set, no ``$lookup``, no aggregation, and no atomic update. What it
builds on is that of two documents with one ``_id`` only one can be inserted.

**One insert is the transaction.** Everything belongs to an *owner*: an entity, or the session of a
turn of nobody. What a call changes for an owner is written as new documents that carry the owner's
next revision and a token of this one attempt. Nobody sees them until the *commit* is inserted, a
small document with ``_id`` ``owner:revision`` and that token. If someone else has committed that
revision first, the insert fails, what was written is taken back, and the work is done again from
what is true now. Readers ask for the owner's commits first and then take from what they read only
what one of them vouches for, up to the newest that they know, so that a read sees one state.

- What a call changes for one owner happens whole or not at all, whatever breaks in between: a lost
  connection, a killed process, a server that fails over. Documents without a commit are never seen,
  and are deleted when a writer meets them.
- A call for several owners commits all of them with one command, but a server that dies in the
  middle of that may have some. Called again, it does the rest: every call is idempotent.
- Nothing is updated in place that others may change at the same time. A change is a newer version
  of a document; the versions it replaced are deleted a minute later, by a later write.
- A job is claimed by inserting its next version. Its worker's lease, not a lock, ends when the
  worker does.

Strings from outside are values, never names of fields or operators; what a provider or a tool may
name freely (message parts, token counts) is kept as JSON text. Times are whole microseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memori_storage.store import StoreConfigurationError

if TYPE_CHECKING:
    from memori_storage.mongo.store import MongoStore

__all__ = ["DEFAULT_PREFIX", "handles", "open_mongo"]

DEFAULT_PREFIX = "memori_"
_SCHEMES = ("mongodb:", "mongodb+srv:")
_INSTALL = "pip install 'memori-instrumentation[mongodb]'"


def handles(database: Any) -> bool:
    """Whether ``database`` names MongoDB or is an object of pymongo's; imports nothing."""
    if isinstance(database, str):
        return database.startswith(_SCHEMES)
    return any(kind.__module__.split(".")[0] == "pymongo" for kind in type(database).__mro__)


def open_mongo(
    database: Any, *, prefix: str | None = None, schema: str | None = None
) -> MongoStore:
    """The store behind ``database``, without connecting to a server yet.

    Args:
        database: A ``mongodb://`` or ``mongodb+srv://`` URL, or pymongo's ``MongoClient``,
            ``Database``, ``AsyncMongoClient`` or ``AsyncDatabase``. A client that was given stays
            the caller's: it is not closed. Of an asynchronous one only the settings are used.
            Where no database is named, it is ``memori``.
        prefix: What the names of our collections begin with; default: ``memori_``.
        schema: Refused: MongoDB has none.

    Raises:
        StoreConfigurationError: When no store can be had that way.
    """
    if schema is not None:
        raise StoreConfigurationError(
            f"schema={schema!r}: MongoDB has no schemas: leave it out, or name another database"
        )
    prefix = DEFAULT_PREFIX if prefix is None else prefix
    try:
        import pymongo  # noqa: F401
    except ImportError:
        raise StoreConfigurationError(
            f"the driver for MongoDB is not installed: {_INSTALL}"
        ) from None
    from memori_storage.mongo.connect import connect
    from memori_storage.mongo.store import MongoStore

    return MongoStore(connect(database, prefix))

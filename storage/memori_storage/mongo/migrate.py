"""Indexes and the version of what is stored, brought up to date by one process at a time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from memori_storage.mongo.documents import (
    COMMITS,
    JOBS,
    MEMORIES,
    MESSAGES,
    SOURCES,
    TURNS,
    VECTORS,
)
from memori_storage.mongo.link import Link
from memori_storage.records import Schema
from memori_storage.store import StoreUnavailableError, known_schema
from memori_storage.values import microseconds

SCHEMA = "schema"
"""The collection of the version and its lock."""
_VERSION, _LOCK = "version", "lock"
LEASE_SECONDS = 15
"""How long the lock outlives its process. Each step renews it. A longer one may be begun by another
process too, which does no harm: an index that is there, or being made, is left as it is."""
_PATIENCE = 120
"""Seconds to wait for another process that migrates."""
_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    COMMITS: (("owner", "revision"),),
    TURNS: (("id",), ("owner", "started_at", "id"), ("session_key", "started_at")),
    MESSAGES: (("id",), ("owner", "revision"), ("session_key", "position"), ("turn_id",)),
    MEMORIES: (("owner", "id"), ("owner", "revision")),
    SOURCES: (("owner", "memory_id"),),
    VECTORS: (("owner", "item_id"), ("owner", "model_key", "revision")),
    JOBS: (("state", "created_at", "_id"), ("turn_id",), ("owner",)),
}


Step = Callable[[], object]
"""To be called between the steps of an upgrade: renews the lock."""


def _first(link: Link, step: Step) -> None:
    """What version 0001 has."""
    for name, indexes in _INDEXES.items():
        for fields in indexes:
            keys = [(field, 1) for field in fields]
            label = "_".join(field.strip("_") for field in fields)
            link.run(
                lambda name=name, keys=keys, label=label: link.collection(name).create_index(  # type: ignore[misc]
                    keys, name=label
                )
            )
            step()


UPGRADES: dict[str, Callable[[Link, Step], None]] = {"0001": _first}
"""What each version needs that the one before did not have; run again if it was broken off."""
SCHEMA_VERSION = max(UPGRADES)


def migrate(link: Link) -> None:
    """Create or upgrade the schema; only look at the version if it is current.

    Raises:
        SchemaTooNewError: If a newer release has upgraded the database.
    """
    if _checked(link).is_current:
        return
    with _locked(link) as step:
        current = _checked(link).stored or ""
        for version in sorted(UPGRADES):
            if version > current:
                UPGRADES[version](link, step)
                document = {"_id": _VERSION, "version": version}
                link.run(
                    lambda document=document: link.collection(SCHEMA).replace_one(  # type: ignore[misc]
                        {"_id": _VERSION}, document, upsert=True
                    )
                )


def schema_of(link: Link) -> Schema:
    """Which version a database has, and which this release has."""
    found = link.find(SCHEMA, {"_id": _VERSION})
    return Schema(str(found[0]["version"]) if found else None, SCHEMA_VERSION)


def _checked(link: Link) -> Schema:
    return known_schema(schema_of(link), link.name)


@contextmanager
def _locked(link: Link) -> Iterator[Step]:
    """Hold the one lock for migrations: a document that only one can insert.

    One that was left by a process that ended is taken away after a while.
    """
    token = secrets.token_hex(8)
    own = {"_id": _LOCK, "token": token}
    deadline = time.monotonic() + _PATIENCE
    while link.insert(SCHEMA, [own | {"until": _lease()}]):
        held = link.find(SCHEMA, {"_id": _LOCK})
        if held and held[0]["token"] == token:
            break  # the answer to the insertion was lost
        if held and held[0]["until"] < microseconds(datetime.now(UTC)):
            link.delete(SCHEMA, held[0])  # unless it was renewed meanwhile
        if time.monotonic() > deadline:
            raise StoreUnavailableError(f"another process is migrating {link.name}: try again")
        time.sleep(0.05)
    try:
        yield lambda: link.run(
            lambda: link.collection(SCHEMA).update_one(own, {"$set": {"until": _lease()}})
        )
    finally:
        link.delete(SCHEMA, own)


def _lease() -> int:
    """When a lock that is taken now ends, unless it is renewed."""
    return microseconds(datetime.now(UTC)) + round(LEASE_SECONDS * 1_000_000)

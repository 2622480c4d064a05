"""The protocol that every store speaks, and the errors it raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from memori_storage.records import (
    Changes,
    Completion,
    Job,
    NewMemory,
    Schema,
    StoredMemory,
    StoredMessage,
    Turn,
    Vector,
)


class StoreError(Exception):
    """Base of what stores raise on purpose; the message says what to do."""


class StoreConfigurationError(StoreError):
    """The database was named wrongly: unknown URL, missing driver, unwritable file. Retrying is
    vain."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached or is busy right now. The same call may succeed later."""


class SchemaTooNewError(StoreConfigurationError):
    """A newer release of this package has upgraded the database."""


def known_schema(schema: Schema, name: str) -> Schema:
    """The schema of a database, if no newer release has upgraded it.

    Args:
        schema: What the database has.
        name: What the error calls the database.

    Raises:
        SchemaTooNewError: If it is newer.
    """
    if schema.is_newer:
        raise SchemaTooNewError(
            f"{name} has schema {schema.stored} and this release knows {schema.newest}: "
            "upgrade memori-instrumentation"
        )
    return schema


def check_schema(schema: Schema, name: str) -> None:
    """Refuse to use a database whose schema is not the one that this release has.

    Args:
        schema: What the database has.
        name: What the error calls the database.

    Raises:
        SchemaTooNewError: If it is newer.
        StoreError: If it is older, or there is none.
    """
    if not known_schema(schema, name).is_current:
        has = "lacks our tables" if schema.stored is None else f"has schema {schema.stored} yet"
        raise StoreError(f"{name} {has}: call migrate() first")


@runtime_checkable
class Store(Protocol):
    """Where turns, messages and memories are kept.

    Every method is synchronous, safe to call from any thread, and one transaction: it happens whole
    or not at all. Methods raise ``StoreUnavailableError`` for what may pass and
    ``StoreConfigurationError`` for what will not. Entities see only their own rows, always.
    """

    def migrate(self) -> None:
        """Create or upgrade the schema, under a lock; do nothing, quickly, when it is current."""
        ...

    def schema(self) -> Schema:
        """Which version the database has, and which this release has; changes nothing."""
        ...

    def add_turns(self, turns: Sequence[Turn]) -> int:
        """Store turns with their new messages and, for those of an entity, a learning job each.

        Idempotent: a turn whose id is stored is skipped, and a message that the session already has
        in that place is not stored again. Returns how many turns were new.
        """
        ...

    def complete_turns(self, completions: Sequence[Completion]) -> set[str]:
        """Give turns that are stored as incomplete the answers that came later.

        The answer stands where the turn's reply stands. A message of which the beginning was stored
        grows and keeps its id and place; an entity's turn is to be learned from again. Idempotent:
        a turn that is complete or failed stays as it is, and the same end twice changes nothing.
        Returns the ids of turns that are not stored, for which nothing is kept.
        """
        ...

    def claim_jobs(self, worker: str, *, limit: int = 32, lease: float = 60.0) -> list[Job]:
        """Lease up to ``limit`` open jobs to ``worker`` for ``lease`` seconds, oldest first.

        A job whose lease ran out is open again.
        """
        ...

    def finish_job(
        self, job: Job, memories: Iterable[NewMemory] = (), vectors: Iterable[Vector] = ()
    ) -> list[StoredMemory]:
        """Keep what was learned from a job and close it, in one transaction.

        A memory equal in entity, kind and key to one that is stored reinforces it (one more
        source, times seen counted anew). Doing a job twice changes nothing. Returns the memories
        as they are stored now, with those of their sources that were given.
        """
        ...

    def fail_job(self, job: Job, error: str, *, retry_in: float | None) -> None:
        """Give a job back, to be tried after ``retry_in`` seconds, or park it for good with
        ``None``."""
        ...

    def pending_jobs(self, entity: str | None = None, *, before: datetime | None = None) -> int:
        """How many jobs are open or leased (parked ones are not).

        Args:
            entity: Only this one's; default: everybody's.
            before: Only those of turns that began by then and that are not put off until later:
                what is still to come of everything said so far.
        """
        ...

    def add_vectors(self, entity: str, vectors: Iterable[Vector]) -> None:
        """Keep embeddings for an entity's items; one per item and model, the newest wins."""
        ...

    def memories_of(self, entity: str, ids: Sequence[str] | None = None) -> list[StoredMemory]:
        """An entity's memories with their sources, all or those of ``ids``."""
        ...

    def messages_of(self, entity: str, session: str | None = None) -> list[StoredMessage]:
        """An entity's messages, in order within each session."""
        ...

    def revision(self, entity: str) -> int:
        """A number that grows with every change to what is stored for the entity; 0 if unknown."""
        ...

    def changes(self, entity: str, since: int = 0, *, model: str | None = None) -> Changes:
        """What was added or changed after revision ``since``; vectors of ``model`` only."""
        ...

    def export(self, entity: str) -> Iterator[dict[str, Any]]:
        """Everything stored for an entity as JSON-serialisable dictionaries with ``type`` and
        ``id``:
        its turns, then its messages, then its memories."""
        ...

    def close(self) -> None:
        """Release what this store opened itself; never an Engine or connection the caller gave."""
        ...

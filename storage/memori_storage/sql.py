"""The store on relational databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from memori_storage import jobs, reading
from memori_storage.completing import TurnCompleter
from memori_storage.database import Database
from memori_storage.export import export
from memori_storage.learning import Learned, keep
from memori_storage.migrate import migrate, schema_of
from memori_storage.native_vectors import NativeVectors, Near
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
from memori_storage.store import check_schema
from memori_storage.treecache import TreeCache
from memori_storage.turns import TurnWriter


class SqlStore:
    """A :class:`~memori_storage.store.Store` on a relational database.

    Safe to share between threads, and usable in a forked child. Get one from
    :func:`memori_storage.open_store`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._checked = False
        trees = TreeCache()
        database.at_fork.append(trees.reset)
        self._turns = TurnWriter(database, trees)
        self._native = NativeVectors(database)
        self._completer = TurnCompleter(database, trees)

    def __repr__(self) -> str:
        return f"SqlStore({self._database.name!r})"

    def migrate(self) -> None:
        """Create or upgrade the schema, under a lock."""
        migrate(self._database)
        self._checked = True

    def schema(self) -> Schema:
        """Which version the database has, and which this release has."""
        return schema_of(self._database)

    def _usable(self) -> Database:
        """The database, once its schema was found to be ours: a newer one may mean other things."""
        if not self._checked:
            check_schema(self.schema(), self._database.name)
            self._checked = True
        return self._database

    def add_turns(self, turns: Sequence[Turn]) -> int:
        """Store turns with their new messages; returns how many turns were new."""
        self._usable()
        return self._turns.add(turns)

    def complete_turns(self, completions: Sequence[Completion]) -> set[str]:
        """Give incomplete turns the answers that came later; returns the ids of unknown turns."""
        self._usable()
        return self._completer.complete(completions)

    def claim_jobs(self, worker: str, *, limit: int = 32, lease: float = 60.0) -> list[Job]:
        """Lease up to ``limit`` open jobs for ``lease`` seconds, by this machine's clock."""
        return self._usable().write(lambda c: jobs.claim(c, worker, limit, lease))

    def finish_job(
        self, job: Job, memories: Iterable[NewMemory] = (), vectors: Iterable[Vector] = ()
    ) -> list[StoredMemory]:
        """Keep what was learned from a job and close it."""
        kept, embedded = tuple(memories), tuple(vectors)
        return self._usable().write(lambda c: jobs.finish(c, job, kept, embedded))

    def fail_job(self, job: Job, error: str, *, retry_in: float | None) -> None:
        """Give a job back, to be tried after ``retry_in`` seconds, or park it with ``None``."""
        self._usable().write(lambda c: jobs.fail(c, job, error, retry_in))

    def pending_jobs(self, entity: str | None = None, *, before: datetime | None = None) -> int:
        """How many jobs are open or leased."""
        return self._usable().read(lambda c: jobs.pending(c, entity, before))

    def add_vectors(self, entity: str, vectors: Iterable[Vector]) -> None:
        """Keep embeddings for an entity's items; one per item and model, the newest wins."""
        given = Learned(vectors=tuple(vectors))
        self._usable().write(lambda c: keep(c, entity, given))

    def nearest(self, entity: str, vector: bytes, limit: int, model: str) -> list[Near] | None:
        """An entity's items whose vectors are nearest to one, by the database's own search.

        Args:
            entity: Whose items.
            vector: Little-endian float32, as the stored ones.
            limit: How many at most.
            model: The embedding model of both.

        Returns:
            The nearest first, with cosine distances; exact. ``None`` where the database has no
            vectors of its own that this knows to use: only OceanBase and SeekDB have today.
        """
        self._usable()
        return self._native.nearest(entity, vector, limit, model)

    def memories_of(self, entity: str, ids: Sequence[str] | None = None) -> list[StoredMemory]:
        """An entity's memories with their sources."""
        return self._usable().read(lambda c: reading.memories_of(c, entity, ids))

    def messages_of(self, entity: str, session: str | None = None) -> list[StoredMessage]:
        """An entity's messages, in order within each session."""
        return self._usable().read(lambda c: reading.messages_of(c, entity, session))

    def revision(self, entity: str) -> int:
        """A number that grows with every change to what is stored for the entity."""
        return self._usable().read(lambda c: reading.revision_of(c, entity))

    def changes(self, entity: str, since: int = 0, *, model: str | None = None) -> Changes:
        """What was added or changed after revision ``since``."""
        return self._usable().read(lambda c: reading.changes_of(c, entity, since, model))

    def export(self, entity: str) -> Iterator[dict[str, Any]]:
        """Everything stored for an entity as JSON-serialisable dictionaries."""
        return export(self._usable(), entity)

    def close(self) -> None:
        """Release the engine if it was made for this store."""
        self._database.close()

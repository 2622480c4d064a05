"""The store on MongoDB; see :mod:`memori_storage.mongo` for how it keeps its promises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from memori_storage.mongo.committing import Committer
from memori_storage.mongo.completing import TurnCompleter
from memori_storage.mongo.export import Exporter
from memori_storage.mongo.jobs import Queue
from memori_storage.mongo.learning import Keeper
from memori_storage.mongo.ledger import Ledger
from memori_storage.mongo.link import Link
from memori_storage.mongo.migrate import migrate, schema_of
from memori_storage.mongo.reading import Reader
from memori_storage.mongo.turns import TurnWriter
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


class MongoStore:
    """A :class:`~memori_storage.store.Store` on MongoDB.

    Safe to share between threads, and usable in a forked child. Get one from
    :func:`memori_storage.open_store` or, with another prefix for its collections, from
    :func:`memori_storage.mongo.open_mongo`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._migrated = False
        cache, ledger = TreeCache(), Ledger(link)
        committer, self._reader = Committer(link, ledger), Reader(link, ledger)
        link.at_fork += [cache.reset, ledger.reset, committer.reset]
        self._turns = TurnWriter(link, ledger, committer, cache)
        self._completer = TurnCompleter(link, ledger, committer, cache)
        self._keeper = Keeper(committer, self._reader)
        self._queue = Queue(link, ledger)
        self._exporter = Exporter(link, ledger, self._reader)

    def __repr__(self) -> str:
        return f"MongoStore({self._link.name!r})"

    def migrate(self) -> None:
        """Create or upgrade the schema, under a lock."""
        migrate(self._link)
        self._migrated = True

    def schema(self) -> Schema:
        """Which version the database has, and which this release has."""
        return schema_of(self._link)

    def _check(self) -> None:
        """Look at the version before the first use: a collection that is missing is no error."""
        if not self._migrated:
            check_schema(self.schema(), self._link.name)
            self._migrated = True

    def add_turns(self, turns: Sequence[Turn]) -> int:
        """Store turns with their new messages; returns how many turns were new."""
        self._check()
        return self._turns.add(turns)

    def complete_turns(self, completions: Sequence[Completion]) -> set[str]:
        """Give incomplete turns the answers that came later; returns the ids of unknown turns."""
        self._check()
        return self._completer.complete(completions)

    def claim_jobs(self, worker: str, *, limit: int = 32, lease: float = 60.0) -> list[Job]:
        """Lease up to ``limit`` open jobs for ``lease`` seconds, by this machine's clock."""
        self._check()
        return self._queue.claim(worker, limit, lease)

    def finish_job(
        self, job: Job, memories: Iterable[NewMemory] = (), vectors: Iterable[Vector] = ()
    ) -> list[StoredMemory]:
        """Keep what was learned from a job and close it.

        A job whose worker is stopped between the two is done again, which changes nothing.
        """
        self._check()
        kept = self._keeper.keep(job.entity, tuple(memories), tuple(vectors))
        self._queue.close(job)
        return kept

    def fail_job(self, job: Job, error: str, *, retry_in: float | None) -> None:
        """Give a job back, to be tried after ``retry_in`` seconds, or park it with ``None``."""
        self._check()
        self._queue.fail(job, error, retry_in)

    def pending_jobs(self, entity: str | None = None, *, before: datetime | None = None) -> int:
        """How many jobs are open or leased."""
        self._check()
        return self._queue.pending(entity, before)

    def add_vectors(self, entity: str, vectors: Iterable[Vector]) -> None:
        """Keep embeddings for an entity's items; one per item and model, the newest wins."""
        self._check()
        self._keeper.keep(entity, (), tuple(vectors))

    def memories_of(self, entity: str, ids: Sequence[str] | None = None) -> list[StoredMemory]:
        """An entity's memories with their sources."""
        self._check()
        return self._reader.memories(entity, ids)

    def messages_of(self, entity: str, session: str | None = None) -> list[StoredMessage]:
        """An entity's messages, in order within each session."""
        self._check()
        return self._reader.messages(entity, session)

    def revision(self, entity: str) -> int:
        """A number that grows with every change to what is stored for the entity."""
        self._check()
        return self._reader.revision(entity)

    def changes(self, entity: str, since: int = 0, *, model: str | None = None) -> Changes:
        """What was added or changed after revision ``since``."""
        self._check()
        return self._reader.changes(entity, since, model)

    def export(self, entity: str) -> Iterator[dict[str, Any]]:
        """Everything stored for an entity as JSON-serialisable dictionaries."""
        self._check()
        return self._exporter.export(entity)

    def close(self) -> None:
        """Close the client if it was made for this store."""
        self._link.close()

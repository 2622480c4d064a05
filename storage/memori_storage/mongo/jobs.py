"""The queue of turns to learn from: versions of jobs, of which the newest counts.

A worker has a job for as long as it says that the job is not to be had before some time. It takes
it by inserting the job's next version, which only one can, and then deletes the version before. A
version that was committed with an answer that came later (:mod:`memori_storage.mongo.completing`)
may meanwhile have come between them: finishing deletes the worker's own version only, and the other
is there to be learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from memori_storage import keys
from memori_storage.mongo.committing import ABANDONED, job_id
from memori_storage.mongo.documents import JOBS, MESSAGES, Document, decoded, newest
from memori_storage.mongo.ledger import Ledger
from memori_storage.mongo.link import Link
from memori_storage.records import Job, StoredMessage
from memori_storage.rows import OPEN, PARKED, message_of
from memori_storage.values import chunks, microseconds, storable

_SPARE = 64
"""Jobs looked at beyond those that are wanted: others claim at the same time."""


class Queue:
    """The jobs of all entities."""

    def __init__(self, link: Link, ledger: Ledger) -> None:
        self._link = link
        self._ledger = ledger

    def claim(self, worker: str, limit: int, lease: float) -> list[Job]:
        """Lease open jobs, oldest first."""
        claimed: list[Document] = []
        beyond: dict[str, Any] = {}
        while len(claimed) < limit:
            size = limit - len(claimed) + _SPARE
            now = microseconds(datetime.now(UTC))
            found = self._link.find(
                JOBS,
                {"state": OPEN, "available_at": {"$lte": now}, **beyond},
                order=[("created_at", 1), ("_id", 1)],
                limit=size,
            )
            wanted = self._current(found)
            while wanted and len(claimed) < limit:
                some, wanted = wanted[: limit - len(claimed)], wanted[limit - len(claimed) :]
                claimed += self._take(some, worker, lease)
            if len(found) < size:
                break
            last = found[-1]
            beyond = {
                "$or": [
                    {"created_at": {"$gt": last["created_at"]}},
                    {"created_at": last["created_at"], "_id": {"$gt": last["_id"]}},
                ]
            }
        return self._with_messages(claimed)

    def _current(self, found: Sequence[Document]) -> list[Document]:
        """Those versions that are committed and have no newer one, with the number of the next."""
        committed = self._ledger.committed(found)
        alive = {document["_id"] for document in committed}
        before = microseconds(datetime.now(UTC)) - ABANDONED
        if dead := [
            document["_id"]
            for document in found
            if document["_id"] not in alive and document["at"] < before
        ]:
            self._link.delete(JOBS, {"_id": {"$in": dead}})
        versions: dict[str, list[Document]] = {}
        for some in chunks(sorted({document["turn_id"] for document in committed})):
            for version in self._link.find(JOBS, {"turn_id": {"$in": list(some)}}):
                versions.setdefault(version["turn_id"], []).append(version)
        vouched = self._ledger.committed([each for some in versions.values() for each in some])
        newest_of = {document["turn_id"]: document for document in _newest(vouched)}
        current: list[Document] = []
        for document in committed:
            turn = document["turn_id"]
            if turn in newest_of and newest_of[turn]["_id"] == document["_id"]:
                following = 1 + max(version["attempts"] for version in versions[turn])
                current.append(document | {"following": following})
        return current

    def _take(self, some: Sequence[Document], worker: str, lease: float) -> list[Document]:
        """Insert the next versions of jobs; returns those that nobody else has inserted."""
        until = datetime.now(UTC) + timedelta(seconds=lease)
        following = [
            {name: value for name, value in document.items() if name != "following"}
            | {
                "_id": job_id(document["turn_id"], document["following"]),
                "attempts": document["following"],
                "worker": storable(worker),
                "available_at": microseconds(until),
            }
            for document in some
        ]
        taken = self._link.insert(JOBS, following)
        old = [document["_id"] for document in some]
        # Whoever had a job and is done with it has deleted the version that was seen here.
        left = {one["_id"] for one in self._link.find(JOBS, {"_id": {"$in": old}}, fields=["_id"])}
        won: list[Document] = []
        obsolete: list[str] = []
        for index, (was, now) in enumerate(zip(some, following, strict=True)):
            if index in taken:
                continue
            if was["_id"] in left:
                won.append(now)
                obsolete.append(was["_id"])
            else:
                obsolete.append(now["_id"])
        if obsolete:
            self._link.delete(JOBS, {"_id": {"$in": obsolete}})
        return won

    def _with_messages(self, claimed: Sequence[Document]) -> list[Job]:
        """The jobs with the messages that their turns brought, in order."""
        entities = {document["turn_id"]: document["entity"] for document in claimed}
        found: list[Document] = []
        for some in chunks(claimed):
            owners = sorted({document["owner"] for document in some})
            turns = [document["turn_id"] for document in some]
            found += self._link.find(
                MESSAGES, {"owner": {"$in": owners}, "turn_id": {"$in": turns}}
            )
        rows = [decoded(document) for document in newest(self._ledger.committed(found))]
        messages: dict[str, list[StoredMessage]] = {turn: [] for turn in entities}
        for row in sorted(rows, key=lambda row: int(row["position"])):
            entity = decoded({"entity": entities[row["turn_id"]]})["entity"]
            messages[row["turn_id"]].append(message_of(row, entity))
        return [
            Job(
                id=row["turn_id"],
                turn_id=row["turn_id"],
                entity=row["entity"],
                session=row["session"],
                attempts=row["attempts"],
                messages=tuple(messages[row["turn_id"]]),
            )
            for row in map(decoded, claimed)
        ]

    def close(self, job: Job) -> None:
        """Take a job that is done out of the queue."""
        self._link.delete(JOBS, {"_id": job_id(job.turn_id, job.attempts)})

    def fail(self, job: Job, error: str, retry_in: float | None) -> None:
        """Give a job back, unless its lease ran out and another worker has it by now."""
        later = datetime.now(UTC) + timedelta(seconds=retry_in or 0.0)
        values = {
            "state": PARKED if retry_in is None else OPEN,
            "available_at": microseconds(later),
            "worker": None,
            "error": storable(error),
        }
        wanted = {"_id": job_id(job.turn_id, job.attempts)}
        self._link.run(lambda: self._link.collection(JOBS).update_one(wanted, {"$set": values}))

    def pending(self, entity: str | None, before: datetime | None) -> int:
        """How many jobs are not done and not parked; see :meth:`Store.pending_jobs`."""
        wanted = {} if entity is None else {"owner": keys.entity_key(entity)}
        fields = ["turn_id", "attempts", "state", "created_at", "available_at", "worker"]
        found = self._link.find(JOBS, wanted, fields=[*fields, "owner", "revision", "token"])
        jobs = [job for job in _newest(self._ledger.committed(found)) if job["state"] == OPEN]
        if before is None:
            return len(jobs)
        latest, now = microseconds(before), microseconds(datetime.now(UTC))
        return sum(
            job["created_at"] <= latest
            and (job["available_at"] <= now or job["worker"] is not None)
            for job in jobs
        )


def _newest(versions: Sequence[Document]) -> list[Document]:
    """Of each job the newest version."""
    found: dict[str, Document] = {}
    for version in versions:
        known = found.get(version["turn_id"])
        if known is None or known["attempts"] < version["attempts"]:
            found[version["turn_id"]] = version
    return list(found.values())

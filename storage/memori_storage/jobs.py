"""The queue of turns to learn from: a table, with leases instead of a broker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update

from memori_storage import keys
from memori_storage.learning import Learned, keep
from memori_storage.reading import message_rows
from memori_storage.records import Job, NewMemory, StoredMemory, StoredMessage, Vector
from memori_storage.rows import OPEN, PARKED, message_of
from memori_storage.schema import entities, jobs, messages, sessions
from memori_storage.support import locked
from memori_storage.values import chunks


def claim(connection: Connection, worker: str, limit: int, lease: float) -> list[Job]:
    """Lease open jobs, oldest first. A leased job is one that is open, but only later."""
    now = datetime.now(UTC)
    # The jobs alone: not every database can lock one table of a join.
    due = (
        select(jobs.c.turn_id)
        .where(jobs.c.state == OPEN, jobs.c.available_at <= now)
        .order_by(jobs.c.created_at, jobs.c.turn_id)
        .limit(limit)
    )
    ids = list(connection.scalars(locked(due, connection.dialect.name, skip_locked=True)))
    for some in chunks(ids):
        connection.execute(
            update(jobs)
            .where(jobs.c.turn_id.in_(some))
            .values(
                worker=worker,
                attempts=jobs.c.attempts + 1,
                available_at=now + timedelta(seconds=lease),
            )
        )
    rows = [row for some in chunks(ids) for row in connection.execute(_named(some))]
    learn_from = _messages(connection, {row.turn_id: row.entity for row in rows})
    return [
        Job(
            id=row.turn_id,
            turn_id=row.turn_id,
            entity=row.entity,
            session=row.session,
            attempts=row.attempts,
            messages=tuple(learn_from[row.turn_id]),
        )
        for row in rows
    ]


def _named(ids: Sequence[str]) -> Select[Any]:
    """Jobs with the names of their entity and session."""
    return (
        select(
            jobs.c.turn_id,
            jobs.c.attempts,
            entities.c.external_id.label("entity"),
            sessions.c.external_id.label("session"),
        )
        .join(entities, entities.c.key == jobs.c.entity_key)
        .join(sessions, sessions.c.key == jobs.c.session_key)
        .where(jobs.c.turn_id.in_(ids))
        .order_by(jobs.c.created_at, jobs.c.turn_id)
    )


def _messages(connection: Connection, entity_of: dict[str, str]) -> dict[str, list[StoredMessage]]:
    """The messages that turns brought into the store, in order."""
    found: dict[str, list[StoredMessage]] = {turn: [] for turn in entity_of}
    for some in chunks(list(entity_of)):
        statement = message_rows().where(messages.c.turn_id.in_(some)).order_by(messages.c.position)
        for row in connection.execute(statement).mappings():
            found[row["turn_id"]].append(message_of(row, entity_of[row["turn_id"]]))
    return found


def finish(
    connection: Connection,
    job: Job,
    memories: Sequence[NewMemory],
    vectors: Iterable[Vector],
) -> list[StoredMemory]:
    """Keep what a job taught and close it."""
    kept = keep(connection, job.entity, Learned(memories, tuple(vectors)))
    connection.execute(
        delete(jobs).where(jobs.c.turn_id == job.id, jobs.c.attempts == job.attempts)
    )
    return kept


def reopen(connection: Connection, row: dict[str, Any]) -> None:
    """Have a turn learned from again, with what it has brought since.

    Args:
        row: Its job as of a turn just stored.
    """
    attempts = connection.scalar(select(jobs.c.attempts).where(jobs.c.turn_id == row["turn_id"]))
    connection.execute(delete(jobs).where(jobs.c.turn_id == row["turn_id"]))
    # Whoever is at it has not seen all: that attempt no longer counts.
    connection.execute(insert(jobs), {**row, "attempts": 0 if attempts is None else attempts + 1})


def fail(connection: Connection, job: Job, error: str, retry_in: float | None) -> None:
    """Give a job back, unless its lease ran out and another worker has it by now."""
    later = datetime.now(UTC) + timedelta(seconds=retry_in or 0.0)
    connection.execute(
        update(jobs)
        .where(jobs.c.turn_id == job.id, jobs.c.attempts == job.attempts)
        .values(
            state=PARKED if retry_in is None else OPEN,
            available_at=later,
            worker=None,
            error=error,
        )
    )


def pending(connection: Connection, entity: str | None, before: datetime | None) -> int:
    """How many jobs are not done and not parked; see :meth:`Store.pending_jobs`."""
    statement = select(func.count()).select_from(jobs).where(jobs.c.state == OPEN)
    if entity is not None:
        statement = statement.where(jobs.c.entity_key == keys.entity_key(entity))
    if before is not None:
        due = or_(jobs.c.available_at <= datetime.now(UTC), jobs.c.worker.is_not(None))
        statement = statement.where(jobs.c.created_at <= before, due)
    return connection.scalar(statement) or 0

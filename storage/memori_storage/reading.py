"""Reading messages, memories and vectors of an entity."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from memori_storage import keys
from memori_storage.records import Changes, Source, StoredMemory, StoredMessage, Vector
from memori_storage.rows import memory_of, message_of
from memori_storage.schema import (
    entities,
    memories,
    memory_sources,
    messages,
    processes,
    sessions,
    turns,
    vectors,
)
from memori_storage.values import chunks


def message_rows() -> Select[Any]:
    """Messages with the names of their session and process and the span of their turn."""
    return (
        select(
            messages,
            sessions.c.external_id.label("session"),
            processes.c.external_id.label("process"),
            turns.c.trace_id,
            turns.c.span_id,
        )
        .join(sessions, sessions.c.key == messages.c.session_key)
        .join(turns, turns.c.id == messages.c.turn_id)
        .outerjoin(processes, processes.c.key == turns.c.process_key)
    )


def memory_rows() -> Select[Any]:
    """Memories with the names of the session and process of their first source."""
    return (
        select(
            memories,
            sessions.c.external_id.label("session"),
            processes.c.external_id.label("process"),
        )
        .outerjoin(sessions, sessions.c.key == memories.c.session_key)
        .outerjoin(processes, processes.c.key == memories.c.process_key)
    )


def memories_from(
    connection: Connection,
    rows: Sequence[RowMapping],
    entity: str,
    *,
    cited: Collection[str] | None = None,
) -> list[StoredMemory]:
    """The memories in rows of :func:`memory_rows`, with their sources: all, or the ``cited``."""
    sources = _sources(connection, [row["id"] for row in rows], cited)
    return [memory_of(row, entity, sources.get(row["id"], ())) for row in rows]


def _sources(
    connection: Connection, ids: Sequence[str], cited: Collection[str] | None
) -> dict[str, list[Source]]:
    """Sources by memory, in the order in which they were said."""
    found: dict[str, list[Source]] = {}
    for some in chunks(ids):
        statement = (
            select(
                memory_sources.c.memory_id,
                messages.c.id,
                messages.c.turn_id,
                sessions.c.external_id,
                turns.c.trace_id,
                turns.c.span_id,
            )
            .join(messages, messages.c.id == memory_sources.c.message_id)
            .join(turns, turns.c.id == messages.c.turn_id)
            .join(sessions, sessions.c.key == messages.c.session_key)
            .where(memory_sources.c.memory_id.in_(some))
            .order_by(messages.c.created_at, messages.c.position, messages.c.id)
        )
        if cited is not None:
            statement = statement.where(memory_sources.c.message_id.in_(cited))
        for memory, *source in connection.execute(statement):
            found.setdefault(memory, []).append(Source(*source))
    return found


def memories_of(
    connection: Connection,
    entity: str,
    ids: Iterable[str] | None = None,
    *,
    cited: Collection[str] | None = None,
) -> list[StoredMemory]:
    """An entity's memories in the order in which they were observed, all or those of ``ids``.

    Their sources are all there are, or those among the messages ``cited``.
    """
    statement = memory_rows().where(memories.c.entity_key == keys.entity_key(entity))
    if ids is None:
        rows = list(connection.execute(statement).mappings())
    else:
        rows = [
            row
            for some in chunks(sorted(set(ids)))
            for row in connection.execute(statement.where(memories.c.id.in_(some))).mappings()
        ]
    rows.sort(key=lambda row: (row["observed_at"], row["id"]))
    return memories_from(connection, rows, entity, cited=cited)


def messages_of(
    connection: Connection, entity: str, session: str | None = None
) -> list[StoredMessage]:
    """An entity's messages, of one session or of all, sessions in the order of their start."""
    statement = message_rows().where(messages.c.entity_key == keys.entity_key(entity))
    if session is not None:
        statement = statement.where(messages.c.session_key == keys.session_key(entity, session))
    statement = statement.order_by(
        sessions.c.started_at, messages.c.session_key, messages.c.position
    )
    return [message_of(row, entity) for row in connection.execute(statement).mappings()]


def revision_of(connection: Connection, entity: str) -> int:
    """An entity's revision; 0 if nothing was ever stored for it."""
    key = keys.entity_key(entity)
    found = connection.scalar(select(entities.c.revision).where(entities.c.key == key))
    return found or 0


def changes_of(connection: Connection, entity: str, since: int, model: str | None) -> Changes:
    """What was written for an entity after revision ``since``; vectors of ``model`` or of all.

    The statements may see different states of the database. Rows newer than the revision read first
    are left for the next time.
    """
    revision = revision_of(connection, entity)
    if revision <= since:
        return Changes(revision=revision)
    key = keys.entity_key(entity)

    def changed(statement: Select[Any], table: Any) -> Select[Any]:
        return statement.where(
            table.c.entity_key == key, table.c.revision > since, table.c.revision <= revision
        )

    new_messages = changed(message_rows(), messages).order_by(
        messages.c.revision, messages.c.session_key, messages.c.position
    )
    new_memories = changed(memory_rows(), memories).order_by(memories.c.revision, memories.c.id)
    new_vectors = changed(select(vectors.c.item_id, vectors.c.model, vectors.c.data), vectors)
    if model is not None:
        new_vectors = new_vectors.where(vectors.c.model_key == keys.model_key(model))
    return Changes(
        revision=revision,
        messages=tuple(
            message_of(row, entity) for row in connection.execute(new_messages).mappings()
        ),
        memories=tuple(
            memories_from(connection, list(connection.execute(new_memories).mappings()), entity)
        ),
        vectors=tuple(Vector(*row) for row in connection.execute(new_vectors)),
    )

"""Everything stored for an entity, as JSON-ready dictionaries, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, or_, select

from memori_storage import keys
from memori_storage.database import Database
from memori_storage.exported import exported_memory, exported_message, exported_turn
from memori_storage.reading import (
    memories_from,
    memory_rows,
    message_rows,
    revision_of,
)
from memori_storage.records import StoredMemory
from memori_storage.rows import message_of, pages
from memori_storage.schema import memories, messages, processes, sessions, turns

_PAGE = 500


def export(database: Database, entity: str) -> Iterator[dict[str, Any]]:
    """An entity's turns, then its messages, then its memories; see :meth:`Store.export`.

    Each page is a transaction, so that a reader who pauses holds up nobody. Turns and messages are
    those of the moment of the first page; memories are as they are when their page is read.
    """
    revision = database.read(lambda connection: revision_of(connection, entity))
    key = keys.entity_key(entity)
    yield from _turns(database, entity, key, revision)
    yield from _messages(database, entity, key, revision)
    yield from _memories(database, entity, key)


def _turns(
    database: Database, entity: str, entity_key: str, revision: int
) -> Iterator[dict[str, Any]]:
    statement = (
        select(
            turns,
            sessions.c.external_id.label("session"),
            processes.c.external_id.label("process"),
        )
        .join(sessions, sessions.c.key == turns.c.session_key)
        .outerjoin(processes, processes.c.key == turns.c.process_key)
        .where(turns.c.entity_key == entity_key, turns.c.revision <= revision)
        .order_by(turns.c.started_at, turns.c.id)
        .limit(_PAGE)
    )
    after: RowMapping | None = None
    while True:
        page = statement
        if after is not None:
            page = page.where(
                _beyond((turns.c.started_at, after["started_at"]), (turns.c.id, after["id"]))
            )
        rows = _fetched(database, page)
        for row in rows:
            yield exported_turn(dict(row), entity)
        if len(rows) < _PAGE:
            return
        after = rows[-1]


def _messages(
    database: Database, entity: str, entity_key: str, revision: int
) -> Iterator[dict[str, Any]]:
    """Messages by start of session, then position.

    The sessions' keys and sizes are read at first: pages then are whole sessions up to a page's
    worth, or pieces of a long one, each found through the index of sessions and positions.
    """
    found = database.read(
        lambda connection: connection.execute(
            select(sessions.c.key, sessions.c.next_position)
            .where(sessions.c.entity_key == entity_key)
            .order_by(sessions.c.started_at, sessions.c.key)
        ).all()
    )
    for some, position in pages([(row.key, row.next_position) for row in found], _PAGE):
        statement = message_rows().where(
            messages.c.session_key.in_(some), messages.c.revision <= revision
        )
        if len(some) == 1:
            statement = statement.where(
                messages.c.position >= position, messages.c.position < position + _PAGE
            )
        rows = _fetched(database, statement)
        order = {key: place for place, key in enumerate(some)}
        for row in sorted(rows, key=lambda row: (order[row["session_key"]], row["position"])):
            yield exported_message(message_of(row, entity), row["finish_reason"])


def _memories(database: Database, entity: str, entity_key: str) -> Iterator[dict[str, Any]]:
    statement = (
        memory_rows()
        .where(memories.c.entity_key == entity_key)
        .order_by(memories.c.id)
        .limit(_PAGE)
    )
    after = ""
    while True:
        page = statement.where(memories.c.id > after)
        stored = _stored_memories(database, page, entity)
        yield from map(exported_memory, stored)
        if len(stored) < _PAGE:
            return
        after = stored[-1].id


def _fetched(database: Database, statement: Select[Any]) -> list[RowMapping]:
    return database.read(lambda connection: list(connection.execute(statement).mappings()))


def _stored_memories(database: Database, statement: Select[Any], entity: str) -> list[StoredMemory]:
    def fetch(connection: Connection) -> list[StoredMemory]:
        rows = list(connection.execute(statement).mappings())
        return memories_from(connection, rows, entity)

    return database.read(fetch)


def _beyond(first: tuple[Any, Any], second: tuple[Any, Any]) -> ColumnElement[bool]:
    """Rows after a place in an order by two columns. Not every database compares pairs."""
    return or_(
        first[0] > first[1],
        and_(first[0] == first[1], second[0] > second[1]),
    )

"""Storing turns: a batch is one transaction of a few set-based statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from memori_storage import keys, schema
from memori_storage.columns import MAX_ID_LENGTH
from memori_storage.database import Database, chunks, insert_missing
from memori_storage.jobs import new_job
from memori_storage.joining import joined
from memori_storage.lineage import Keyed, Placement, Tree, anchors_of, keyed, place, start_of
from memori_storage.locks import bump, lock_entities, lock_rows
from memori_storage.records import Turn
from memori_storage.store import StoreError
from memori_storage.trees import TreeCache, load_anchors


class _Prepared(NamedTuple):
    """A turn with all that can be computed before the transaction."""

    turn: Turn
    entity: str | None
    process: str | None
    session: str
    given: list[Keyed]
    output: list[Keyed]

    @property
    def anchors(self) -> list[tuple[str, str]]:
        return anchors_of(self.turn.previous_response_id, self.turn.conversation_id)


@dataclass(slots=True)
class _Rows:
    """What a batch inserts."""

    turns: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)


class TurnWriter:
    """Stores turns, with a memory of the sessions it has written."""

    def __init__(self, database: Database, cache: TreeCache) -> None:
        self._database = database
        self._cache = cache

    def add(self, turns: Iterable[Turn]) -> int:
        """Store the turns that are new; see :meth:`memori_storage.store.Store.add_turns`."""
        by_id = {turn.id: turn for turn in turns}
        # Turns that ran at the same time may end in any order; a conversation has but one.
        ordered = sorted(by_id.values(), key=lambda turn: turn.started_at)
        batch = [_prepare(turn) for turn in joined(self._database, self._cache, ordered)]
        if not batch:
            return 0
        count, trees = self._database.write(lambda connection: self._store(connection, batch))
        self._cache.put(trees)
        return count

    def _store(
        self, connection: Connection, batch: Sequence[_Prepared]
    ) -> tuple[int, list[tuple[Tree, int]]]:
        """Write what is new of a batch; returns how many turns, and the trees as they are then.

        Locks come before reads and in one order: entities, then sessions, each sorted.
        """
        revisions = lock_entities(
            connection, {item.entity: item.turn.entity for item in batch if item.entity}
        )
        _insert_processes(connection, batch)
        sessions = _lock_sessions(connection, batch)
        stored = _stored_turns(connection, [item.turn.id for item in batch])
        new = [item for item in batch if item.turn.id not in stored]
        if not new:
            return 0, []

        touched = {item.session: sessions[item.session] for item in new}
        trees = self._cache.trees(connection, touched)
        anchors = load_anchors(connection, _unknown_anchors(new, trees))
        rows = _Rows()
        for item in new:
            tree = trees[item.session]
            start = start_of(tree, item.anchors, anchors.get(item.session, {}))
            placement = place(tree, item.given, item.output, start=start)
            _remember_anchors(tree, item.turn, placement)
            revision = revisions[item.entity] + 1 if item.entity else 0
            _collect(rows, item, placement, revision)

        for table, values in (
            (schema.turns, rows.turns),
            (schema.messages, rows.messages),
            (schema.jobs, rows.jobs),
        ):
            if values:
                connection.execute(insert(table), values)
        _update_sessions(connection, new, touched, trees)
        bump(connection, {item.entity: revisions[item.entity] for item in new if item.entity})
        return len(new), [(trees[key], row["revision"] + 1) for key, row in touched.items()]


def _prepare(turn: Turn) -> _Prepared:
    if not (turn.id.isascii() and 0 < len(turn.id) <= MAX_ID_LENGTH):
        raise StoreError(f"a turn's id is 1 to {MAX_ID_LENGTH} ASCII characters: {turn.id!r:.200}")
    return _Prepared(
        turn,
        keys.entity_key(turn.entity) if turn.entity is not None else None,
        keys.process_key(turn.process) if turn.process is not None else None,
        keys.session_key(turn.entity, turn.session),
        keyed(turn.input),
        keyed(turn.output),
    )


def _lock_sessions(connection: Connection, batch: Sequence[_Prepared]) -> dict[str, RowMapping]:
    firsts = {item.session: item for item in reversed(batch)}

    def new_row(key: str) -> dict[str, Any]:
        item = firsts[key]
        return {
            "key": key,
            "entity_key": item.entity,
            "external_id": item.turn.session,
            "revision": 0,
            "next_position": 0,
            "started_at": item.turn.started_at,
            "ended_at": item.turn.ended_at,
        }

    return lock_rows(connection, schema.sessions, firsts, new_row)


def _insert_processes(connection: Connection, batch: Sequence[_Prepared]) -> None:
    named = {item.process: item.turn.process for item in batch if item.process}
    known: set[str] = set()
    column = schema.processes.c.key
    for some in chunks(sorted(named)):
        known.update(connection.scalars(select(column).where(column.in_(some))))
    if missing := sorted(named.keys() - known):
        connection.execute(
            insert_missing(connection.dialect.name, schema.processes),
            [{"key": key, "external_id": named[key]} for key in missing],
        )


def _stored_turns(connection: Connection, ids: Sequence[str]) -> set[str]:
    column = schema.turns.c.id
    stored: set[str] = set()
    for some in chunks(ids):
        stored.update(connection.scalars(select(column).where(column.in_(some))))
    return stored


def _unknown_anchors(
    new: Sequence[_Prepared], trees: dict[str, Tree]
) -> dict[str, set[tuple[str, str]]]:
    unknown: dict[str, set[tuple[str, str]]] = {}
    for item in new:
        tree = trees[item.session]
        for name in item.anchors:
            if tree.nodes and name not in tree.anchors:
                unknown.setdefault(item.session, set()).add(name)
    return unknown


def _remember_anchors(tree: Tree, turn: Turn, placement: Placement) -> None:
    end = placement.last_output or placement.last_input
    if end is not None:
        for name in anchors_of(turn.response_id, turn.conversation_id):
            tree.anchor(name, end)


def _collect(rows: _Rows, item: _Prepared, placement: Placement, revision: int) -> None:
    turn = item.turn
    rows.turns.append(_turn_row(item, placement, revision))
    rows.messages.extend(
        {
            "id": node.id,
            "entity_key": item.entity,
            "session_key": item.session,
            "turn_id": turn.id,
            "revision": revision,
            "parent_id": node.parent,
            "position": node.position,
            "role": of.message.role,
            **content_columns(of),
            "created_at": turn.ended_at if is_output else turn.started_at,
        }
        for of, node, is_output in placement.new
    )
    if item.entity is not None and placement.new:
        rows.jobs.append(new_job(turn.id, item.entity, item.session, turn.started_at))


def content_columns(item: Keyed) -> dict[str, Any]:
    """The columns of a message that say what it says."""
    return {
        "content_key": item.key,
        "text": item.message.text,
        "parts": [dict(part) for part in item.message.parts],
        "finish_reason": item.message.finish_reason,
    }


_AS_THEY_ARE = (
    "id",
    "provider",
    "operation",
    "model",
    "response_model",
    "response_id",
    "previous_response_id",
    "conversation_id",
    "status",
    "trace_id",
    "span_id",
    "started_at",
    "first_chunk_at",
    "ended_at",
    "system",
    "error_type",
    "error_message",
    "framework",
)


def _turn_row(item: _Prepared, placement: Placement, revision: int) -> dict[str, Any]:
    turn = item.turn
    row = {name: getattr(turn, name) for name in _AS_THEY_ARE}
    row.update(
        entity_key=item.entity,
        process_key=item.process,
        session_key=item.session,
        revision=revision,
        finish_reasons=list(turn.finish_reasons),
        usage=dict(turn.usage),
        input_message_id=placement.last_input,
        output_message_id=placement.last_output,
    )
    return row


def _update_sessions(
    connection: Connection,
    new: Sequence[_Prepared],
    sessions: dict[str, RowMapping],
    trees: dict[str, Tree],
) -> None:
    values = {
        key: {
            "session": key,
            "revision": row["revision"] + 1,
            "next_position": trees[key].next_position,
            "started_at": row["started_at"],
            "ended_at": row["ended_at"],
        }
        for key, row in sessions.items()
    }
    for item in new:
        value = values[item.session]
        value["started_at"] = min(value["started_at"], item.turn.started_at)
        value["ended_at"] = max(value["ended_at"], item.turn.ended_at)
    statement = update(schema.sessions).where(schema.sessions.c.key == bindparam("session"))
    connection.execute(statement, list(values.values()))

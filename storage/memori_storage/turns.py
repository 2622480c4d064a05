"""Storing turns: a batch is one transaction of a few set-based statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from memori_storage import schema
from memori_storage.bulk import insert_rows, update_rows
from memori_storage.database import Database, insert_missing
from memori_storage.joining import Response, joined
from memori_storage.locks import bump, lock_entities, lock_rows
from memori_storage.records import Turn
from memori_storage.rows import Prepared, Rows, in_order, place_turn, prepare, unknown_anchors
from memori_storage.tree import Tree
from memori_storage.treecache import TreeCache
from memori_storage.trees import load_anchors, load_sessions_of, trees_of
from memori_storage.values import chunks


class TurnWriter:
    """Stores turns, with a memory of the sessions it has written."""

    def __init__(self, database: Database, cache: TreeCache) -> None:
        self._database = database
        self._cache = cache

    def add(self, turns: Iterable[Turn]) -> int:
        """Store the turns that are new; see :meth:`memori_storage.store.Store.add_turns`."""
        placed = joined(in_order(turns), self._cache.knows, self._sessions_of)
        batch = [prepare(turn) for turn in placed]
        if not batch:
            return 0
        count, trees = self._database.write(lambda connection: self._store(connection, batch))
        self._cache.put(trees)
        return count

    def _sessions_of(self, wanted: Mapping[str, Sequence[Turn]]) -> dict[Response, str]:
        return self._database.read(lambda connection: load_sessions_of(connection, wanted))

    def _store(
        self, connection: Connection, batch: Sequence[Prepared]
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
        trees = trees_of(self._cache, connection, touched)
        anchors = load_anchors(connection, unknown_anchors(new, trees))
        rows = Rows()
        for item in new:
            placement = place_turn(trees[item.session], item, anchors.get(item.session, {}))
            rows.collect(item, placement, revisions[item.entity] + 1 if item.entity else 0)

        for table, values in (
            (schema.turns, rows.turns),
            (schema.messages, rows.messages),
            (schema.jobs, rows.jobs),
        ):
            insert_rows(connection, table, values)
        _update_sessions(connection, new, touched, trees)
        bump(connection, {item.entity: revisions[item.entity] for item in new if item.entity})
        return len(new), [(trees[key], row["revision"] + 1) for key, row in touched.items()]


def _lock_sessions(connection: Connection, batch: Sequence[Prepared]) -> dict[str, RowMapping]:
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


def _insert_processes(connection: Connection, batch: Sequence[Prepared]) -> None:
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


def _update_sessions(
    connection: Connection,
    new: Sequence[Prepared],
    sessions: dict[str, RowMapping],
    trees: dict[str, Tree],
) -> None:
    values = {
        key: {
            "key": key,
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
    update_rows(connection, schema.sessions, "key", list(values.values()))

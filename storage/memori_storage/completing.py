"""Completing turns that were stored before their answer came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from memori_storage import schema
from memori_storage.answers import changed_values, history_of, parent_of, place_reply
from memori_storage.database import Database
from memori_storage.jobs import reopen
from memori_storage.locks import bump, lock_entities, lock_rows
from memori_storage.records import Completion
from memori_storage.rows import content_columns, new_job
from memori_storage.tree import UNCHAINED_ROLES, Tree, keyed
from memori_storage.treecache import TreeCache
from memori_storage.trees import load_anchors, trees_of
from memori_storage.values import chunks


class TurnCompleter:
    """Completes turns, with the memory of sessions that their writer has."""

    def __init__(self, database: Database, cache: TreeCache) -> None:
        self._database = database
        self._cache = cache

    def complete(self, completions: Sequence[Completion]) -> set[str]:
        """See :meth:`memori_storage.store.Store.complete_turns`."""
        by_turn = {completion.turn_id: completion for completion in completions}
        if not by_turn:
            return set()
        # Most of what is asked for again is unknown or done: only the rest takes locks.
        rows = self._database.read(lambda connection: _rows(connection, list(by_turn)))
        pending = [row["id"] for row in rows if row["status"] == "incomplete"]
        if pending:
            trees = self._database.write(
                lambda connection: self._store(connection, pending, by_turn)
            )
            self._cache.put(trees)
        return by_turn.keys() - {row["id"] for row in rows}

    def _store(
        self, connection: Connection, pending: Sequence[str], by_turn: dict[str, Completion]
    ) -> list[tuple[Tree, int]]:
        """Write what the completions change; returns the trees as they are then."""
        owners = _rows(connection, pending)
        entities = lock_entities(
            connection, {row["entity_key"]: None for row in owners if row["entity_key"]}
        )
        sessions = lock_rows(
            connection, schema.sessions, {row["session_key"] for row in owners}, _never_missing
        )
        trees = trees_of(self._cache, connection, sessions)
        changed = [
            row
            for row in _rows(connection, pending)  # as they are under the locks
            if row["status"] == "incomplete"
            and _complete(
                connection,
                trees[row["session_key"]],
                row,
                by_turn[row["id"]],
                entities.get(row["entity_key"], -1) + 1,
            )
        ]
        ends: dict[str, datetime] = {}
        for row in changed:
            key, ended = row["session_key"], by_turn[row["id"]].ended_at
            ends[key] = max(ends.get(key, sessions[key]["ended_at"]), ended)
        for key, ended in ends.items():
            connection.execute(
                update(schema.sessions)
                .where(schema.sessions.c.key == key)
                .values(
                    revision=sessions[key]["revision"] + 1,
                    next_position=trees[key].next_position,
                    ended_at=ended,
                )
            )
        keys = {row["entity_key"] for row in changed if row["entity_key"]}
        bump(connection, {key: entities[key] for key in keys})
        return [(tree, sessions[key]["revision"] + (key in ends)) for key, tree in trees.items()]


def _never_missing(key: str) -> dict[str, Any]:
    raise AssertionError(f"a stored turn's session {key} is not stored")


def _rows(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    return [
        dict(row)
        for some in chunks(ids)
        for row in connection.execute(
            select(schema.turns).where(schema.turns.c.id.in_(some))
        ).mappings()
    ]


def _complete(
    connection: Connection, tree: Tree, row: dict[str, Any], completion: Completion, revision: int
) -> bool:
    """Write one turn's end; whether that changed anything."""
    looked_up = load_anchors(connection, {tree.session: history_of(row)})[tree.session]
    parent = parent_of(tree, row, looked_up)
    stored = _stored_reply(connection, row["id"], parent)
    reply = place_reply(tree, row, keyed(completion.output), parent, stored)
    values = changed_values(row, completion, reply)
    if values is None:
        return False
    said = {"revision": revision, "created_at": completion.ended_at}
    for node, item in reply.grown:
        connection.execute(
            update(schema.messages)
            .where(schema.messages.c.id == node)
            .values(**content_columns(item), **said)
        )
    if reply.new:
        place = {name: row[name] for name in ("entity_key", "session_key")}
        connection.execute(
            insert(schema.messages),
            [
                {
                    "id": node.id,
                    "turn_id": row["id"],
                    "parent_id": node.parent,
                    "position": node.position,
                    "role": item.message.role,
                    **content_columns(item),
                    **place,
                    **said,
                }
                for node, item in reply.new
            ],
        )
    connection.execute(
        update(schema.turns)
        .where(schema.turns.c.id == row["id"])
        .values(**values, revision=revision)
    )
    if row["entity_key"] and (reply.new or reply.grown):
        reopen(
            connection,
            new_job(row["id"], row["entity_key"], row["session_key"], row["started_at"]),
        )
    return True


def _stored_reply(connection: Connection, turn_id: str, parent: str | None) -> list[str]:
    """The messages of a turn's reply so far, which stand below its last message."""
    columns = schema.messages.c
    below = columns.parent_id.is_(None) if parent is None else columns.parent_id == parent
    return list(
        connection.scalars(
            select(columns.id)
            .where(columns.turn_id == turn_id, below, columns.role.not_in(UNCHAINED_ROLES))
            .order_by(columns.position)
        )
    )

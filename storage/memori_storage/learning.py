"""Keeping memories and vectors: under the entity's lock, read what is there, write the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from memori_storage import keys
from memori_storage.locks import bump, lock_entities
from memori_storage.merging import check_cited, merge, newest_vectors
from memori_storage.reading import memories_of
from memori_storage.records import NewMemory, StoredMemory, Vector
from memori_storage.schema import memories, memory_sources, messages, turns, vectors
from memori_storage.values import chunks


class Learned(NamedTuple):
    """What is to be kept for an entity."""

    memories: Sequence[NewMemory] = ()
    vectors: Sequence[Vector] = ()


def keep(connection: Connection, entity: str, learned: Learned) -> list[StoredMemory]:
    """Keep memories and vectors; the entity's revision grows if that changed anything.

    Returns:
        The memories as they are stored now, in the order given, each once, with those sources
        that were given.

    Raises:
        StoreError: If a memory cites a message that is not the entity's.
    """
    if not learned.memories and not learned.vectors:
        return []
    key = keys.entity_key(entity)
    was = lock_entities(connection, {key: entity})[key]
    ids = [keys.memory_id(entity, memory.kind, memory.key) for memory in learned.memories]
    changed = _keep_memories(
        connection, key, was + 1, list(zip(ids, learned.memories, strict=True))
    )
    changed |= _keep_vectors(connection, key, was + 1, learned.vectors)
    if changed:
        bump(connection, {key: was})
    cited = {memory.message_id for memory in learned.memories}
    stored = {item.id: item for item in memories_of(connection, entity, ids, cited=cited)}
    return [stored[memory_id] for memory_id in dict.fromkeys(ids)]


def _keep_memories(
    connection: Connection, entity_key: str, revision: int, given: Sequence[tuple[str, NewMemory]]
) -> bool:
    """Insert new memories, and new sources of those that are known."""
    if not given:
        return False
    cited = _cited(connection, entity_key, {memory.message_id for _, memory in given})
    ids = sorted({memory_id for memory_id, _ in given})
    known = {
        row["id"]: dict(row)
        for some in chunks(ids)
        for row in connection.execute(select(memories).where(memories.c.id.in_(some))).mappings()
    }
    sources = {
        (row.memory_id, row.message_id)
        for some in chunks(ids)
        for row in connection.execute(
            select(memory_sources.c.memory_id, memory_sources.c.message_id).where(
                memory_sources.c.memory_id.in_(some),
                # What is said over and over has many sources: those of now are enough.
                memory_sources.c.message_id.in_(cited),
            )
        )
    }
    merged = merge(given, known, sources, cited, entity_key=entity_key, revision=revision)
    if merged.new:
        connection.execute(insert(memories), list(merged.new.values()))
    if merged.reinforced:
        names = ("revision", "times_seen", "observed_at", "last_seen_at", "confidence")
        connection.execute(
            update(memories).where(memories.c.id == bindparam("memory")),
            [
                {"memory": memory_id, **{name: row[name] for name in names}}
                for memory_id, row in merged.reinforced.items()
            ],
        )
    if merged.sources:
        connection.execute(
            insert(memory_sources),
            [{"memory_id": memory, "message_id": message} for memory, message in merged.sources],
        )
    return bool(merged.sources)


def _cited(connection: Connection, entity_key: str, ids: set[str]) -> dict[str, dict[str, Any]]:
    """Session and process of messages of an entity, all of ``ids`` or an error."""
    found = {
        row["id"]: dict(row)
        for some in chunks(sorted(ids))
        for row in connection.execute(
            select(messages.c.id, messages.c.session_key, turns.c.process_key)
            .join(turns, turns.c.id == messages.c.turn_id)
            .where(messages.c.entity_key == entity_key, messages.c.id.in_(some))
        ).mappings()
    }
    check_cited(ids, found)
    return found


def _keep_vectors(
    connection: Connection, entity_key: str, revision: int, given: Iterable[Vector]
) -> bool:
    """Insert or replace vectors, those that differ from what is stored."""
    wanted = newest_vectors(given)
    if not wanted:
        return False
    stored = {
        (row.item_id, row.model_key): row.data
        for some in chunks(sorted({item for item, _ in wanted}))
        for row in connection.execute(
            select(vectors.c.item_id, vectors.c.model_key, vectors.c.data).where(
                vectors.c.entity_key == entity_key, vectors.c.item_id.in_(some)
            )
        )
    }
    new: list[dict[str, Any]] = []
    replaced: list[dict[str, Any]] = []
    for (item, model), vector in wanted.items():
        if (item, model) not in stored:
            new.append(
                {
                    "entity_key": entity_key,
                    "item_id": item,
                    "model_key": model,
                    "model": vector.model,
                    "revision": revision,
                    "data": vector.data,
                }
            )
        elif bytes(stored[item, model]) != vector.data:
            replaced.append(
                {"item": item, "of_model": model, "revision": revision, "data": vector.data}
            )
    if new:
        connection.execute(insert(vectors), new)
    if replaced:
        connection.execute(
            update(vectors).where(
                vectors.c.entity_key == entity_key,
                vectors.c.item_id == bindparam("item"),
                vectors.c.model_key == bindparam("of_model"),
            ),
            replaced,
        )
    return bool(new or replaced)

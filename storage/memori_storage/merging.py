"""What new memories and vectors change in those that are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memori_storage import keys
from memori_storage.records import NewMemory, Vector
from memori_storage.store import StoreError


@dataclass(slots=True)
class Merged:
    """Rows to insert, rows that changed, and pairs of memory and message to insert as sources."""

    new: dict[str, dict[str, Any]] = field(default_factory=dict)
    reinforced: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: list[tuple[str, str]] = field(default_factory=list)


def check_cited(ids: Iterable[str], found: Mapping[str, Any]) -> None:
    """Refuse memories of messages that are not the entity's.

    Raises:
        StoreError: If not all of ``ids`` were found among the entity's messages.
    """
    if unknown := sorted(set(ids) - found.keys()):
        raise StoreError(f"a memory cites message {unknown[0]}, which its entity does not have")


def merge(
    given: Sequence[tuple[str, NewMemory]],
    known: Mapping[str, Mapping[str, Any]],
    sources: Iterable[tuple[str, str]],
    cited: Mapping[str, Mapping[str, Any]],
    *,
    entity_key: str,
    revision: int,
) -> Merged:
    """What memories change: new ones, and new sources of those that are known.

    Args:
        given: Memories with their ids.
        known: Rows of those that are stored.
        sources: Pairs of memory and message that are stored, of these memories and messages.
        cited: Session and process of the messages they cite.
        entity_key: Whose they are.
        revision: The entity's, which rows that change get.
    """
    merged, seen = Merged(), set(sources)
    for memory_id, memory in given:
        source = (memory_id, memory.message_id)
        if source in seen:
            continue
        seen.add(source)
        merged.sources.append(source)
        if memory_id in known:
            row = merged.reinforced.setdefault(memory_id, dict(known[memory_id]))
        elif memory_id in merged.new:
            row = merged.new[memory_id]
        else:
            row = _memory_row(memory_id, entity_key, memory, cited[memory.message_id])
            merged.new[memory_id] = row
            row["revision"] = revision
            continue
        row.update(_reinforced(row, memory), revision=revision)
    return merged


def _memory_row(
    memory_id: str, entity_key: str, memory: NewMemory, message: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": memory_id,
        "entity_key": entity_key,
        "process_key": message["process_key"],
        "session_key": message["session_key"],
        "kind": memory.kind,
        "content": memory.content,
        "subject": memory.subject,
        "predicate": memory.predicate,
        "object": memory.object,
        "status": memory.status,
        "confidence": memory.confidence,
        "times_seen": 1,
        "observed_at": memory.observed_at,
        "last_seen_at": memory.observed_at,
        "valid_from": memory.valid_from,
        "valid_to": memory.valid_to,
        "extractor": memory.extractor,
    }


def _reinforced(row: Mapping[str, Any], memory: NewMemory) -> dict[str, Any]:
    """What one more source changes in a memory: how often and when it was seen, and how surely."""
    return {
        "times_seen": row["times_seen"] + 1,
        "observed_at": min(row["observed_at"], memory.observed_at),
        "last_seen_at": max(row["last_seen_at"], memory.observed_at),
        "confidence": max(row["confidence"], memory.confidence),
    }


def newest_vectors(given: Iterable[Vector]) -> dict[tuple[str, str], Vector]:
    """Vectors by item and key of their model, the last given of each, in order of the keys."""
    wanted = {(vector.item_id, keys.model_key(vector.model)): vector for vector in given}
    return dict(sorted(wanted.items(), key=lambda pair: pair[0]))

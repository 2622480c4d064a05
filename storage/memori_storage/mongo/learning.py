"""Keeping memories and vectors: read what is there, commit the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memori_storage import keys
from memori_storage.merging import check_cited, merge, newest_vectors
from memori_storage.mongo.committing import Committer, Draft
from memori_storage.mongo.documents import MEMORIES, MESSAGES, SOURCES, VECTORS, Document
from memori_storage.mongo.ledger import View
from memori_storage.mongo.reading import Reader
from memori_storage.records import NewMemory, StoredMemory, Vector
from memori_storage.values import chunks


class Keeper:
    """Keeps what was learned."""

    def __init__(self, committer: Committer, reader: Reader) -> None:
        self._committer = committer
        self._reader = reader

    def keep(
        self, entity: str, memories: Sequence[NewMemory], vectors: Sequence[Vector]
    ) -> list[StoredMemory]:
        """Keep memories and vectors; the entity's revision grows if that changes anything.

        Returns:
            The memories as they are stored now, in the order given, each once, with those sources
            that were given.

        Raises:
            StoreError: If a memory cites a message that is not the entity's.
        """
        if not memories and not vectors:
            return []
        owner = keys.entity_key(entity)
        ids = [keys.memory_id(entity, memory.kind, memory.key) for memory in memories]
        given = list(zip(ids, memories, strict=True))

        def plan(view: View) -> Iterator[Draft]:
            draft = Draft(owner, view.revision + 1)
            self._draft_memories(draft, view, given)
            self._draft_vectors(draft, view, vectors)
            if draft.documents:
                yield draft

        self._committer.run([owner], lambda views: plan(views[owner]))
        cited = {memory.message_id for memory in memories}
        stored = {item.id: item for item in self._reader.memories(entity, ids, cited=cited)}
        return [stored[memory_id] for memory_id in dict.fromkeys(ids)]

    def _draft_memories(
        self, draft: Draft, view: View, given: Sequence[tuple[str, NewMemory]]
    ) -> None:
        """New memories, and new sources of those that are known."""
        if not given:
            return
        messages = {memory.message_id for _, memory in given}
        cited = {row["id"]: row for row in self._rows(view, MESSAGES, "id", messages)}
        check_cited(messages, cited)
        ids = {memory_id for memory_id, _ in given}
        known = {row["id"]: row for row in self._rows(view, MEMORIES, "id", ids)}
        of_these = {"message_id": {"$in": sorted(messages)}}
        pairs = ("memory_id", "message_id")
        stored = self._rows(view, SOURCES, "memory_id", ids, of_these, by=pairs)
        sources = [(row["memory_id"], row["message_id"]) for row in stored]
        merged = merge(
            given, known, sources, cited, entity_key=draft.owner, revision=draft.revision
        )
        first = {memory_id: memory.message_id for memory_id, memory in reversed(given)}
        for memory_id, row in merged.new.items():
            message = cited[first[memory_id]]
            draft.add(MEMORIES, row | {name: message[name] for name in ("session", "process")})
        for memory_id, row in merged.reinforced.items():
            draft.add(MEMORIES, row)
            draft.replace(MEMORIES, known[memory_id])
        for memory_id, message_id in merged.sources:
            said = {name: cited[message_id][name] for name in _OF_SOURCE}
            draft.add(SOURCES, {"memory_id": memory_id, "message_id": message_id, **said})

    def _draft_vectors(self, draft: Draft, view: View, given: Sequence[Vector]) -> None:
        """Vectors that differ from what is stored."""
        wanted = newest_vectors(given)
        items = {item for item, _ in wanted}
        stored = {
            (row["item_id"], row["model_key"]): row
            for row in self._rows(view, VECTORS, "item_id", items, by=("item_id", "model_key"))
        }
        for (item, model), vector in wanted.items():
            old = stored.get((item, model))
            if old is not None and bytes(old["data"]) == vector.data:
                continue
            if old is not None:
                draft.replace(VECTORS, old)
            draft.add(
                VECTORS,
                {
                    "item_id": item,
                    "model_key": model,
                    "model": vector.model,
                    "data": vector.data,
                },
            )

    def _rows(
        self,
        view: View,
        name: str,
        field: str,
        values: set[str],
        narrowed: Mapping[str, Any] | None = None,
        *,
        by: Sequence[str] = ("id",),
    ) -> list[Document]:
        """An owner's rows with one of these values in a field."""
        return [
            row
            for some in chunks(sorted(values))
            for row in self._reader.rows(
                view, name, {field: {"$in": list(some)}, **(narrowed or {})}, by=by
            )
        ]


_OF_SOURCE = ("turn_id", "session", "trace_id", "span_id", "created_at", "position")

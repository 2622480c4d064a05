"""Reading messages, memories and vectors of an entity, each time as of one commit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from memori_storage import keys
from memori_storage.mongo.documents import (
    MEMORIES,
    MESSAGES,
    SOURCES,
    VECTORS,
    Document,
    decoded,
    newest,
)
from memori_storage.mongo.ledger import Ledger, View
from memori_storage.mongo.link import Link
from memori_storage.records import Changes, Source, StoredMemory, StoredMessage, Vector
from memori_storage.rows import memory_of, message_of
from memori_storage.values import chunks


class Reader:
    """Reads what is committed."""

    def __init__(self, link: Link, ledger: Ledger) -> None:
        self._link = link
        self._ledger = ledger

    def rows(
        self,
        view: View,
        name: str,
        narrowed: Mapping[str, Any] | None = None,
        *,
        by: Sequence[str] = ("id",),
    ) -> list[Document]:
        """An owner's rows as of a view, the newest version of each.

        Args:
            view: What is committed.
            name: The collection.
            narrowed: Further conditions.
            by: The fields that tell rows apart.
        """
        found = self._link.find(name, {"owner": view.owner, **(narrowed or {})})
        return [decoded(document) for document in newest(view.committed(found), *by)]

    def revision(self, entity: str) -> int:
        """An entity's revision; 0 if nothing was ever stored for it."""
        return self._ledger.view(keys.entity_key(entity)).revision

    def messages(self, entity: str, session: str | None = None) -> list[StoredMessage]:
        """An entity's messages, of one session or of all, sessions in the order of their start."""
        view = self._ledger.view(keys.entity_key(entity))
        narrowed = {} if session is None else {"session_key": keys.session_key(entity, session)}
        rows = self.rows(view, MESSAGES, narrowed)
        rows.sort(key=lambda row: (*in_session_order(view, row["session_key"]), row["position"]))
        return [message_of(row, entity) for row in rows]

    def memories(
        self,
        entity: str,
        ids: Iterable[str] | None = None,
        *,
        cited: Collection[str] | None = None,
    ) -> list[StoredMemory]:
        """An entity's memories in the order in which they were observed, all or those of ``ids``.

        Their sources are all there are, or those among the messages ``cited``.
        """
        view = self._ledger.view(keys.entity_key(entity))
        if ids is None:
            rows = self.rows(view, MEMORIES)
        else:
            rows = [
                row
                for some in chunks(sorted(set(ids)))
                for row in self.rows(view, MEMORIES, {"id": {"$in": list(some)}})
            ]
        rows.sort(key=lambda row: (row["observed_at"], row["id"]))
        return self.memories_from(view, rows, entity, cited=cited, every=ids is None)

    def memories_from(
        self,
        view: View,
        rows: Sequence[Document],
        entity: str,
        *,
        cited: Collection[str] | None = None,
        every: bool = False,
    ) -> list[StoredMemory]:
        """The memories in rows with their sources; ``every`` one the entity has, if that is so."""
        narrowed = {} if cited is None else {"message_id": {"$in": sorted(cited)}}
        asked: list[dict[str, Any]] = [{}]
        if not every:
            ids = [row["id"] for row in rows]
            asked = [{"memory_id": {"$in": list(some)}} for some in chunks(ids)]
        by = ("memory_id", "message_id")
        found = [row for some in asked for row in self.rows(view, SOURCES, some | narrowed, by=by)]
        found.sort(key=lambda row: (row["created_at"], row["position"], row["message_id"]))
        sources: dict[str, list[Source]] = {}
        for row in found:
            names = ("message_id", "turn_id", "session", "trace_id", "span_id")
            sources.setdefault(row["memory_id"], []).append(Source(*(row[name] for name in names)))
        return [memory_of(row, entity, sources.get(row["id"], ())) for row in rows]

    def changes(self, entity: str, since: int, model: str | None) -> Changes:
        """What was written for an entity after revision ``since``; vectors of ``model`` or all."""
        view = self._ledger.view(keys.entity_key(entity))
        if view.revision <= since:
            return Changes(revision=view.revision)
        later: dict[str, Any] = {"revision": {"$gt": since, "$lte": view.revision}}
        messages = self.rows(view, MESSAGES, later)
        messages.sort(key=lambda row: (row["revision"], row["session_key"], row["position"]))
        memories = self.rows(view, MEMORIES, later)
        memories.sort(key=lambda row: (row["revision"], row["id"]))
        of_model = {} if model is None else {"model_key": keys.model_key(model)}
        vectors = self.rows(view, VECTORS, later | of_model, by=("item_id", "model_key"))
        return Changes(
            revision=view.revision,
            messages=tuple(message_of(row, entity) for row in messages),
            memories=tuple(self.memories_from(view, memories, entity, every=since == 0)),
            vectors=tuple(Vector(row["item_id"], row["model"], row["data"]) for row in vectors),
        )


def in_session_order(view: View, session: str) -> tuple[int, str]:
    """What sessions are sorted by: their start."""
    return view.touched[session].started_at, session

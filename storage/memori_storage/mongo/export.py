"""Everything stored for an entity, as JSON-ready dictionaries, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from memori_storage import keys
from memori_storage.exported import exported_memory, exported_message, exported_turn
from memori_storage.mongo.documents import MEMORIES, MESSAGES, TURNS, Document, decoded, newest
from memori_storage.mongo.ledger import Ledger, View
from memori_storage.mongo.link import Link
from memori_storage.mongo.reading import Reader, in_session_order
from memori_storage.rows import message_of, pages

_PAGE = 500


class Exporter:
    """Reads pages, each with a command of its own: a reader who pauses holds up nobody."""

    def __init__(self, link: Link, ledger: Ledger, reader: Reader) -> None:
        self._link = link
        self._ledger = ledger
        self._reader = reader

    def export(self, entity: str) -> Iterator[dict[str, Any]]:
        """An entity's turns, then its messages, then its memories; see :meth:`Store.export`.

        Turns and messages are those of the moment of the first page; memories are as they are when
        their page is read.
        """
        view = self._ledger.view(keys.entity_key(entity))
        for row in self._turns(view):
            yield exported_turn(row, entity)
        for row in self._messages(view):
            yield exported_message(message_of(row, entity), row["finish_reason"])
        yield from self._memories(view.owner, entity)

    def _turns(self, view: View) -> Iterator[Document]:
        wanted = {"owner": view.owner, "revision": {"$lte": view.revision}}
        found = self._paged(TURNS, wanted, ("started_at", "id", "_id"))
        for _, versions in groupby(found, key=lambda document: document["id"]):
            yield from map(decoded, newest(view.committed(versions)))

    def _messages(self, view: View) -> Iterator[Document]:
        """Messages by start of session, then position.

        Pages are whole sessions up to a page's worth, or pieces of a long one, each found through
        the index of sessions and positions.
        """
        sizes = dict.fromkeys(view.touched, 0)
        upto = {"revision": {"$lte": view.revision}}
        wanted = {"owner": view.owner, **upto}
        fields = ("session_key", "position", "_id")
        for place in self._paged(MESSAGES, wanted, fields, fields=fields):
            sizes[place["session_key"]] = place["position"] + 1
        ordered = sorted(sizes, key=lambda session: in_session_order(view, session))
        for some, position in pages([(key, sizes[key]) for key in ordered], _PAGE):
            narrowed: dict[str, Any] = {"session_key": {"$in": some}, **upto}
            if len(some) == 1:
                narrowed["position"] = {"$gte": position, "$lt": position + _PAGE}
            rows = self._reader.rows(view, MESSAGES, narrowed)
            order = {key: place for place, key in enumerate(some)}
            rows.sort(key=lambda row: (order[row["session_key"]], row["position"]))
            yield from rows

    def _memories(self, owner: str, entity: str) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            view = self._ledger.view(owner)
            page = self._link.find(
                MEMORIES,
                {"owner": owner, "id": {"$gt": after}},
                order=[("id", 1)],
                limit=_PAGE,
            )
            ids = sorted({document["id"] for document in page})
            rows = self._reader.rows(view, MEMORIES, {"id": {"$in": ids}})
            rows.sort(key=lambda row: str(row["id"]))
            yield from map(exported_memory, self._reader.memories_from(view, rows, entity))
            if len(page) < _PAGE:
                return
            after = ids[-1]

    def _paged(
        self,
        name: str,
        wanted: Mapping[str, Any],
        order: Sequence[str],
        fields: Sequence[str] | None = None,
    ) -> Iterator[Document]:
        """Documents in the order of three fields, the last of which is the ``_id``."""
        first, second, last = order
        beyond: dict[str, Any] = {}
        while True:
            page = self._link.find(
                name,
                {**wanted, **beyond},
                fields=fields,
                order=[(field, 1) for field in order],
                limit=_PAGE,
            )
            yield from page
            if len(page) < _PAGE:
                return
            at = page[-1]
            beyond = {
                "$or": [
                    {first: {"$gt": at[first]}},
                    {first: at[first], second: {"$gt": at[second]}},
                    {first: at[first], second: at[second], last: {"$gt": at[last]}},
                ]
            }

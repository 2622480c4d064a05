"""Storing turns with their new messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from memori_storage import keys
from memori_storage.joining import Response, joined, kept_since
from memori_storage.mongo.committing import Committer, Draft
from memori_storage.mongo.documents import JOBS, MESSAGES, TURNS, decoded
from memori_storage.mongo.ledger import Ledger, View
from memori_storage.mongo.link import Link
from memori_storage.mongo.trees import Trees
from memori_storage.records import Turn
from memori_storage.rows import Prepared, Rows, in_order, place_turn, prepare, unknown_anchors
from memori_storage.tree import Tree
from memori_storage.treecache import TreeCache
from memori_storage.values import chunks, microseconds, storable


class TurnWriter:
    """Stores turns, with a memory of the sessions it has written."""

    def __init__(self, link: Link, ledger: Ledger, committer: Committer, cache: TreeCache) -> None:
        self._link = link
        self._ledger = ledger
        self._committer = committer
        self._cache = cache
        self._trees = Trees(link, cache)

    def add(self, turns: Iterable[Turn]) -> int:
        """Store the turns that are new; see :meth:`memori_storage.store.Store.add_turns`."""
        placed = joined(in_order(turns), self._cache.knows, self._sessions_of)
        batch = [prepare(turn) for turn in placed]
        by_owner: dict[str, list[Prepared]] = {}
        for item in batch:
            by_owner.setdefault(item.entity or item.session, []).append(item)
        done = self._committer.run(by_owner, lambda views: self._drafts(views, by_owner))
        self._cache.put([(tree, draft.revision) for draft in done for tree in draft.trees])
        return sum(draft.count for draft in done)

    def _drafts(
        self, views: Mapping[str, View], by_owner: Mapping[str, Sequence[Prepared]]
    ) -> Iterator[Draft]:
        """What is new of a batch, for each owner."""
        given = {owner: by_owner[owner] for owner in views}
        stored = self._stored([item.turn.id for items in given.values() for item in items])
        new = {
            owner: [item for item in items if item.turn.id not in stored]
            for owner, items in given.items()
        }
        sessions = {item.session: owner for owner, items in new.items() for item in items}
        trees = self._trees.of(sessions, views)
        unknown = unknown_anchors([item for items in new.values() for item in items], trees)
        anchors = self._trees.anchors(unknown, sessions, views)
        for owner, items in new.items():
            if items:
                yield _draft(views[owner], items, trees, anchors)

    def _stored(self, ids: Sequence[str]) -> set[str]:
        fields = ["id", "owner", "revision", "token"]
        found = [
            document
            for some in chunks(ids)
            for document in self._link.find(TURNS, {"id": {"$in": list(some)}}, fields=fields)
        ]
        return {document["id"] for document in self._ledger.committed(found)}

    def _sessions_of(self, wanted: Mapping[str, Sequence[Turn]]) -> dict[Response, str]:
        """Sessions by entity and the response that ended a turn there; see :mod:`joining`."""
        found: dict[Response, str] = {}
        for entity, adrift in wanted.items():
            view = self._ledger.view(keys.entity_key(entity))
            responses = [storable(turn.previous_response_id or "") for turn in adrift]
            documents = self._link.find(
                TURNS,
                {
                    "owner": view.owner,
                    "response_id": {"$in": responses},
                    "started_at": {"$gte": microseconds(kept_since(adrift))},
                },
                fields=["response_id", "session", "started_at", "owner", "revision", "token"],
                order=[("started_at", 1)],
            )
            for document in map(decoded, view.committed(documents)):
                found[entity, document["response_id"]] = document["session"]
        return found


def _draft(
    view: View,
    items: Sequence[Prepared],
    trees: Mapping[str, Tree],
    anchors: Mapping[str, Mapping[tuple[str, str], str]],
) -> Draft:
    """What turns change for their owner."""
    draft = Draft(view.owner, view.revision + 1, count=len(items))
    for item in items:
        placement = place_turn(trees[item.session], item, anchors.get(item.session, {}))
        rows = Rows()
        rows.collect(item, placement, draft.revision)
        draft.touch(item.session, item.turn.started_at)
        for row in rows.turns:
            draft.add(TURNS, row | names_of(item.turn))
        for row in rows.messages:
            draft.add(MESSAGES, row | of_turn(rows.turns[0] | names_of(item.turn)))
        for row in rows.jobs:
            draft.add(JOBS, row | names_of(item.turn))
    draft.trees = [trees[session] for session in draft.sessions]
    return draft


def names_of(turn: Turn) -> dict[str, Any]:
    """The names that callers gave, beside the keys that are made of them: there are no joins."""
    return {"entity": turn.entity, "session": turn.session, "process": turn.process}


def of_turn(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a message says of the turn that brought it."""
    names = ("session", "process", "process_key", "trace_id", "span_id")
    return {name: row[name] for name in names}

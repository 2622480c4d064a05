"""Reading the trees of sessions, and where the histories end that providers keep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from memori_storage.mongo.documents import MESSAGES, TURNS, Document, newest
from memori_storage.mongo.ledger import View
from memori_storage.mongo.link import Link
from memori_storage.tree import UNCHAINED_ROLES, Node, Tree
from memori_storage.treecache import TreeCache
from memori_storage.values import chunks, storable

_OF_COMMIT = ("owner", "revision", "token")
_OF_NODE = ("id", "session_key", "parent_id", "content_key", "position", "role")
_OF_TURN = (
    "id",
    "session_key",
    "response_id",
    "conversation_id",
    "ended_at",
    "output_message_id",
    "input_message_id",
)

Anchors = dict[str, dict[tuple[str, str], str]]


class Trees:
    """Sessions as they are stored, or as they are remembered if that is the same."""

    def __init__(self, link: Link, cache: TreeCache) -> None:
        self._link = link
        self._cache = cache

    def of(self, sessions: Mapping[str, str], views: Mapping[str, View]) -> dict[str, Tree]:
        """The trees of sessions, whose owners are given with them."""
        trees: dict[str, Tree] = {}
        for key, owner in sessions.items():
            kept = self._cache.take(key, views[owner].touched_at(key))
            if kept is not None:
                trees[key] = kept
        missing = {key: owner for key, owner in sessions.items() if key not in trees}
        trees.update({key: Tree(key) for key in missing})
        documents = self._committed(MESSAGES, missing, views, [*_OF_NODE])
        for row in sorted(newest(documents), key=lambda row: int(row["position"])):
            node = Node(row["id"], row["parent_id"], row["content_key"], row["position"])
            chained = row["role"] not in UNCHAINED_ROLES
            trees[row["session_key"]].add(node, chained=chained)
        return trees

    def anchors(
        self,
        wanted: Mapping[str, Collection[tuple[str, str]]],
        sessions: Mapping[str, str],
        views: Mapping[str, View],
    ) -> Anchors:
        """Where histories kept by providers end, by session and name (:func:`lineage.anchors_of`).

        Args:
            wanted: Names to look for, by session.
            sessions: Owners by session.
            views: Views by owner.
        """
        asked = {key: sessions[key] for key, names in wanted.items() if names}
        # As stored, a name may differ from the one that is asked for.
        named = {
            key: {(kind, storable(name)): (kind, name) for kind, name in wanted[key]}
            for key in asked
        }
        stored = {name for names in named.values() for name in names}
        either = [
            {f"{kind}_id": {"$in": [name for of, name in stored if of == kind]}}
            for kind in ("response", "conversation")
        ]
        turns = newest(self._committed(TURNS, asked, views, [*_OF_TURN], **{"$or": either}))
        found: Anchors = {key: {} for key in wanted}
        for turn in sorted(turns, key=lambda turn: int(turn["ended_at"])):
            message = turn["output_message_id"] or turn["input_message_id"]
            for kind in ("response", "conversation"):
                name = named[turn["session_key"]].get((kind, turn[f"{kind}_id"]))
                if name is not None and message is not None:
                    found[turn["session_key"]][name] = message
        return found

    def _committed(
        self,
        collection: str,
        sessions: Mapping[str, str],
        views: Mapping[str, View],
        fields: list[str],
        **narrowed: Any,
    ) -> list[Document]:
        """Documents of sessions that are committed. Deletes those that never will be."""
        found: list[Document] = []
        for some in chunks(list(sessions)):
            owners = sorted({sessions[key] for key in some})
            wanted = {"owner": {"$in": owners}, "session_key": {"$in": list(some)}, **narrowed}
            found += self._link.find(collection, wanted, fields=[*_OF_COMMIT, *fields])
        dead = [
            document["_id"]
            for document in found
            if document["revision"] <= views[document["owner"]].revision
            and not views[document["owner"]].holds(document)
        ]
        if dead:
            self._link.delete(collection, {"_id": {"$in": dead}})
        return [document for document in found if views[document["owner"]].holds(document)]

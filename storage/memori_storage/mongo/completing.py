"""Completing turns that were stored before their answer came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memori_storage.answers import changed_values, history_of, parent_of, place_reply
from memori_storage.mongo.committing import Committer, Draft
from memori_storage.mongo.documents import JOBS, MESSAGES, TURNS, Document, decoded, newest
from memori_storage.mongo.ledger import Ledger, View
from memori_storage.mongo.link import Link
from memori_storage.mongo.trees import Anchors, Trees
from memori_storage.mongo.turns import of_turn
from memori_storage.records import Completion
from memori_storage.rows import content_columns, new_job
from memori_storage.tree import UNCHAINED_ROLES, Tree, keyed
from memori_storage.treecache import TreeCache
from memori_storage.values import chunks


class TurnCompleter:
    """Completes turns, with the memory of sessions that their writer has."""

    def __init__(self, link: Link, ledger: Ledger, committer: Committer, cache: TreeCache) -> None:
        self._link = link
        self._ledger = ledger
        self._committer = committer
        self._cache = cache
        self._trees = Trees(link, cache)

    def complete(self, completions: Sequence[Completion]) -> set[str]:
        """See :meth:`memori_storage.store.Store.complete_turns`."""
        by_turn = {completion.turn_id: completion for completion in completions}
        if not by_turn:
            return set()
        rows = self._turns(list(by_turn))
        pending = {row["id"]: row["owner"] for row in rows if row["status"] == "incomplete"}
        if pending:
            done = self._committer.run(
                pending.values(), lambda views: self._drafts(views, pending, by_turn)
            )
            self._cache.put([(tree, draft.revision) for draft in done for tree in draft.trees])
        return by_turn.keys() - {row["id"] for row in rows}

    def _turns(self, ids: Sequence[str], views: Mapping[str, View] | None = None) -> list[Document]:
        """Turns as they are now, or as of views."""
        found = [
            document
            for some in chunks(ids)
            for document in self._link.find(TURNS, {"id": {"$in": list(some)}})
        ]
        if views is None:
            committed = self._ledger.committed(found)
        else:
            committed = [
                one for one in found if one["owner"] in views and views[one["owner"]].holds(one)
            ]
        return [decoded(document) for document in newest(committed)]

    def _drafts(
        self,
        views: Mapping[str, View],
        pending: Mapping[str, str],
        by_turn: Mapping[str, Completion],
    ) -> Iterator[Draft]:
        left = [turn for turn, owner in pending.items() if owner in views]
        rows = [row for row in self._turns(left, views) if row["status"] == "incomplete"]
        sessions = {row["session_key"]: row["owner"] for row in rows}
        trees = self._trees.of(sessions, views)
        names: dict[str, list[tuple[str, str]]] = {}
        for row in rows:
            names.setdefault(row["session_key"], []).extend(history_of(row))
        anchors = self._trees.anchors(names, sessions, views)
        messages = self._stored(MESSAGES, rows, views)
        jobs = self._stored(JOBS, rows)
        for owner, view in views.items():
            draft = Draft(owner, view.revision + 1)
            for row in rows:
                if row["owner"] == owner:
                    tree = trees[row["session_key"]]
                    versions = jobs.get(row["id"], [])
                    job = 1 + max((version["attempts"] for version in versions), default=-1)
                    stored = messages.get(row["id"], [])
                    _complete(draft, tree, row, by_turn[row["id"]], anchors, stored, job)
            if draft.documents:
                draft.trees = [trees[session] for session in draft.sessions]
                yield draft

    def _stored(
        self, name: str, rows: Sequence[Document], views: Mapping[str, View] | None = None
    ) -> dict[str, list[Document]]:
        """Documents of turns, by turn; with views only what is committed, as it is now."""
        found: list[Document] = []
        for some in chunks(rows):
            owners = sorted({row["owner"] for row in some})
            turns = [row["id"] for row in some]
            found += self._link.find(name, {"owner": {"$in": owners}, "turn_id": {"$in": turns}})
        if views is not None:
            found = newest(one for one in found if views[one["owner"]].holds(one))
        by_turn: dict[str, list[Document]] = {}
        for document in found:
            by_turn.setdefault(document["turn_id"], []).append(document)
        return by_turn


def _complete(
    draft: Draft,
    tree: Tree,
    row: Mapping[str, Any],
    completion: Completion,
    anchors: Anchors,
    stored: Sequence[Document],
    job: int,
) -> None:
    """Draft one turn's end.

    Args:
        draft: What changes for the owner.
        tree: The session's messages; changed in place.
        row: The turn.
        completion: Its end.
        anchors: Where histories end that providers keep, by session.
        stored: The messages that the turn brought.
        job: Attempts that the turn's job is to have: whoever is at it has not seen all, so that
            those no longer count.
    """
    parent = parent_of(tree, row, anchors[tree.session])
    said = {
        message["id"]: message
        for message in sorted(stored, key=lambda message: int(message["position"]))
        if message["parent_id"] == parent and message["role"] not in UNCHAINED_ROLES
    }
    reply = place_reply(tree, row, keyed(completion.output), parent, list(said))
    values = changed_values(row, completion, reply)
    if values is None:
        return
    draft.touch(tree.session, row["started_at"])
    draft.add(TURNS, {**row, **values})
    created = {"created_at": completion.ended_at}
    for node_id, item in reply.grown:
        draft.add(MESSAGES, {**decoded(said[node_id]), **content_columns(item), **created})
    for node, item in reply.new:
        place = {
            "id": node.id,
            "turn_id": row["id"],
            "parent_id": node.parent,
            "position": node.position,
            "role": item.message.role,
            "entity_key": row["entity_key"],
            "session_key": row["session_key"],
        }
        draft.add(MESSAGES, {**place, **content_columns(item), **created, **of_turn(row)})
    if row["entity_key"] and (reply.new or reply.grown):
        again = new_job(row["id"], row["entity_key"], row["session_key"], row["started_at"])
        names = {"entity": row["entity"], "session": row["session"]}
        draft.add(JOBS, {**again, **names, "attempts": job})

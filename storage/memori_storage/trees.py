"""The trees of sessions: kept between transactions while they are true, read when they are not."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, RowMapping, func, select

from memori_storage.database import chunks
from memori_storage.lineage import UNCHAINED_ROLES, Node, Tree
from memori_storage.schema import messages, turns

MAX_CACHED = 50_000
"""Messages and anchors kept over all sessions, some 30 MB."""


class TreeCache:
    """Trees by session with the session's revision, the least recently written forgotten first."""

    def __init__(self, limit: int = MAX_CACHED) -> None:
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Forget everything, the lock's holder included: for a forked child."""
        self._lock = threading.Lock()
        self._trees: dict[str, tuple[int, Tree, int]] = {}
        self._weight = 0

    def take(self, session: str, revision: int) -> Tree | None:
        """Take out a session's tree, if it is that of ``revision``: the caller will change it."""
        with self._lock:
            kept = self._trees.pop(session, None)
            if kept is None:
                return None
            self._weight -= kept[2]
        return kept[1] if kept[0] == revision else None

    def knows(self, session: str, name: tuple[str, str]) -> bool:
        """Whether a history kept by a provider is remembered to end in a session."""
        with self._lock:
            kept = self._trees.get(session)
            return kept is not None and name in kept[1].anchors

    def trees(self, connection: Connection, sessions: Mapping[str, RowMapping]) -> dict[str, Tree]:
        """The trees of sessions whose rows are locked, by key: taken out of here, or read."""
        trees: dict[str, Tree] = {}
        for key, row in sessions.items():
            kept = self.take(key, row["revision"])
            if kept is not None:
                trees[key] = kept
            elif row["revision"] == 0:
                trees[key] = Tree(key)
        trees.update(load_trees(connection, sessions.keys() - trees.keys()))
        return trees

    def put(self, trees: Iterable[tuple[Tree, int]]) -> None:
        """Keep trees with the revisions that were committed."""
        with self._lock:
            for tree, revision in trees:
                replaced = self._trees.pop(tree.session, None)
                self._weight += tree.weight - (replaced[2] if replaced else 0)
                self._trees[tree.session] = (revision, tree, tree.weight)
            while self._weight > self._limit and len(self._trees) > 1:
                oldest = next(iter(self._trees))
                self._weight -= self._trees.pop(oldest)[2]


def load_trees(connection: Connection, sessions: Collection[str]) -> dict[str, Tree]:
    """The trees of sessions, by key, as stored."""
    trees = {session: Tree(session) for session in sessions}
    columns = messages.c
    for some in chunks(list(sessions)):
        rows = connection.execute(
            select(
                columns.session_key,
                columns.id,
                columns.parent_id,
                columns.content_key,
                columns.position,
                columns.role,
            )
            .where(columns.session_key.in_(some))
            .order_by(columns.session_key, columns.position)
        )
        for session, node, parent, key, position, role in rows:
            trees[session].add_stored(
                Node(node, parent, key, position), chained=role not in UNCHAINED_ROLES
            )
    return trees


def load_anchors(
    connection: Connection, wanted: Mapping[str, Collection[tuple[str, str]]]
) -> dict[str, dict[tuple[str, str], str]]:
    """Where histories kept by providers end, by session and name (:func:`lineage.anchors_of`)."""
    found: dict[str, dict[tuple[str, str], str]] = {session: {} for session in wanted}
    named = {"response": turns.c.response_id, "conversation": turns.c.conversation_id}
    for kind, column in named.items():
        names = {
            session: {name for of, name in names if of == kind} for session, names in wanted.items()
        }
        for some in chunks([session for session, of_kind in names.items() if of_kind]):
            rows = connection.execute(
                select(
                    turns.c.session_key,
                    column,
                    func.coalesce(turns.c.output_message_id, turns.c.input_message_id),
                )
                .where(turns.c.session_key.in_(some), column.is_not(None))
                .order_by(turns.c.ended_at)
            )
            for session, name, message in rows:
                if name in names[session] and message is not None:
                    found[session][kind, name] = message
    return found

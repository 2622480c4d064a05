"""The trees of sessions, kept between transactions while they are true."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from memori_storage.tree import Tree

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
        """Take out a session's tree, if it is that of ``revision``: the caller will change it.

        A session of revision 0 has nothing yet.
        """
        with self._lock:
            kept = self._trees.pop(session, None)
            if kept is not None:
                self._weight -= kept[2]
        if kept is not None and kept[0] == revision:
            return kept[1]
        return None if revision else Tree(session)

    def knows(self, session: str, name: tuple[str, str]) -> bool:
        """Whether a history kept by a provider is remembered to end in a session."""
        with self._lock:
            kept = self._trees.get(session)
            return kept is not None and name in kept[1].anchors

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

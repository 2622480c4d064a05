"""The indexes of the entities asked about lately."""

from __future__ import annotations

import threading
from collections import OrderedDict

from memori_instrumentation.embeddings.protocol import Embedder
from memori_instrumentation.recall.index import EntityIndex
from memori_storage.store import Store

MAX_ITEMS = 200_000
"""Candidates kept over all entities, each some 2 to 3 kB; the index in use always stays."""


class IndexCache:
    """Indexes by entity, the least recently used dropped when their items are too many.

    Args:
        embedder: For the indexes it makes.
        max_items: Candidates to keep over all entities.
    """

    def __init__(self, embedder: Embedder | None, *, max_items: int = MAX_ITEMS) -> None:
        self._embedder = embedder
        self._max_items = max_items
        self._lock = threading.Lock()
        self._indexes: OrderedDict[str, EntityIndex] = OrderedDict()

    def __len__(self) -> int:
        return len(self._indexes)

    def get(self, entity: str, store: Store) -> EntityIndex:
        """The entity's index, up to date with the store."""
        with self._lock:
            index = self._indexes.setdefault(entity, EntityIndex(entity, self._embedder))
            self._indexes.move_to_end(entity)
        # Outside of the lock: one entity's cold start keeps no other waiting.
        index.refresh(store)
        with self._lock:
            if not len(index) and self._indexes.get(entity) is index:
                # Asking about strangers must not push out those who are known.
                del self._indexes[entity]
            self._shrink(entity)
        return index

    def _shrink(self, used: str) -> None:
        total = sum(len(index) for index in self._indexes.values())
        for entity in list(self._indexes):
            if total <= self._max_items:
                return
            if entity != used:
                total -= len(self._indexes.pop(entity))

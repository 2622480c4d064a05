"""One entity's candidates, kept in memory: vectors, postings and columns, refreshed by revision."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memori_instrumentation.embeddings.protocol import Embedder
from memori_instrumentation.recall import ranking
from memori_instrumentation.recall.growing import Growing
from memori_instrumentation.recall.lexical import (
    CONTEXT_STEPS,
    Postings,
    bm25,
    grouped,
    in_context,
    main_languages,
)
from memori_instrumentation.recall.memory import MESSAGE
from memori_instrumentation.recall.tokens import (
    content_words,
    language_of,
    query_terms,
    term_counts,
)
from memori_instrumentation.recall.vectors import VectorTable
from memori_storage.records import Changes, StoredMemory, StoredMessage, Vector
from memori_storage.store import Store

ROLES = frozenset({"user", "assistant"})
"""Whose messages are candidates: what tools returned and what the app instructed is no memory."""

EMBED_AT_ONCE = 2_048
"""Most texts that one query embeds by itself because nobody has yet, some 0.15 s with the default
embedder; the rest are found by their words until later queries get to them."""

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a query is confined to; ``None`` where it is not."""

    process: str | None = None
    session: str | None = None
    kinds: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A candidate in its place: what is stored, and why it is there."""

    record: StoredMessage | StoredMemory
    score: float
    parts: Mapping[str, float]
    messages: Mapping[str, StoredMessage]
    """Those of a memory's source messages that are candidates themselves, by id."""


class EntityIndex:
    """The candidates of one entity. Safe for concurrent use; one query or refresh at a time.

    Args:
        entity: Whose.
        embedder: For questions, and for stored texts that have no vector yet; without one, what
            counts is words, session and recency.
    """

    def __init__(self, entity: str, embedder: Embedder | None) -> None:
        self.entity = entity
        self._embedder = embedder
        self._lock = threading.Lock()
        self._revision = 0
        self._records: list[StoredMessage | StoredMemory] = []
        self._row_of: dict[str, int] = {}
        self._skipped: dict[str, str | None] = {}
        """Parent of each message that is no candidate: conversations are followed through them."""
        self._before: list[int] = []
        """Row of the message before, -1 for none."""
        self._postings = Postings()
        self._languages: Counter[str] = Counter()
        self._codes: dict[str | None, int] = {}
        self._columns = {
            "live": Growing(np.bool_),
            "observed": Growing(np.float64),
            "valid_to": Growing(np.float64),
            "process": Growing(np.int32),
            "session": Growing(np.int32),
            "kind": Growing(np.int32),
        }
        self._vectors = VectorTable()

    def __len__(self) -> int:
        return len(self._records)

    def refresh(self, store: Store) -> None:
        """Take in what the store has and the index has not; reads one number if it is nothing."""
        with self._lock:
            if store.revision(self.entity) == self._revision:
                return
            model = self._embedder.name if self._embedder else None
            self._apply(store.changes(self.entity, self._revision, model=model))

    def apply(self, changes: Changes) -> None:
        """Take in changes that are at hand; the same changes twice do nothing."""
        with self._lock:
            self._apply(changes)

    def _apply(self, changes: Changes) -> None:
        # A message's words count for those that follow, so it has to be there first.
        for message in sorted(changes.messages, key=lambda m: (m.session, m.position)):
            self._add_message(message)
        for memory in changes.memories:
            self._add_memory(memory)
        if self._embedder is not None:
            self._add_vectors(changes.vectors)
        self._revision = changes.revision

    def _add_message(self, message: StoredMessage) -> None:
        row = self._row_of.get(message.id)
        if row is not None:
            if _text(self._records[row]) == message.text:
                return
            # It came in full by now: the row of its beginning stays behind, dead.
            self._columns["live"].values[row] = False
        if message.role not in ROLES or not message.text.strip():
            self._skipped[message.id] = message.parent_id
            return
        before = self._candidate_at(message.parent_id)
        self._append(message, message.text, MESSAGE, message.created_at, message.session, before)

    def _add_memory(self, memory: StoredMemory) -> None:
        row = self._row_of.get(memory.id)
        if row is not None:
            known = self._records[row]
            if isinstance(known, StoredMemory) and known.content == memory.content:
                self._records[row] = memory
                self._set_state(row, memory)
                return
            # Its words changed: the old row stays behind, dead.
            self._columns["live"].values[row] = False
        session = memory.session or (memory.sources[0].session if memory.sources else None)
        row = self._append(memory, memory.content, memory.kind, memory.observed_at, session, -1)
        self._set_state(row, memory)

    def _set_state(self, row: int, memory: StoredMemory) -> None:
        self._columns["live"].values[row] = memory.status == "active"
        valid_to = memory.valid_to.timestamp() if memory.valid_to else _NEVER
        self._columns["valid_to"].values[row] = valid_to

    def _append(
        self,
        record: StoredMessage | StoredMemory,
        text: str,
        kind: str,
        observed: datetime,
        session: str | None,
        before: int,
    ) -> int:
        row = self._postings.add(in_context(self._counts_in_context(text, before)))
        self._languages[language_of(text)] += 1
        self._records.append(record)
        self._row_of[record.id] = row
        self._before.append(before)
        self._vectors.append()
        values = {
            "live": True,
            "observed": observed.timestamp(),
            "valid_to": _NEVER,
            "process": self._code(record.process),
            "session": self._code(session),
            "kind": self._code(kind),
        }
        for name, value in values.items():
            self._columns[name].append(value)
        return row

    def _counts_in_context(self, text: str, before: int) -> list[Mapping[str, int]]:
        counts = [term_counts(text)]
        while before >= 0 and len(counts) <= CONTEXT_STEPS:
            counts.append(term_counts(_text(self._records[before])))
            before = self._before[before]
        return counts

    def _candidate_at(self, message_id: str | None) -> int:
        """Row of a message, or of the nearest candidate before it; -1 for none."""
        while message_id is not None and message_id not in self._row_of:
            message_id = self._skipped.get(message_id)
        return -1 if message_id is None else self._row_of[message_id]

    def _code(self, value: str | None) -> int:
        return self._codes.setdefault(value, len(self._codes))

    def _add_vectors(self, vectors: Iterable[Vector]) -> None:
        for vector in vectors:
            row = self._row_of.get(vector.item_id)
            if row is not None:
                self._vectors.set(row, np.frombuffer(vector.data, dtype="<f4"))

    def _embed_missing(self, embedder: Embedder) -> None:
        rows = self._vectors.missing(self._columns["live"].values, EMBED_AT_ONCE)
        if rows:
            vectors = embedder.embed([_text(self._records[row]) for row in rows])
            for row, vector in zip(rows, vectors, strict=True):
                self._vectors.set(row, vector)

    def search(self, query: str, filters: Filters, limit: int, now: datetime) -> list[Hit]:
        """The best candidates for a question, best first, no text twice.

        Args:
            query: The question, not blank.
            filters: What to confine the candidates to.
            limit: Most hits to give.
            now: Against which age and validity are reckoned.
        """
        vector = self._question(query)
        with self._lock:
            if not self._records:
                return []
            allowed = self._allowed(filters, now.timestamp())
            components = self._components(query, vector, now.timestamp())
            pool = ranking.pool(components, allowed, max(ranking.POOL, 2 * limit))
            total, parts = ranking.combined({n: scores[pool] for n, scores in components.items()})
            return self._hits(pool, total, parts, limit)

    def _question(self, query: str) -> NDArray[np.float32] | None:
        if self._embedder is None:
            return None
        if getattr(self._embedder, "bag_of_words", False):
            query = content_words(query)
        vector: NDArray[np.float32] = self._embedder.embed([query])[0]
        return vector

    def _allowed(self, filters: Filters, now: float) -> NDArray[np.bool_]:
        columns = {name: column.values for name, column in self._columns.items()}
        allowed: NDArray[np.bool_] = columns["live"] & (columns["valid_to"] > now)
        if filters.process is not None:
            allowed &= columns["process"] == self._codes.get(filters.process, -1)
        if filters.session is not None:
            allowed &= columns["session"] == self._codes.get(filters.session, -1)
        if filters.kinds is not None:
            codes = [self._codes[kind] for kind in filters.kinds if kind in self._codes]
            allowed &= np.isin(columns["kind"], codes)
        return allowed

    def _components(
        self, query: str, vector: NDArray[np.float32] | None, now: float
    ) -> dict[str, NDArray[np.float32]]:
        """The raw scores of every row, by component."""
        terms = query_terms(query, main_languages(self._languages))
        occurrences = self._postings.occurrences(terms)
        sessions = self._columns["session"].values
        by_session = bm25(*grouped(occurrences, self._postings.lengths, sessions))
        components = {
            "lexical": bm25(occurrences, self._postings.lengths),
            "session": by_session[sessions],
            "recency": ranking.recency(self._columns["observed"].values, now),
        }
        if self._embedder is not None and vector is not None:
            self._embed_missing(self._embedder)
            cosines = self._vectors.cosines(vector)
            if cosines is not None:
                components["dense"] = cosines
        return components

    def _hits(
        self,
        pool: NDArray[np.intp],
        total: NDArray[np.float32],
        parts: Mapping[str, NDArray[np.float32]],
        limit: int,
    ) -> list[Hit]:
        hits: list[Hit] = []
        seen: set[str] = set()
        # Newer first among equals: rows are in order of arrival.
        for place in np.lexsort((-pool, -total)):
            record = self._records[pool[place]]
            key = ranking.same_text_key(_text(record))
            if key in seen:
                continue
            seen.add(key)
            score = float(total[place])
            explained = {name: float(values[place]) for name, values in parts.items()}
            hits.append(Hit(record, score, explained, self._source_messages(record)))
            if len(hits) == limit:
                break
        return hits

    def _source_messages(self, record: StoredMessage | StoredMemory) -> dict[str, StoredMessage]:
        ids: Sequence[str] = (
            [record.id]
            if isinstance(record, StoredMessage)
            else [source.message_id for source in record.sources]
        )
        found = (self._records[self._row_of[i]] for i in ids if i in self._row_of)
        return {message.id: message for message in found if isinstance(message, StoredMessage)}


def _text(record: StoredMessage | StoredMemory) -> str:
    return record.text if isinstance(record, StoredMessage) else record.content

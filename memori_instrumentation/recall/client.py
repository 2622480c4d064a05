"""RecallClient: ask what is remembered."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, Self

from memori_instrumentation.config import Settings, SettingsError, checked_id
from memori_instrumentation.embeddings import build_embedder
from memori_instrumentation.embeddings.protocol import Embedder
from memori_instrumentation.recall import flushing
from memori_instrumentation.recall.cache import IndexCache
from memori_instrumentation.recall.index import Filters, Hit
from memori_instrumentation.recall.memory import KINDS, MESSAGE, Memory, MemorySource, RecallError
from memori_instrumentation.telemetry import memory_span
from memori_storage.records import Source, StoredMessage
from memori_storage.store import Store

__all__ = ["Memory", "RecallClient", "RecallError"]

_POLL = 0.02
"""Seconds between looks at the open jobs of workers elsewhere."""


class RecallClient:
    """Finds what is remembered about an entity: what was learned, and what was said.

    Works beside the instrumentation or without it, in the same process or in another, on the same
    database. Nothing is opened or loaded before the first call. Safe to use from any thread.

    A message that has no vector yet is embedded while it is looked at (a bounded number for each
    query, newest first) and is found by its words in any case, so what was just stored can be
    recalled before any worker has seen it.

    Args:
        database: A database URL, an SQLAlchemy Engine or sessionmaker, or an open ``Store``, which
            then stays the caller's to close. Default: the settings'. A database without the schema
            gets it at the first call.
        embedder: ``wordllama``, ``none``, or an ``Embedder``. Default: the settings'.
        settings: Settings to take the rest from; read from the environment unless given.

    Raises:
        SettingsError: For an unknown embedder or a bad setting in the environment.
    """

    def __init__(
        self,
        database: Any = None,
        *,
        embedder: str | Embedder | None = None,
        settings: Settings | None = None,
    ) -> None:
        settings = settings or Settings.resolve()
        self._settings = settings if database is None else replace(settings, database=database)
        chosen = settings.embedder if embedder is None else embedder
        self._cache = IndexCache(build_embedder(chosen) if isinstance(chosen, str) else chosen)
        self._opening = threading.Lock()
        self._opened: Store | None = None
        self._closed = False

    def recall(
        self,
        query: str,
        *,
        entity: str,
        process: str | None = None,
        session: str | None = None,
        kinds: Collection[str] | None = None,
        limit: int = 5,
        min_score: float | None = None,
    ) -> list[Memory]:
        """What is remembered that bears on a question, best first.

        Args:
            query: The question, in any language; not blank.
            entity: Whose memories. An unknown entity has none.
            process: Only what was said to this agent or program.
            session: Only what was said in this conversation.
            kinds: Only these kinds: ``message``, ``fact``, ``preference``, ``skill``,
                ``attribute``, ``event``, ``person``, ``relationship``, ``rule``.
            limit: Most memories to give, at least 1.
            min_score: Leave out what scores less (see :attr:`Memory.score`).

        Returns:
            Memories that are active and still valid, and messages of the user and the assistant;
            the same text at most once.

        Raises:
            RecallError: For a blank query or entity, an unknown kind, or a limit below 1.
            memori_storage.store.StoreError: If the database cannot be used; the message says why.
        """
        filters = _checked(query, entity, process, session, kinds, limit)
        with memory_span(
            "search_memory", entity=entity, process=process, session=session, query=query
        ) as span:
            index = self._cache.get(entity, self._store())
            hits = index.search(query, filters, limit, datetime.now(UTC))
            found = [
                _memory(hit, entity) for hit in hits if min_score is None or hit.score >= min_score
            ]
            span.set_records([memory.as_record() for memory in found])
        return found

    async def arecall(self, query: str, **options: Any) -> list[Memory]:
        """:meth:`recall` in a thread, so that the event loop goes on; takes the same arguments."""
        return await asyncio.to_thread(self.recall, query, **options)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until what this process captured is stored, and all that is stored is learned.

        Learning that failed and is put off for later is not waited for. Where nothing in this
        process learns in the background, the open jobs are done here and now.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether everything was done in that time.
        """
        deadline = time.monotonic() + timeout
        if not flushing.flush_registered(deadline):
            return False
        store, now = self._store(), datetime.now(UTC)
        while store.pending_jobs(before=now):
            learn = flushing.inline_learner()
            if learn is not None and learn(store):
                if time.monotonic() >= deadline:
                    return not store.pending_jobs(before=now)
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_POLL, left))
        return True

    def export(self, entity: str) -> Iterator[dict[str, Any]]:
        """Everything stored for an entity: its turns, messages and memories as dictionaries.

        Each has ``type`` and ``id`` and can be written as JSON.

        Raises:
            RecallError: For a blank entity.
        """
        return self._store().export(_checked_id("entity", entity))

    def close(self) -> None:
        """Release the database, unless it was given as an open ``Store``; ends the client."""
        with self._opening:
            self._closed = True
            if self._opened is not None and self._opened is not self._settings.database:
                self._opened.close()
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _store(self) -> Store:
        """The store, opened and with its schema at the first call."""
        opened = self._opened
        if opened is not None:
            return opened
        with self._opening:
            if self._closed:
                raise RecallError("this RecallClient is closed: make a new one")
            if self._opened is None:
                self._opened = _open(self._settings)
            return self._opened


def _open(settings: Settings) -> Store:
    store = settings.open_store()
    store.migrate()
    return store


def _checked(
    query: str,
    entity: str,
    process: str | None,
    session: str | None,
    kinds: Collection[str] | None,
    limit: int,
) -> Filters:
    """The filters of a request, or a RecallError that says what is wrong with it."""
    _checked_id("entity", entity)
    for name, value in (("process", process), ("session", session)):
        if value is not None:
            _checked_id(name, value)
    if not isinstance(query, str) or not query.strip():
        raise RecallError("query must be a text that is not blank: say what to look for")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise RecallError(f"limit={limit!r}: use a whole number of 1 or more")
    if isinstance(kinds, str):
        kinds = (kinds,)
    if kinds is not None and (unknown := sorted(set(kinds) - KINDS)):
        raise RecallError(
            f"unknown kind {', '.join(unknown)}: known are {', '.join(sorted(KINDS))}"
        )
    return Filters(process, session, None if kinds is None else frozenset(kinds))


def _checked_id(name: str, value: Any) -> str:
    if value is None:
        raise RecallError(f"{name} is missing: memories are always somebody's, say whose")
    try:
        return checked_id(name, value)
    except SettingsError as error:
        raise RecallError(str(error)) from None


def _memory(hit: Hit, entity: str) -> Memory:
    record = hit.record
    shared: dict[str, Any] = {
        "id": record.id,
        "score": hit.score,
        "parts": MappingProxyType(hit.parts),
        "entity": entity,
        "process": record.process,
    }
    if isinstance(record, StoredMessage):
        return Memory(
            content=record.text,
            kind=MESSAGE,
            role=record.role,
            session=record.session,
            observed_at=record.created_at,
            last_seen_at=record.created_at,
            sources=(_source(record, record),),
            **shared,
        )
    return Memory(
        content=record.content,
        kind=record.kind,
        session=record.session or (record.sources[0].session if record.sources else None),
        observed_at=record.observed_at,
        last_seen_at=record.last_seen_at,
        times_seen=record.times_seen,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        sources=tuple(
            _source(source, hit.messages.get(source.message_id)) for source in record.sources
        ),
        **shared,
    )


def _source(place: Source | StoredMessage, message: StoredMessage | None) -> MemorySource:
    return MemorySource(
        message_id=place.id if isinstance(place, StoredMessage) else place.message_id,
        turn_id=place.turn_id,
        session=place.session,
        trace_id=place.trace_id,
        span_id=place.span_id,
        role=message.role if message else None,
        text=message.text if message else None,
        created_at=message.created_at if message else None,
    )

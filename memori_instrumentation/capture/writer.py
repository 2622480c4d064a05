"""The thread that stores turns, and completes them: batches at once, waits out a database that is
away, loses nothing quietly."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from memori_instrumentation._forking import gate
from memori_instrumentation.capture.spool import Item, Spool
from memori_instrumentation.capture.stats import Stats, log
from memori_storage.records import Completion, Turn
from memori_storage.store import Store, StoreConfigurationError, StoreError, StoreUnavailableError

BATCH = 200
_PACE = 0.02
"""Seconds between the beginnings of two writes under load."""
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
_MISCONFIGURED_WAIT = 30.0
_EARLY = 1_000
"""Most answers kept whose turn is not stored."""


class Writer:
    """Takes turns from any thread and stores them from one.

    An idle writer stores a turn as it comes. A busy one writes every 20 ms at most, up to 200 turns
    at a time, which costs the program a fraction of what as many single writes would. While the
    store is away turns wait in memory, up to ``limit``, then on disk; they are stored when it is
    back.

    Args:
        open_store: Opens and migrates the store; called on the writer's thread and again until it
            works.
        spool: Where turns go that memory cannot hold or that are left at the end.
        limit: Turns held in memory.
        stored: Called after each write.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        spool: Spool,
        stats: Stats,
        *,
        limit: int,
        stored: Callable[[Store, float], None],
    ) -> None:
        self._open_store = open_store
        self._spool = spool
        self._stats = stats
        self._limit = limit
        self._stored = stored
        self._queue: queue.SimpleQueue[Item | threading.Event | None] = queue.SimpleQueue()
        self._pending: deque[Item] = deque()
        self._early: OrderedDict[str, Completion] = OrderedDict()
        """Answers of turns that are not stored, by turn: of a stream that was left without being
        closed the turn comes late, and others' turns never."""
        self._flushes: list[threading.Event] = []
        self._store: Store | None = None
        self._on_disk = True  # what programs before this one may have left
        self._next_try = 0.0
        self._wait = _FIRST_WAIT
        self._ended = threading.Event()

    @property
    def store(self) -> Store | None:
        """The store, once it is open."""
        return self._store

    @property
    def ended(self) -> bool:
        """Whether :meth:`stop` did its work and the thread uses the store no more."""
        return self._ended.is_set()

    def put(self, turn: Item) -> None:
        """Have a turn stored, or completed."""
        self._queue.put(turn)

    def length(self) -> int:
        """Turns waiting, about."""
        return self._queue.qsize() + len(self._pending)

    def flush(self, timeout: float) -> bool:
        """Wait until every turn put so far is stored; whether that was so within ``timeout``
        seconds."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout)

    def stop(self, timeout: float) -> None:
        """End: store what there is, or spool it where that does not work within ``timeout``
        seconds."""
        self._queue.put(None)
        if not self._ended.wait(timeout):
            # Stuck in the database. Storing is idempotent, so what it holds may be spooled as well.
            self._drain_queue()
            self._keep(list(self._pending))

    # --- the writer's own thread ----------------------------------------------------------------

    def run(self) -> None:
        """Store until :meth:`stop`: the body of the writer's thread."""
        while self._take():
            try:
                with gate.working():
                    self._work()
            except Exception as error:
                # Nothing above this frame could handle it; the turns are still pending.
                self._stats.failed += 1
                self._stats.once("writer", "storing turns failed, will go on trying: %s", error)
                self._postpone(_LONGEST_WAIT)
        self._last_try()
        self._ended.set()

    def _last_try(self) -> None:
        """Before the end: store once more what is left, or spool it. A database that is away is
        not waited for."""
        self._drain_queue()
        self._next_try = 0.0
        try:
            self._work()
        except Exception as error:
            self._stats.once("writer", "storing turns failed at the end: %s", error)
        if self._pending:
            log.warning(
                "the memory database did not take %d turns: "
                "they are kept in %s and stored by the next start",
                len(self._pending),
                self._spool.directory,
            )
            self._spill(len(self._pending))
        self._spool.close()

    def _drain_queue(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                item = self._queue.get_nowait()
                if isinstance(item, Item):
                    self._pending.append(item)

    def _take(self) -> bool:
        """Wait for work, then take all there is up to a batch; ``False`` when told to end."""
        pause = self._patience()
        if pause is not None and pause <= _PACE:
            time.sleep(pause)  # let them gather rather than wake for each
            pause = 0.0
        try:
            item = self._queue.get(timeout=pause)
            while True:
                if item is None:
                    return False
                if isinstance(item, threading.Event):
                    self._flushes.append(item)
                    self._next_try = 0.0  # someone waits: do not sit out a pause
                else:
                    self._pending.append(item)
                if len(self._pending) >= BATCH:
                    return True
                item = self._queue.get_nowait()
        except queue.Empty:
            return True

    def _patience(self) -> float | None:
        if not self._pending and not self._flushes:
            return None
        return max(0.0, self._next_try - time.monotonic())

    def _work(self) -> None:
        if time.monotonic() >= self._next_try:
            try:
                self._store_pending()
            except StoreConfigurationError as error:
                self._stats.once(str(error), "memory is not stored yet: %s", error)
                self._postpone(_MISCONFIGURED_WAIT)
            except StoreUnavailableError as error:
                self._stats.once(
                    "unavailable", "the memory database is away, turns are kept: %s", error
                )
                self._postpone(self._wait)
                self._wait = min(self._wait * 2, _LONGEST_WAIT)
        if len(self._pending) > self._limit:
            self._spill(len(self._pending) - self._limit)

    def _postpone(self, seconds: float) -> None:
        self._next_try = time.monotonic() + seconds

    def _store_pending(self) -> None:
        started = time.monotonic()
        store = self._store
        if store is None:
            store = self._store = self._open_store()
        while self._pending:
            batch = [self._pending[i] for i in range(min(BATCH, len(self._pending)))]
            self._add(store, batch)
            for _ in batch:
                self._pending.popleft()
        if self._on_disk:
            self._spool.replay(lambda turns: self._add(store, turns))
            self._on_disk = False
        if self._wait > _FIRST_WAIT:
            self._stats.said.discard("unavailable")
            log.warning("the memory database is back: everything captured so far is stored")
        self._wait, self._next_try = _FIRST_WAIT, started + _PACE
        for done in self._flushes:
            done.set()
        self._flushes.clear()

    def _add(self, store: Store, items: Sequence[Item]) -> None:
        started = time.monotonic()
        try:
            # In order: what follows an answer is said after it.
            for _, some in itertools.groupby(items, type):
                self._add_alike(store, list(some))
        except (StoreConfigurationError, StoreUnavailableError):
            raise
        except StoreError as error:
            if len(items) > 1:
                # One turn the database refuses must not keep the others out.
                for item in items:
                    self._add(store, [item])
                return
            self._reject(items[0], error)
            return
        self._stats.stored += sum(isinstance(item, Turn) for item in items)
        self._stored(store, time.monotonic() - started)

    def _add_alike(self, store: Store, items: Sequence[Item]) -> None:
        """Store turns, or complete some; the answers of turns that are not stored wait a while."""
        completions = [item for item in items if isinstance(item, Completion)]
        if turns := [item for item in items if isinstance(item, Turn)]:
            store.add_turns(turns)
            arrived = {turn.id for turn in turns} & self._early.keys()
            completions = [self._early[turn] for turn in arrived]
        if not completions:
            return
        unknown = store.complete_turns(completions)
        for completion in completions:
            self._early.pop(completion.turn_id, None)
            if completion.turn_id in unknown:
                self._early[completion.turn_id] = completion
        while len(self._early) > _EARLY:
            self._early.popitem(last=False)

    def _reject(self, turn: Item, error: StoreError) -> None:
        self._stats.failed += 1
        self._stats.once("rejected", "the memory database refuses a turn, kept aside: %s", error)
        try:
            self._spool.reject(turn, error)
        except OSError as failure:
            self._lost(1, failure)

    def _spill(self, count: int) -> None:
        """Move the newest ``count`` turns from memory to disk."""
        if count:
            self._keep([self._pending.pop() for _ in range(count)][::-1])

    def _keep(self, turns: list[Item]) -> None:
        try:
            self._spool.append(turns)
        except OSError as error:
            self._lost(len(turns), error)
            return
        self._on_disk = True
        self._stats.spooled += len(turns)

    def _lost(self, count: int, error: Exception) -> None:
        self._stats.dropped += count
        self._stats.once("lost", "turns are lost, the spool cannot be written: %s", error)

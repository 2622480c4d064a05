"""The worker: takes learning jobs from the store, reads what they teach, keeps it.

Any number of workers, in threads, processes or machines, may share a store: jobs are leased, and
doing one twice changes nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import TracerProvider

from memori_instrumentation._attribution import suppressing, using
from memori_instrumentation._forking import gate
from memori_instrumentation.augmentation.protocol import Extractor
from memori_instrumentation.augmentation.tally import OnEvent, Tally
from memori_instrumentation.embeddings.protocol import Embedder
from memori_instrumentation.telemetry import MemorySpan, link_to, memory_span
from memori_storage.keys import memory_id
from memori_storage.records import Job, StoredMemory, Vector
from memori_storage.store import Store, StoreConfigurationError, StoreUnavailableError

logger = logging.getLogger("memori_instrumentation.augmentation")

MAX_ATTEMPTS: Final = 5
"""After so many failures a job is parked with its error."""
MAX_CLAIMS: Final = 2 * MAX_ATTEMPTS
"""A job claimed more often than this kills or outlasts its workers: it is parked unread."""
FIRST_RETRY: Final = 2.0
LONGEST_RETRY: Final = 600.0
LONGEST_PAUSE: Final = 60.0


def retry_delay(attempts: int) -> float:
    """Seconds until a job that failed ``attempts`` times is tried again: 2, 4, 8, … at most 600."""
    return min(FIRST_RETRY * 2.0 ** (max(attempts, 1) - 1), LONGEST_RETRY)


class Worker:
    """Learns from stored turns: claims jobs, extracts memories, embeds, and finishes the jobs.

    :meth:`run_once` does it inline, from any thread, and starts no thread, so it works while the
    interpreter shuts down; :meth:`start` runs it in a daemon thread until :meth:`stop`.

    Args:
        store: Where the jobs are and the memories go; its schema is upgraded at first use.
        extractor: What reads the messages; ``None`` embeds messages and learns nothing.
        embedder: What makes the vectors; ``None`` makes none.
        name: This worker's name in the jobs' leases; unique to process and object unless given.
        poll_interval: Seconds between looks into the queue while nobody calls :meth:`wake`: jobs
            of other processes and jobs to be tried again are found this way.
        batch: How many jobs are claimed at once.
        lease: Seconds a claimed job is this worker's; longer than ``batch`` jobs take.
        tracer_provider: Where ``upsert_memory`` spans go; the global provider unless given.
        on_event: Called as ``on_event(name, n)`` for each change of :attr:`counts`, on the thread
            that learns. What it raises is logged and goes no further.
    """

    def __init__(
        self,
        store: Store,
        extractor: Extractor | None,
        embedder: Embedder | None,
        *,
        name: str | None = None,
        poll_interval: float = 5.0,
        batch: int = 32,
        lease: float = 60.0,
        tracer_provider: TracerProvider | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self._store = store
        self._extractor = extractor
        self._embedder = embedder
        self._name = name or f"worker-{os.getpid()}-{id(self):x}"
        self._poll_interval = poll_interval
        self._batch = batch
        self._lease = lease
        self._tracer_provider = tracer_provider
        self._migrated = False
        self._thread: threading.Thread | None = None
        self._on_event = on_event
        self._begin()

    def _begin(self) -> None:
        """Fresh locks and counts: a fork copies locks held by threads that the child has not."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wakened = threading.Event()
        self._stopping = threading.Event()
        self._rounds = 0
        self._idle_since = 0
        self._tally = Tally(logger, self._on_event)

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by event name.

        ``jobs`` done, ``memories`` kept or reinforced, ``vectors`` made, ``retries`` of jobs put
        off, ``failed`` jobs given up, ``unembedded`` jobs kept without vectors, ``unavailable``
        times that the store could not be reached.
        """
        return self._tally.counts

    # -- inline -------------------------------------------------------------------------------

    def run_once(self) -> int:
        """Claim one batch of jobs and do them here and now; returns how many were done.

        A job that fails is given back for later, or parked after five attempts, and the next one
        goes on. Nothing is captured of model calls that extractor or embedder make.

        Raises:
            StoreError: When the store cannot be used. Jobs begun are open again when their lease
                ends; what was finished stays finished.
        """
        with gate.working():
            return self._round()

    def _round(self) -> int:
        """One look into the queue, and what is found there done."""
        self._rounds += 1
        this = self._rounds
        self._migrate()
        done = claimed = 0
        # From an empty context: our spans are roots that link to what they learn from, also when
        # the caller happens to be inside a span of its own.
        with using(suppressing(Context())):
            claimed_at = time.monotonic()
            for job in self._store.claim_jobs(self._name, limit=self._batch, lease=self._lease):
                claimed += 1
                if time.monotonic() - claimed_at >= self._lease:
                    break  # no longer ours: whoever claims it next does it
                done += self._do(job)
        if not claimed:
            self._idle_since = this
        return done

    def _do(self, job: Job) -> bool:
        """Do one job; whether it is done. Only the store's own trouble is raised."""
        if job.attempts > MAX_CLAIMS:
            self._park(job, f"claimed {job.attempts} times and never finished")
            return False
        try:
            stored, vectors = self._learn(job)
        except (StoreUnavailableError, StoreConfigurationError):
            raise
        except Exception as error:
            self._failed(job, error)
            return False
        self._tally.count("jobs")
        self._tally.count("memories", len(stored))
        self._tally.count("vectors", vectors)
        return True

    def _learn(self, job: Job) -> tuple[list[StoredMemory], int]:
        """The memories stored for a job and the number of vectors made."""
        memories = list(self._extractor.extract(job)) if self._extractor else []
        spoken = {
            message.id: message.text
            for message in job.messages
            if message.role in ("user", "assistant") and message.text.strip()
        }
        learned = {memory_id(job.entity, m.kind, m.key): m.content for m in memories}
        vectors = self._vectors(job, spoken | learned)
        if not memories:
            return self._store.finish_job(job, (), vectors), len(vectors)
        with self._upsert_span(job) as span:
            stored = self._store.finish_job(job, memories, vectors)
            span.set_records(
                [
                    {"id": item.id, "content": item.content, "metadata": {"kind": item.kind}}
                    for item in stored
                ]
            )
        return stored, len(vectors)

    def _upsert_span(self, job: Job) -> AbstractContextManager[MemorySpan]:
        origins = {(message.trace_id, message.span_id) for message in job.messages}
        return memory_span(
            "upsert_memory",
            entity=job.entity,
            process=job.messages[0].process if job.messages else None,
            session=job.session,
            links=[link for origin in sorted(origins) if (link := link_to(*origin))],
            tracer_provider=self._tracer_provider,
        )

    def _vectors(self, job: Job, texts: Mapping[str, str]) -> list[Vector]:
        """Vectors of texts by item id, from one call of the embedder."""
        if self._embedder is None or not texts:
            return []
        try:
            rows = self._embedder.embed(list(texts.values()))
        except Exception as error:
            if job.attempts < MAX_ATTEMPTS:
                raise
            # What was said must not be lost for want of a vector: recall still finds it by words.
            self._tally.failure("embedding", error, "keeping memories without vectors")
            self._tally.count("unembedded")
            return []
        model = self._embedder.name
        return [
            Vector(item_id, model, row.astype("<f4").tobytes())
            for item_id, row in zip(texts, rows, strict=True)
        ]

    def _failed(self, job: Job, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if job.attempts >= MAX_ATTEMPTS:
            self._park(job, reason)
            return
        delay = retry_delay(job.attempts)
        self._tally.failure("job", error, "learning failed, trying again in %.0f s", delay)
        self._store.fail_job(job, reason, retry_in=delay)
        self._tally.count("retries")

    def _park(self, job: Job, reason: str) -> None:
        self._store.fail_job(job, reason, retry_in=None)
        self._tally.count("failed")
        logger.error("gave up learning from turn %s: %s", job.turn_id, reason)

    # -- in a thread --------------------------------------------------------------------------

    def start(self) -> None:
        """Learn in the background, in a daemon thread ``memori-learn``; no-op while it runs.

        After a fork the child has no thread: call this again there.
        """
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping.clear()
            thread = threading.Thread(target=self.run, name="memori-learn", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # The program is ending: what there is to learn is learned by drain() or settle(),
                # on their caller's thread, or by the next program.
                logger.debug("no thread to learn in: %s", error)
                return
            self._thread = thread

    def wake(self) -> None:
        """Say that there may be new jobs. Cheap, from any thread."""
        self._wakened.set()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the thread after the job in hand; whether it ended within ``timeout`` seconds.

        Jobs claimed and not begun are open again when their lease ends.
        """
        self._stopping.set()
        self._wakened.set()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def drain(self, timeout: float = 10.0) -> bool:
        """Wait until all that was stored by now is learned; whether that was so within ``timeout``
        seconds.

        Works with and without the thread: without it, jobs are done here. Jobs that failed and are
        to be tried again later do not count, nor do parked ones. The store being away counts as
        something left.
        """
        now = datetime.now(UTC)
        return self._until(lambda: not self._store.pending_jobs(before=now), timeout)

    def settle(self, timeout: float = 10.0) -> bool:
        """Wait until this worker finds nothing more to do; whether that was so within ``timeout``
        seconds. Unlike :meth:`drain` it does not wait for what other workers have in hand."""
        begun = self._rounds
        return self._until(lambda: self._idle_since > begun, timeout)

    def _until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Learn, in the thread or here, until ``done`` or ``timeout`` seconds have gone by."""
        deadline = time.monotonic() + timeout
        pause = 0.005
        while True:
            try:
                self._migrate()
                if done():
                    return True
                if self._thread is not None and self._thread.is_alive():
                    self.wake()
                elif self.run_once():
                    continue
            except StoreUnavailableError as error:
                self._unavailable(error)
            except StoreConfigurationError as error:
                self._tally.failure("store", error, "cannot learn")
                return False
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.25)

    def _migrate(self) -> None:
        if not self._migrated:
            self._store.migrate()
            self._migrated = True

    def _unavailable(self, error: Exception) -> None:
        self._tally.count("unavailable")
        self._tally.failure("store", error, "learning waits for the database")

    def run(self, *, until_done: bool = False) -> bool:
        """Learn here and now until :meth:`stop`, which a signal's handler may call.

        Args:
            until_done: End when nothing is left to learn from, what other workers have in hand
                included. Jobs that are to be tried again later are waited for, parked ones not.

        Returns:
            Whether that was the end; false when the store cannot be used as it stands.
        """
        outages = 0
        while not self._stopping.is_set():
            self._wakened.clear()
            try:
                done = self.run_once()
                if until_done and not done and not self._store.pending_jobs():
                    return True
            except StoreConfigurationError as error:
                self._tally.failure("store", error, "learning stopped")
                return False
            except Exception as error:
                # The store's own trouble, or a fault in it: neither may end the thread.
                outages += 1
                self._unavailable(error)
                self._stopping.wait(min(0.5 * 2.0 ** min(outages, 10), LONGEST_PAUSE))
                continue
            outages = 0
            if not done:
                self._wakened.wait(self._poll_interval)
        return True

"""The worker against the real store: what it learns, and what it does when things fail."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import NullPool, create_engine, text

from memori_instrumentation.augmentation import Extractor, build_extractor
from memori_instrumentation.augmentation.worker import (
    MAX_ATTEMPTS,
    MAX_CLAIMS,
    Worker,
    retry_delay,
)
from memori_instrumentation.embeddings import build_embedder
from memori_instrumentation.embeddings.protocol import Embedder
from memori_storage import Store, open_store
from memori_storage.records import Job, Message, NewMemory, Turn

SAID_AT = datetime(2026, 3, 4, 10, tzinfo=UTC)
PROJECT = Path(__file__).parents[2]


def turn(n: int, *said: str, entity: str | None = "user-1", session: str = "chat") -> Turn:
    """The ``n``-th call of a session: a user message and its reply."""
    trace_id, span_id = f"{n + 1:032x}", f"{n + 1:016x}"
    words = [{"type": "text", "content": content} for content in said]
    return Turn(
        id=trace_id + span_id,
        entity=entity,
        process="agent",
        session=f"{session}-{n}",
        provider="openai",
        operation="chat",
        model="gpt-5",
        status="complete",
        trace_id=trace_id,
        span_id=span_id,
        started_at=SAID_AT + timedelta(seconds=n),
        ended_at=SAID_AT + timedelta(seconds=n + 1),
        input=[Message("user", words)],
        output=[Message("assistant", [{"type": "text", "content": "Noted, I love that."}])],
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/memori.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def local() -> Extractor:
    extractor = build_extractor("local")
    assert extractor is not None
    return extractor


class Poisoned:
    """The local extractor, which fails on messages that say "poison"."""

    def __init__(self, local: Extractor, error: Exception | None = None) -> None:
        self._local = local
        self._error = error or RuntimeError("indigestible")
        self.name = local.name

    def extract(self, job: Job) -> Sequence[NewMemory]:
        if any("poison" in message.text for message in job.messages):
            raise self._error
        return self._local.extract(job)


class BrokenEmbedder:
    name = "broken/1"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise OSError("no weights")


def make_due(path: Path, *, attempts: int | None = None) -> None:
    """Let the time pass that jobs wait for."""
    with sqlite3.connect(path / "memori.db") as connection:
        connection.execute("UPDATE memori_jobs SET available_at = 0")
        if attempts is not None:
            connection.execute("UPDATE memori_jobs SET attempts = ?", [attempts])


def test_learns_what_was_said_and_where_it_was_said(store: Store, local: Extractor) -> None:
    store.add_turns([turn(0, "My name is Ann and I live in Lyon.")])
    worker = Worker(store, local, None)
    assert worker.run_once() == 1
    assert worker.run_once() == 0
    learned = {memory.content: memory for memory in store.memories_of("user-1")}
    assert set(learned) == {"User's name is Ann", "User lives in Lyon"}
    source = learned["User lives in Lyon"].sources[0]
    asked = store.messages_of("user-1")[0]
    assert (source.message_id, source.trace_id, source.session) == (
        asked.id,
        f"{1:032x}",
        "chat-0",
    )
    assert learned["User lives in Lyon"].observed_at == SAID_AT
    assert worker.counts == {"jobs": 1, "memories": 2}
    assert store.pending_jobs() == 0


def test_saying_it_again_reinforces_it(store: Store, local: Extractor) -> None:
    store.add_turns([turn(0, "I live in Lyon."), turn(1, "i'm living in  lyon")])
    assert Worker(store, local, None).run_once() == 2
    (memory,) = store.memories_of("user-1")
    assert memory.times_seen == 2
    assert len(memory.sources) == 2


def test_doing_a_job_twice_changes_nothing(store: Store, local: Extractor) -> None:
    store.add_turns([turn(0, "I live in Lyon.")])
    late, early = Worker(store, local, None), Worker(store, local, None)
    (job,) = store.claim_jobs("slow", lease=0.0)
    assert early.run_once() == 1
    before = store.memories_of("user-1")
    assert late._do(job)
    assert store.memories_of("user-1") == before


def test_vectors_belong_to_messages_and_memories(store: Store, local: Extractor) -> None:
    embedder = build_embedder("wordllama")
    assert embedder is not None
    store.add_turns([turn(0, "I live in Lyon.")])
    worker = Worker(store, local, embedder)
    worker.run_once()
    vectors = {
        vector.item_id: vector for vector in store.changes("user-1", 0, model=embedder.name).vectors
    }
    texts = {message.id: message.text for message in store.messages_of("user-1")}
    texts |= {memory.id: memory.content for memory in store.memories_of("user-1")}
    assert set(vectors) == set(texts)
    assert worker.counts["vectors"] == 3
    for item_id, content in texts.items():
        stored = np.frombuffer(vectors[item_id].data, dtype="<f4")
        assert np.allclose(stored, embedder.embed([content])[0], atol=1e-6)


def test_without_extractor_only_vectors_are_made(store: Store) -> None:
    store.add_turns([turn(0, "I live in Lyon.")])
    worker = Worker(store, None, build_embedder("wordllama"))
    assert worker.run_once() == 1
    assert store.memories_of("user-1") == []
    assert worker.counts == {"jobs": 1, "vectors": 2}


def test_a_poison_job_stops_no_other_and_is_parked(
    store: Store, local: Extractor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.add_turns([turn(0, "poison"), turn(1, "I live in Lyon."), turn(2, "I live in Rome.")])
    worker = Worker(store, Poisoned(local), None)
    with caplog.at_level(logging.WARNING):
        assert worker.run_once() == 2
        assert store.pending_jobs() == 1
        assert worker.run_once() == 0  # put off, not due yet
        for _ in range(MAX_ATTEMPTS):
            make_due(tmp_path)
            worker.run_once()
    assert store.pending_jobs() == 0
    assert worker.counts == {"jobs": 2, "memories": 2, "retries": MAX_ATTEMPTS - 1, "failed": 1}
    with sqlite3.connect(tmp_path / "memori.db") as connection:
        assert connection.execute("SELECT state, error FROM memori_jobs").fetchall() == [
            ("parked", "RuntimeError: indigestible")
        ]
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "RuntimeError: indigestible" in warnings[0].getMessage()


def test_a_job_that_kills_its_workers_is_parked_unread(
    store: Store, local: Extractor, tmp_path: Path
) -> None:
    store.add_turns([turn(0, "I live in Lyon.")])
    make_due(tmp_path, attempts=MAX_CLAIMS)
    worker = Worker(store, local, None)
    assert worker.run_once() == 0
    assert worker.counts == {"failed": 1}
    assert store.pending_jobs() == 0
    assert store.memories_of("user-1") == []


def test_a_broken_embedder_costs_vectors_and_no_memories(
    store: Store, local: Extractor, tmp_path: Path
) -> None:
    embedder: Embedder = BrokenEmbedder()
    store.add_turns([turn(0, "I live in Lyon.")])
    worker = Worker(store, local, embedder)
    for _ in range(MAX_ATTEMPTS):
        worker.run_once()
        make_due(tmp_path)
    assert [memory.content for memory in store.memories_of("user-1")] == ["User lives in Lyon"]
    assert worker.counts["unembedded"] == 1
    assert worker.counts["jobs"] == 1


def test_delays_grow_and_are_bounded() -> None:
    assert [retry_delay(n) for n in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert retry_delay(9) == 512
    assert retry_delay(10) == retry_delay(60) == 600


def test_the_thread_learns_when_woken(store: Store, local: Extractor) -> None:
    events: list[tuple[str, int]] = []
    worker = Worker(
        store, local, None, poll_interval=60.0, on_event=lambda *event: events.append(event)
    )
    worker.start()
    worker.start()
    assert [thread.name for thread in threading.enumerate()].count("memori-learn") == 1
    time.sleep(0.05)  # idle by now: only waking it, or the poll a minute later, finds the job
    store.add_turns([turn(0, "I live in Lyon.")])
    worker.wake()
    assert worker.drain(10)
    assert store.memories_of("user-1")
    assert events == [("jobs", 1), ("memories", 1)]
    assert worker.stop(5)
    assert "memori-learn" not in [thread.name for thread in threading.enumerate()]
    store.add_turns([turn(1, "I live in Rome.")])
    worker.start()
    assert worker.drain(10)
    assert len(store.memories_of("user-1")) == 2
    assert worker.stop(5)


def test_drain_works_inline_and_does_not_wait_for_what_is_put_off(
    store: Store, local: Extractor
) -> None:
    store.add_turns([turn(n, "I live in Lyon.") for n in range(70)] + [turn(99, "poison")])
    worker = Worker(store, Poisoned(local), None)
    started = time.monotonic()
    assert worker.drain(10)
    assert time.monotonic() - started < 10
    assert worker.counts["jobs"] == 70
    assert store.pending_jobs() == 1


def test_drain_waits_for_jobs_leased_to_others(store: Store, local: Extractor) -> None:
    store.add_turns([turn(0, "I live in Lyon.")])
    (job,) = store.claim_jobs("another", lease=60.0)
    worker = Worker(store, local, None)
    assert not worker.drain(0.2)
    store.finish_job(job)
    assert worker.drain(0.2)


def test_many_workers_share_the_queue(store: Store, local: Extractor) -> None:
    store.add_turns([turn(n, f"I live in Town{chr(65 + n % 26)}{n}.") for n in range(120)])
    workers = [Worker(store, local, None, batch=4) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert all(worker.drain(30) for worker in workers)
    assert all(worker.stop(5) for worker in workers)
    assert sum(worker.counts.get("jobs", 0) for worker in workers) == 120
    assert {memory.times_seen for memory in store.memories_of("user-1")} == {1}
    assert len(store.memories_of("user-1")) == 120


def test_waits_for_a_database_that_is_away(
    tmp_path: Path, local: Extractor, caplog: pytest.LogCaptureFixture
) -> None:
    away = threading.Event()

    def connect() -> sqlite3.Connection:
        if away.is_set():
            raise sqlite3.OperationalError("unable to open database file")
        return sqlite3.connect(tmp_path / "memori.db", check_same_thread=False)

    store = open_store(create_engine("sqlite://", creator=connect, poolclass=NullPool))
    store.migrate()
    store.add_turns([turn(0, "I live in Lyon.")])
    away.set()
    worker = Worker(store, local, None, poll_interval=0.05)
    with caplog.at_level(logging.WARNING):
        worker.start()
        assert not worker.drain(0.5)
    assert worker.counts["unavailable"] >= 1
    assert len([record for record in caplog.records if "waits for the data" in record.msg]) == 1
    away.clear()
    assert worker.drain(10)
    assert worker.counts["jobs"] == 1
    assert worker.stop(5)


def test_a_callback_that_raises_stops_nothing(store: Store, local: Extractor) -> None:
    def on_event(name: str, n: int) -> None:
        raise KeyError(name)

    store.add_turns([turn(0, "I live in Lyon."), turn(1, "I live in Rome.")])
    assert Worker(store, local, None, on_event=on_event).run_once() == 2


def test_wakes_up_in_a_forked_child_and_at_exit(tmp_path: Path) -> None:
    """A child has no thread until ``start``; jobs left at exit are learned by ``drain``."""
    program = textwrap.dedent(
        """
        import atexit, os, sys
        from memori_instrumentation.augmentation import build_extractor
        from memori_instrumentation.augmentation.worker import Worker
        from memori_storage import open_store
        from tests.augmentation.test_worker import turn

        url = sys.argv[1]
        store = open_store(url)
        worker = Worker(store, build_extractor("local"), None)
        worker.start()
        assert worker.drain(10)
        worker.stop()
        store.close()
        if os.fork() == 0:
            store = open_store(url)
            store.add_turns([turn(0, "I live in Lyon.")])
            child = Worker(store, build_extractor("local"), None)
            child.start()
            os._exit(0 if child.drain(10) and child.counts["jobs"] == 1 else 1)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        store = open_store(url)
        store.add_turns([turn(1, "I live in Rome.")])
        last = Worker(store, build_extractor("local"), None)
        atexit.register(lambda: print(last.drain(10), last.counts["jobs"]))
        """
    )
    url = f"sqlite:///{tmp_path}/memori.db"
    done = subprocess.run(
        [sys.executable, "-c", program, url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert (done.returncode, done.stdout) == (0, "True 1\n"), done.stderr
    assert len(open_store(url).memories_of("user-1")) == 2


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return lambda: list(exporter.get_finished_spans())


@pytest.mark.parametrize("content", ["", "span_only"])
def test_each_batch_of_memories_is_a_span(
    store: Store,
    local: Extractor,
    spans: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    content: str,
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", content)
    store.add_turns([turn(0, "My name is Ann and I live in Lyon."), turn(1, "What now?")])
    provider = trace.get_tracer_provider()
    worker = Worker(store, local, None, tracer_provider=provider)
    with trace.get_tracer("app", tracer_provider=provider).start_as_current_span("app"):
        worker.run_once()
    upsert, app = spans()
    assert (upsert.name, app.name) == ("upsert_memory", "app")
    assert upsert.parent is None
    assert [link.context.span_id for link in upsert.links] == [1]
    attributes = dict(upsert.attributes)
    records = attributes.pop("gen_ai.memory.records", None)
    assert attributes == {
        "gen_ai.operation.name": "upsert_memory",
        "gen_ai.memory.store.id": "user-1",
        "gen_ai.memory.record.count": 2,
        "gen_ai.conversation.id": "chat-0",
        "memori.entity.id": "user-1",
        "memori.process.id": "agent",
        "memori.session.id": "chat-0",
    }
    assert (records is not None) == bool(content)
    assert not content or "User lives in Lyon" in records


def test_a_job_that_the_store_refuses_is_not_done(
    store: Store, local: Extractor, spans: Callable[[], list[Any]], tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/memori.db")
    store.add_turns([turn(0, "I live in Lyon."), turn(1, "I live in Rome.")])
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON memori_memories "
                "WHEN NEW.content LIKE '%Lyon%' BEGIN SELECT RAISE(ABORT, 'no Lyon here'); END"
            )
        )
    worker = Worker(store, local, None, tracer_provider=trace.get_tracer_provider())
    assert worker.run_once() == 1
    assert [memory.content for memory in store.memories_of("user-1")] == ["User lives in Rome"]
    failed, done = spans()
    assert "error.type" in failed.attributes
    assert "error.type" not in done.attributes
    assert store.pending_jobs() == 1

"""``memori-instrument worker``: real processes that learn from one database, stopped and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memori_storage import Store, open_store
from memori_storage.records import Message, Turn

START = datetime(2026, 1, 1, tzinfo=UTC)
Started = Callable[..., subprocess.Popen[str]]


def said(number: int) -> Turn:
    """A turn with one thing to learn, of an entity of its own."""
    at = START + timedelta(seconds=number)
    return Turn(
        id=f"{number:048x}",
        entity=f"user-{number}",
        process="agent",
        session="chat",
        provider="openai",
        operation="chat",
        model="m",
        status="complete",
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        started_at=at,
        ended_at=at,
        input=[Message("user", [{"type": "text", "content": "I live in Lisbon."}])],
        output=[Message("assistant", [{"type": "text", "content": "Noted."}])],
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'memori.db'}"


@pytest.fixture
def store(url: str) -> Store:
    store = open_store(url)
    store.migrate()
    return store


@pytest.fixture
def start(url: str, environ: dict[str, str]) -> Started:
    def _start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "memori_instrumentation.cli", "worker"]
        return subprocess.Popen(
            [*command, "--database", url, *arguments],
            env={**environ, "MEMORI_EMBEDDER": "none"},
            stderr=subprocess.PIPE,
            text=True,
        )

    return _start


def learned(store: Store, number: int) -> list[tuple[str, int, int]]:
    memories = store.memories_of(f"user-{number}")
    return [(it.content, it.times_seen, len(it.sources)) for it in memories]


def until(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in found}
    return [each for each, command in commands.items() if b"spawn_main" in command]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_drain_ends_when_all_is_learned(concurrency: int, store: Store, start: Started) -> None:
    store.add_turns([said(number) for number in range(100)])
    process = start("--drain", "--concurrency", str(concurrency))
    assert process.communicate(timeout=100) == (None, "")
    assert process.returncode == 0
    assert store.pending_jobs() == 0
    (content, times_seen, sources) = learned(store, 0)[0]
    assert "Lisbon" in content
    for number in range(100):
        assert learned(store, number) == [(content, times_seen, sources)]
    assert (times_seen, sources) == (1, 1)


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(
    number: signal.Signals, concurrency: int, store: Store, start: Started
) -> None:
    process = start("--concurrency", str(concurrency))
    store.add_turns([said(1)])
    until(lambda: store.pending_jobs() == 0)
    process.send_signal(number)
    assert process.communicate(timeout=60) == (None, "")
    assert process.returncode == 0
    assert len(learned(store, 1)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads children from /proc")
def test_workers_end_with_the_process_that_started_them(store: Store, start: Started) -> None:
    process = start("--concurrency", "2")
    until(lambda: len(children(process.pid)) == 2)
    started = children(process.pid)
    store.add_turns([said(1)])
    until(lambda: store.pending_jobs() == 0)  # both have begun to listen, or will at once
    process.kill()
    process.communicate()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


@pytest.mark.skipif(sys.platform != "linux", reason="reads children from /proc")
def test_a_killed_worker_is_replaced(store: Store, start: Started) -> None:
    process = start("--concurrency", "2")
    until(lambda: len(children(process.pid)) == 2)
    killed = children(process.pid)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(children(process.pid)) - set(killed)) == 2)
    store.add_turns([said(1)])
    until(lambda: store.pending_jobs() == 0)
    process.terminate()
    _, written = process.communicate(timeout=60)
    assert process.returncode == 0
    assert written.count("SIGKILL") == 2


@pytest.mark.parametrize("concurrency", ["0", "-1", "two", "1.5"])
def test_wrong_numbers_are_refused(concurrency: str, start: Started) -> None:
    process = start("--concurrency", concurrency)
    _, written = process.communicate(timeout=60)
    assert (process.returncode, written.count("\n")) == (2, 1)
    assert "number from 1 on" in written


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_a_database_that_is_not_there_is_refused(concurrency: str, start: Started) -> None:
    process = start("--concurrency", concurrency)
    _, written = process.communicate(timeout=60)
    assert (process.returncode, written.count("\n")) == (2, 1)
    assert "no such file" in written


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="reads children from /proc")
def test_each_turn_is_learned_once_whoever_is_killed(store: Store, start: Started) -> None:
    """Two workers, 2,000 jobs, a SIGKILL every second."""
    store.add_turns([said(number) for number in range(2_000)])
    process = start("--concurrency", "2", "--drain")
    until(lambda: store.pending_jobs() < 2_000)
    kills = 0
    while process.poll() is None and store.pending_jobs() > 400:
        if at_work := children(process.pid):
            os.kill(at_work[kills % len(at_work)], signal.SIGKILL)
            kills += 1
        time.sleep(1)
    assert kills > 1
    process.communicate(timeout=200)
    assert process.returncode == 0
    assert store.pending_jobs() == 0
    expected = learned(store, 0)
    assert [(times, sources) for _, times, sources in expected] == [(1, 1)]
    assert all(learned(store, number) == expected for number in range(2_000))

"""How fast turns are stored, against sqlite3's own executemany of the same rows.

Run ``python benchmarks/storage.py``. Each of 25 batches holds 200 new turns: a user's message and
a reply of some 100 characters each. In the second workload, clients re-send their last 20 messages.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from memori_storage import open_store
from memori_storage.records import Message, Turn

BATCHES, BATCH, SESSIONS = 25, 200, 100
START = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = ("memori_turns", "memori_messages", "memori_jobs")


def message(role: str, number: int) -> Message:
    return Message(role, [{"type": "text", "content": f"{role} {number:06} " + "x" * 85}])


def batches(history_of: int) -> Iterator[list[Turn]]:
    """Batches of turns, over 100 sessions of 20 entities by turns."""
    numbers = count()
    histories: list[list[Message]] = [[] for _ in range(SESSIONS)]
    for _ in range(BATCHES):
        batch = []
        for _ in range(BATCH):
            number = next(numbers)
            history = histories[number % SESSIONS]
            history.append(message("user", number))
            reply = message("assistant", number)
            batch.append(
                Turn(
                    id=f"{number:048x}",
                    entity=f"user-{number % 20}",
                    process="benchmark",
                    session=f"chat-{number % SESSIONS}",
                    provider="openai",
                    operation="chat",
                    model="gpt",
                    status="complete",
                    trace_id=f"{number:032x}",
                    span_id=f"{number:016x}",
                    started_at=START + timedelta(seconds=number),
                    ended_at=START + timedelta(seconds=number + 1),
                    input=history[-history_of:],
                    output=[reply],
                    usage={"input_tokens": 20, "output_tokens": 20},
                    finish_reasons=["stop"],
                )
            )
            history.append(reply)
        yield batch


def times() -> tuple[float, float]:
    """The wall's clock and this process's."""
    return time.perf_counter(), time.process_time()


def since(started: tuple[float, float]) -> tuple[float, float]:
    """Seconds on both clocks since then."""
    wall, cpu = times()
    return wall - started[0], cpu - started[1]


def stored(path: Path, work: list[list[Turn]]) -> tuple[float, float]:
    """Seconds, and seconds of CPU, to store the batches."""
    store = open_store(f"sqlite:///{path}")
    store.migrate()
    started = times()
    for batch in work:
        store.add_turns(batch)
    seconds = since(started)
    store.close()
    return seconds


def bare(source: Path, target: Path) -> tuple[float, float]:
    """Seconds, and seconds of CPU, in which sqlite3 inserts the same rows."""
    store = open_store(f"sqlite:///{target}")
    store.migrate()
    store.close()
    reading = sqlite3.connect(source)
    rows = {
        name: reading.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall() for name in TABLES
    }
    link = sqlite3.connect(target, isolation_level=None)
    link.execute("PRAGMA synchronous = NORMAL")
    started = times()
    for batch in range(BATCHES):
        link.execute("BEGIN IMMEDIATE")
        for name, all_rows in rows.items():
            share = len(all_rows) // BATCHES
            some = all_rows[batch * share : (batch + 1) * share]
            marks = ",".join("?" * len(some[0]))
            link.executemany(f"INSERT INTO {name} VALUES ({marks})", some)
        link.execute("COMMIT")
    seconds = since(started)
    link.close()
    return seconds


def main() -> None:
    turns = BATCHES * BATCH
    print("turns per second             store  bare sqlite3  ratio | of CPU: store  bare  ratio")
    for name, history_of in (("new input only", 1), ("last 20 messages re-sent", 20)):
        ours, theirs = [], []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as directory:
                work = list(batches(history_of))
                ours.append(stored(Path(directory, "ours.db"), work))
                theirs.append(bare(Path(directory, "ours.db"), Path(directory, "bare.db")))
        wall, cpu = (min(clock) for clock in zip(*ours, strict=True))
        bare_wall, bare_cpu = (min(clock) for clock in zip(*theirs, strict=True))
        print(
            f"{name:26} {turns / wall:7,.0f} {turns / bare_wall:13,.0f} {wall / bare_wall:6.1f} |"
            f" {turns / cpu:13,.0f} {turns / bare_cpu:6,.0f} {cpu / bare_cpu:6.1f}"
        )


if __name__ == "__main__":
    main()

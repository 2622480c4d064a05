"""From a handed-over call to the database, with the database in trouble, in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from memori_storage import open_store
from wire.server import WireServer

PROGRAM = """
import openai, sys
from memori_instrumentation import MemoriInstrumentor, attribution
client = openai.OpenAI()
def ask(text):
    with attribution(entity="ana", session="s"):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
"""


def program(code: str, server: WireServer, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` under the instrumentation; ``ask(text)`` talks to the model."""
    return run(
        [sys.executable, "-m", "memori_instrumentation.cli", sys.executable, "-c", PROGRAM + code],
        server,
        **env,
    )


def run(command: list[str], server: WireServer, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ
        | {
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "MEMORI_EMBEDDER": "none",
            # Python warns of any fork beside threads, ours included.
            "PYTHONWARNINGS": "ignore::DeprecationWarning",
        }
        | env,
    )


def said(database: str) -> list[str]:
    """What users said, as stored."""
    store = open_store(database)
    rows = [row for row in store.export("ana") if row["type"] == "message"]
    store.close()
    return [row["text"] for row in rows if row["role"] == "user"]


def test_a_program_that_just_ends_loses_nothing(server: WireServer, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/m.db"
    done = program("for n in range(20): ask(f'turn {n}')", server, MEMORI_DATABASE_URL=database)
    assert (done.returncode, done.stderr) == (0, "")
    assert said(database) == [f"turn {n}" for n in range(20)]


def test_an_unhandled_exception_and_sys_exit_lose_nothing(
    server: WireServer, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/m.db"
    assert program("ask('one'); 1/0", server, MEMORI_DATABASE_URL=database).returncode == 1
    assert program("ask('two'); sys.exit(3)", server, MEMORI_DATABASE_URL=database).returncode == 3
    assert said(database) == ["one", "two"]


def test_a_stream_still_open_at_the_end_is_kept_as_far_as_it_came(
    server: WireServer, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/m.db"
    code = """
with attribution(entity="ana", session="s"):
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
next(stream)
next(stream)
"""
    # As the program ends without us: on some releases of Python this one crashes after its end.
    alone = run([sys.executable, "-c", PROGRAM + code], server)
    assert program(code, server, MEMORI_DATABASE_URL=database).returncode == alone.returncode
    store = open_store(database)
    (turn,) = [row for row in store.export("ana") if row["type"] == "turn"]
    assert turn["status"] == "incomplete"
    assert said(database) == ["hi"]


def test_a_database_that_is_away_is_not_waited_for_and_gets_it_all_later(
    server: WireServer, tmp_path: Path
) -> None:
    """The directory of the file appears between two runs of the program."""
    folder = tmp_path / "later"
    database = f"sqlite:///{folder}/m.db"
    env = {"MEMORI_DATABASE_URL": database, "MEMORI_SPOOL": str(tmp_path / "spool")}
    started = time.monotonic()
    done = program("ask('one'); ask('two')", server, **env)
    assert time.monotonic() - started < 10
    assert done.returncode == 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 2, done.stderr
    assert "memory is not stored yet" in lines[0]
    assert "kept in" in lines[1]
    folder.mkdir()
    assert program("ask('three')", server, **env).returncode == 0
    assert sorted(said(database)) == ["one", "three", "two"]
    assert not list((tmp_path / "spool").iterdir())


def test_a_fork_captures_for_itself(server: WireServer, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/m.db"
    code = """
import os, multiprocessing
ask("before")
pid = os.fork()
if pid == 0:
    ask("forked")
    sys.exit(0)
os.waitpid(pid, 0)
context = multiprocessing.get_context("fork")
worker = context.Process(target=ask, args=("multiprocessing",))
worker.start()
worker.join()
ask("after")
"""
    done = program(code, server, MEMORI_DATABASE_URL=database)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(said(database)) == ["after", "before", "forked", "multiprocessing"]


def test_a_locked_database_delays_nothing_but_the_storing(
    server: WireServer, tmp_path: Path
) -> None:
    import sqlite3

    database = f"sqlite:///{tmp_path}/m.db"
    program("ask('zero')", server, MEMORI_DATABASE_URL=database)
    other = sqlite3.connect(tmp_path / "m.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(2, lambda: other.execute("COMMIT")).start()
    code = """
import time, json
started = time.monotonic()
for n in range(20): ask(f"turn {n}")
print(json.dumps(time.monotonic() - started))
"""
    done = program(code, server, MEMORI_DATABASE_URL=database)
    assert done.returncode == 0
    assert json.loads(done.stdout) < 1.5
    assert len(said(database)) == 21


@pytest.mark.parametrize("learn", ["true", "false"])
def test_what_one_program_leaves_open_the_next_learns(
    server: WireServer, tmp_path: Path, learn: str
) -> None:
    database = f"sqlite:///{tmp_path}/m.db"
    env = {"MEMORI_DATABASE_URL": database}
    done = program("ask('I live in Lyon.')", server, MEMORI_WORKER=learn, **env)
    assert done.returncode == 0
    store = open_store(database)
    assert store.pending_jobs() == (0 if learn == "true" else 1)
    program("ask('Hello again.')", server, **env)
    assert [memory.content for memory in store.memories_of("ana")] == ["User lives in Lyon"]

"""Databases that go away, are busy, or cannot be had at all."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from storage_cases import assistant, exchange, texts, turn, user

from memori_storage import (
    StoreConfigurationError,
    StoreError,
    StoreUnavailableError,
    connect,
    database,
    open_store,
)

WRITER = """
import sys
from storage_cases import assistant, turn, user
from memori_storage import open_store
store = open_store(sys.argv[1])
store.migrate()
history = [user(f"hello from {sys.argv[2]}")]
for index in range(10):
    answer = assistant(f"answer {sys.argv[2]}.{index}")
    store.add_turns(
        [turn(*history, answer, id=f"{sys.argv[2]}-{index}", entity="user-1", session="common")]
    )
    history += [answer, user("yes")]
"""


def in_processes(code: str, arguments: list[list[str]]) -> list[tuple[int, str]]:
    """Run programs at once; their exit codes and what they wrote to stderr."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, *given],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for given in arguments
    ]
    return [(process.wait(), process.communicate()[1]) for process in running]


def test_postgresql_is_tested(postgresql_url: str) -> None:
    """Skipped by name where there is no server; then the tests of stores run without it."""
    assert postgresql_url.startswith("postgresql")


def test_processes_write_to_one_session(shared_url: str) -> None:
    """Programs start at once on an empty database: one migrates, all write."""
    finished = in_processes(WRITER, [[shared_url, str(number)] for number in range(4)])
    assert finished == [(0, "")] * 4
    store = open_store(shared_url)
    stored = store.messages_of("user-1", "common")
    assert [message.position for message in stored] == list(range(80))
    assert len({message.id for message in stored}) == 80
    assert store.pending_jobs("user-1") == 40
    store.close()


def test_busy_database_is_unavailable_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT", 0.05)
    store = open_store(f"sqlite:///{tmp_path / 'memori.db'}")
    store.migrate()
    other = sqlite3.connect(tmp_path / "memori.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="locked"):
        store.add_turns([exchange(1)])
    assert texts(store) == []  # readers do not wait for writers
    other.execute("COMMIT")
    assert store.add_turns([exchange(1)]) == 1
    other.close()
    store.close()


def test_lost_connections_are_replaced(postgresql_url: str) -> None:
    own = open_store(postgresql_url)
    own.migrate()
    # A caller's engine need not look whether its connections are alive.
    engine = create_engine(make_url(postgresql_url))
    given = open_store(engine)
    admin = create_engine(make_url(postgresql_url))
    name = make_url(postgresql_url).query["application_name"]
    for number, store in enumerate([own, given] * 2):
        store.revision("user-1")
        with admin.begin() as connection:
            ended = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = :name AND pid <> pg_backend_pid()"
                ),
                {"name": name},
            )
            assert ended.all()
        time.sleep(0.05)
        assert store.add_turns([exchange(number, session=f"s{number}")]) == 1
    assert len(texts(own)) == 8
    for each in (own, given):
        each.close()
    assert engine.pool.checkedin() > 0  # not disposed of
    engine.dispose()
    admin.dispose()


def test_caller_engine_in_autocommit_still_writes_whole(postgresql_url: str) -> None:
    engine = create_engine(make_url(postgresql_url), isolation_level="AUTOCOMMIT")
    store = open_store(engine)
    store.migrate()
    first = exchange(1)
    store.add_turns([first])
    with pytest.raises(StoreError):
        # The span's id does not fit its column, after turns and messages were sent.
        store.add_turns([exchange(2), exchange(3, trace_id="x" * 200)])
    assert texts(store) == ["question 1", "answer 1"]
    with engine.connect() as connection:
        assert connection.connection.driver_connection.autocommit  # type: ignore[union-attr]
    engine.dispose()


def test_unreachable_server_is_no_error_until_used() -> None:
    store = open_store("postgresql://app:s3cret@127.0.0.1:1/memori")
    with pytest.raises(StoreUnavailableError) as caught:
        store.migrate()
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreUnavailableError):
        store.add_turns([exchange(1)])
    store.close()


def test_store_before_migration_says_so(url: str) -> None:
    store = open_store(url)
    with pytest.raises(StoreError, match=r"call migrate\(\)"):
        store.add_turns([exchange(1)])
    with pytest.raises(StoreError, match=r"call migrate\(\)"):
        store.revision("user-1")
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    store.close()


def test_database_that_becomes_no_database(tmp_path: Path) -> None:
    path = tmp_path / "memori.db"
    store = open_store(f"sqlite:///{path}")
    path.write_bytes(b"this is no database at all, " * 100)
    with pytest.raises(StoreConfigurationError, match="no SQLite database"):
        store.migrate()


def test_failed_batch_leaves_nothing_behind(shared_url: str) -> None:
    """Also not in what the store remembers of the session."""
    store = open_store(shared_url)
    store.migrate()
    store.add_turns([turn(user("hello"), assistant("hi"))])
    engine = create_engine(make_url(shared_url))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE memori_jobs RENAME TO jobs_elsewhere"))
    history = [user("hello"), assistant("hi"), user("yes")]
    with pytest.raises(StoreError):
        store.add_turns([turn(*history, assistant("ok"))])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE jobs_elsewhere RENAME TO memori_jobs"))
    assert texts(store) == ["hello", "hi"]
    assert store.add_turns([turn(*history, assistant("fine"))]) == 1
    assert texts(store) == ["hello", "hi", "yes", "fine"]
    engine.dispose()
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_forked_child_and_parent_both_write(shared_url: str) -> None:
    store = open_store(shared_url)
    store.migrate()
    history = [user("hello"), assistant("hi")]
    store.add_turns([turn(*history)])
    children = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:  # only os._exit: the test runner's own exit is the parent's
            code = 1
            try:
                store.add_turns([turn(*history, user(f"child {number}"), id=f"c{number}")])
                code = 0 if f"child {number}" in texts(store) else 2
            finally:
                os._exit(code)
        children.append(pid)
        store.add_turns([turn(*history, user(f"parent {number}"))])
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    assert len(texts(store)) == 10
    store.close()


def test_deadlock_victim_tries_again(postgresql_url: str) -> None:
    """Other transactions won; the next try finds the way free."""
    engine = create_engine(make_url(postgresql_url))
    tried = []

    def work(connection: object) -> str:
        tried.append(connection)
        if len(tried) < 3:
            connection.execute(  # type: ignore[attr-defined]
                text("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$")
            )
        return "done"

    assert database.Database(engine, owned=False).write(work) == "done"
    assert len(tried) == 3
    engine.dispose()

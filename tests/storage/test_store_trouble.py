"""Databases that go away, are busy, or cannot be had at all."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text
from storage_cases import assistant, exchange, texts, turn, user

from memori_storage import (
    Store,
    StoreConfigurationError,
    StoreError,
    StoreUnavailableError,
    database,
    open_store,
    support,
)
from memori_storage.connecting import sqlite_files, urls

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
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
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


@pytest.mark.parametrize("backend", ["postgresql", "mariadb", "seekdb", "duckdb", "mongodb"])
def test_backend_is_tested(backend: str, request: pytest.FixtureRequest) -> None:
    """Skipped by name where it is not there; then the tests of stores run without it."""
    assert request.getfixturevalue(f"{backend}_url")


def test_processes_write_to_one_session(processes_url: str) -> None:
    """Programs start at once on an empty database: one migrates, all write."""
    finished = in_processes(WRITER, [[processes_url, str(number)] for number in range(4)])
    assert finished == [(0, "")] * 4
    store = open_store(processes_url)
    stored = store.messages_of("user-1", "common")
    assert [message.position for message in stored] == list(range(80))
    assert len({message.id for message in stored}) == 80
    assert store.pending_jobs("user-1") == 40
    store.close()


def test_busy_database_is_unavailable_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (urls, sqlite_files):
        monkeypatch.setattr(module, "BUSY_TIMEOUT", 0.05)
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


def disconnect(admin: Engine) -> None:
    """End all other connections to the database, from the server's side."""
    with admin.begin() as connection:
        if admin.dialect.name == "postgresql":
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = current_setting('application_name')"
                    " AND pid <> pg_backend_pid()"
                )
            )
            return
        own = connection.scalar(text("SELECT CONNECTION_ID()"))
        name = connection.scalar(text("SELECT DATABASE()"))
        for row in connection.execute(text("SHOW PROCESSLIST")).mappings().all():
            fields = {key.lower(): value for key, value in row.items()}
            if fields["db"] == name and fields["id"] != own:
                connection.execute(text(f"KILL {fields['id']}"))


def test_lost_connections_are_replaced(server_url: str) -> None:
    own = open_store(server_url)
    own.migrate()
    # A caller's engine need not look whether its connections are alive.
    engine = create_engine(make_url(server_url))
    given = open_store(engine)
    admin = create_engine(make_url(server_url))
    for number, store in enumerate([own, given] * 2):
        store.revision("user-1")
        disconnect(admin)
        time.sleep(0.05)
        assert store.add_turns([exchange(number, session=f"s{number}")]) == 1
    assert len(texts(own)) == 8
    for each in (own, given):
        each.close()
    assert engine.pool.checkedin() > 0  # not disposed of
    engine.dispose()
    admin.dispose()


@pytest.mark.parametrize("losses", [1, 4])
@pytest.mark.parametrize(
    "before", ["INSERT INTO memori_turns", "INSERT INTO memori_messages", "INSERT INTO memori_jobs"]
)
def test_connection_lost_in_the_middle_of_a_batch(
    server_url: str, before: str, losses: int
) -> None:
    """Lost once, it is stored at the next try; lost at every try, once the way is free again."""
    engine = create_engine(make_url(server_url))
    store = open_store(engine)
    store.migrate()
    admin = create_engine(make_url(server_url))
    left = losses

    @event.listens_for(engine, "before_cursor_execute")
    def lose(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        if left and statement.startswith(before):
            left -= 1
            disconnect(admin)

    batch = [exchange(number, session=f"s{number % 3}") for number in range(200)]
    if losses == 4:
        with pytest.raises(StoreUnavailableError):
            store.add_turns(batch)
        assert texts(store) == []
    assert store.add_turns(batch) == 200
    assert left == 0
    assert store.add_turns(batch) == 0
    assert len(texts(store)) == 400
    assert store.pending_jobs("user-1") == 200
    engine.dispose()
    admin.dispose()


def test_caller_engine_in_autocommit_still_writes_whole(server_url: str) -> None:
    engine = create_engine(make_url(server_url), isolation_level="AUTOCOMMIT")
    store = open_store(engine)
    store.migrate()
    first = exchange(1)
    store.add_turns([first])
    with pytest.raises(StoreError):
        # The span's id does not fit its column, after turns and messages were sent.
        store.add_turns([exchange(2), exchange(3, trace_id="x" * 200)])
    assert texts(store) == ["question 1", "answer 1"]
    if engine.dialect.name == "postgresql":
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
def test_forked_child_and_parent_both_write(processes_url: str) -> None:
    store = open_store(processes_url)
    store.migrate()
    history = [user("hello"), assistant("hi")]
    store.add_turns([turn(*history)])
    children = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:  # only os._exit: the test runner's own exit is the parent's
            gc.disable()  # what other tests left of other drivers does not outlive a fork
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


def test_both_sides_of_a_deadlock_are_done(server_url: str, request: pytest.FixtureRequest) -> None:
    """Two transactions lock the same rows in opposite order: the victim tries again."""
    store = open_store(server_url)
    store.migrate()
    store.add_turns([exchange(1, entity="a"), exchange(2, entity="b")])
    engine = create_engine(make_url(server_url))
    if "seekdb" in request.node.name:  # which only stops waiting
        event.listen(
            engine,
            "connect",
            lambda link, _: link.cursor().execute("SET SESSION ob_trx_lock_timeout = 1000000"),
        )
    both = threading.Barrier(2, timeout=10)
    tries = []

    def side(first: str, second: str) -> str:
        def work(connection: Any) -> str:
            tries.append(first)
            lock = "UPDATE memori_entities SET revision = revision + 1 WHERE external_id = :name"
            connection.execute(text(lock), {"name": first})
            if tries.count(first) == 1:
                both.wait()
            connection.execute(text(lock), {"name": second})
            return first

        return database.Database(engine, owned=False).write(work)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(side, "ab", "ba")) == ["a", "b"]
    assert len(tries) > 2
    assert (store.revision("a"), store.revision("b")) == (3, 3)
    engine.dispose()
    store.close()


_ZONES = {
    "postgresql": ("SET TIME ZONE '{}'", "UTC", "Asia/Kathmandu", "America/St_Johns"),
    "mysql": ("SET time_zone = '{}'", "+00:00", "+05:45", "-03:30", "+13:00"),
    "duckdb": ("SET TimeZone = '{}'", "UTC", "Asia/Kathmandu", "America/St_Johns"),
    "sqlite": ("SELECT '{}'", "which has no time zones"),
}


def test_times_are_the_same_in_every_session_time_zone(shared_url: str) -> None:
    dialect = make_url(shared_url).get_backend_name().replace("mariadb", "mysql")
    statement, *zones = _ZONES[dialect]
    stores = {}
    for zone in zones:
        engine = create_engine(shared_url)

        @event.listens_for(engine, "connect")
        def set_zone(link: Any, _record: Any, zone: str = zone) -> None:
            link.cursor().execute(statement.format(zone))

        stores[zone] = open_store(engine)
        stores[zone].migrate()
    at = datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=UTC)  # an hour that Europe has not
    for number, (zone, store) in enumerate(stores.items()):
        moment = at + timedelta(microseconds=number)
        store.add_turns([exchange(1, session=zone, started_at=moment, ended_at=moment)])
    for store in stores.values():
        for number, zone in enumerate(zones):
            found = {message.created_at for message in store.messages_of("user-1", zone)}
            assert found == {at + timedelta(microseconds=number)}
            assert {moment.utcoffset() for moment in found} == {timedelta(0)}
    for store in stores.values():
        store.close()


@pytest.mark.parametrize("megabytes", [1, 4])
def test_large_messages(store: Store, megabytes: int) -> None:
    said = "\U0001f642 it's \\ " * (megabytes * 75_000)
    store.add_turns([turn(user(said), assistant(said[::-1]))])
    assert texts(store) == [said, said[::-1]]


@pytest.mark.parametrize(
    "said", ["x" * 20_000_000, "it's \\ " * 1_000_000], ids=["long", "escaped"]
)
@pytest.mark.parametrize("backend", ["mariadb", "seekdb"])
def test_message_that_the_server_does_not_take(
    backend: str, said: str, request: pytest.FixtureRequest
) -> None:
    """It hangs up on whoever sends more than it is set to take: that is said, not retried."""
    store = open_store(request.getfixturevalue(f"{backend}_url"))
    store.migrate()
    with pytest.raises(StoreError, match="max_allowed_packet") as caught:
        store.add_turns([exchange(1), turn(user(said), assistant("ok"))])
    assert not isinstance(caught.value, StoreUnavailableError)
    assert texts(store) == []
    assert store.add_turns([exchange(1)]) == 1
    store.close()


def test_locked_row_is_unavailable_for_now(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "LOCK_WAIT_SECONDS", 1)
    store = open_store(mariadb_url)
    store.migrate()
    store.add_turns([exchange(1)])
    engine = create_engine(mariadb_url)
    with engine.begin() as connection:
        connection.execute(text("SELECT * FROM memori_entities FOR UPDATE"))
        with pytest.raises(StoreUnavailableError, match="Lock wait timeout"):
            store.add_turns([exchange(2)])
    assert store.add_turns([exchange(2)]) == 1
    engine.dispose()
    store.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "s3cret-wrong"}, "user or password"),
        ({"database": "nosuch"}, "no such database"),
    ],
)
def test_server_that_refuses_says_what_to_change(
    mariadb_url: str, change: dict[str, str], said: str
) -> None:
    store = open_store(make_url(mariadb_url).set(**change))  # type: ignore[arg-type]
    with pytest.raises(StoreConfigurationError, match=said) as caught:
        store.migrate()
    assert "s3cret" not in str(caught.value)


def test_duckdb_file_is_of_one_process(duckdb_url: str) -> None:
    store = open_store(duckdb_url)
    store.migrate()
    ((code, said),) = in_processes(WRITER, [[duckdb_url, "0"]])
    assert code == 1
    assert "StoreUnavailableError" in said
    assert "open in another process" in said
    store.close()
    assert in_processes(WRITER, [[duckdb_url, "0"]]) == [(0, "")]
    assert len(texts(store)) == 20


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of Pythons that see DuckDB's threads
from storage_cases import exchange
from memori_storage import StoreUnavailableError, open_store
store = open_store(sys.argv[1])
store.migrate()
pid = os.fork()
if pid == 0:
    code = 1
    try:
        for mine in (store, open_store(sys.argv[1])):
            try:
                mine.add_turns([exchange(1)])
            except StoreUnavailableError as error:
                assert "forked from" in str(error)
            else:
                raise AssertionError("the child wrote to its parent's file")
        code = 0
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert store.add_turns([exchange(1)]) == 1
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_duckdb_file_stays_the_parents(duckdb_url: str) -> None:
    # In a process of its own: what other tests left of DuckDB does not outlive a fork.
    assert in_processes(FORKS, [[duckdb_url]]) == [(0, "")]


def test_duckdb_conflict_is_tried_again(duckdb_url: str) -> None:
    """Somebody else's connection in this process changes the row that we are to change."""
    store = open_store(duckdb_url)
    store.migrate()
    store.add_turns([exchange(1)])
    engine = create_engine(duckdb_url)
    tries = []

    def work(connection: Any) -> int:
        tries.append(connection)
        bump = text("UPDATE memori_entities SET revision = revision + 1")
        if len(tries) == 1:
            connection.execute(text("SELECT 1 FROM memori_entities"))
            with engine.begin() as other:
                other.execute(bump)
        connection.execute(bump)
        return len(tries)

    assert database.Database(engine, owned=False).write(work) == 2
    assert store.revision("user-1") == 3
    engine.dispose()
    store.close()

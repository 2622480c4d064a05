"""Connections that the caller uses too: nothing of theirs is closed, ended, seen or changed."""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from connectors import DRIVERS, SERVED, connected, dictionaries
from storage_cases import exchange, texts

from memori_storage import StoreConfigurationError, StoreError, StoreUnavailableError, open_store


def sqlite_connection(tmp_path: Path, **options: Any) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "app.db", check_same_thread=False, **options)


class Case:
    """A driver's connections to one empty database."""

    def __init__(self, name: str, connect: Callable[..., Any]) -> None:
        self.name = name
        self.connect = connect
        self.made: list[Any] = []

    def __call__(self, **options: Any) -> Any:
        connection = self.connect(**options)
        self.made.append(connection)
        return connection

    def dictionaries(self) -> Any:
        if self.name == "sqlite3":
            connection = self()
            connection.row_factory = lambda cursor, row: {
                column[0]: value for column, value in zip(cursor.description, row, strict=True)
            }
            return connection
        return self(**dictionaries(self.name))


@pytest.fixture(params=["sqlite3", *SERVED])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "sqlite3":
        case = Case("sqlite3", lambda **options: sqlite_connection(tmp_path, **options))
    else:
        url = request.getfixturevalue(f"{DRIVERS[request.param].backend}_url")
        case = Case(request.param, partial(connected, url, request.param))
    yield case
    for connection in case.made:
        with suppress(Exception):  # it may be closed
            connection.close()


def run(connection: Any, statement: str) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(statement)
    rows = list(cursor.fetchall()) if cursor.description else []
    cursor.close()
    return rows


def test_it_stores_and_stays_the_callers(case: Case) -> None:
    connection = case()
    run(connection, "CREATE TABLE notes (said VARCHAR(20))")
    connection.commit()
    store = open_store(connection)
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    assert texts(store) == ["question 1", "answer 1"]
    store.close()
    run(connection, "INSERT INTO notes VALUES ('mine')")
    connection.commit()
    assert len(run(connection, "SELECT said FROM notes")) == 1
    connection.rollback()
    again = open_store(connection)
    assert texts(again) == ["question 1", "answer 1"]


def test_open_work_is_neither_ended_nor_seen(case: Case) -> None:
    connection = case()
    run(connection, "CREATE TABLE notes (said VARCHAR(20))")
    connection.commit()
    store = open_store(connection)
    store.migrate()
    run(connection, "INSERT INTO notes VALUES ('mine')")
    for refused in (
        lambda: store.add_turns([exchange(1)]),
        lambda: texts(store),
        lambda: open_store(connection),
    ):
        with pytest.raises(StoreUnavailableError, match="transaction open, which is yours"):
            refused()
    connection.rollback()
    assert run(connection, "SELECT said FROM notes") == []
    connection.rollback()
    assert store.add_turns([exchange(1)]) == 1


def test_rows_of_the_callers_choosing(case: Case) -> None:
    connection = case.dictionaries()
    store = open_store(connection)
    store.migrate()
    store.add_turns([exchange(1)])
    assert texts(store) == ["question 1", "answer 1"]
    rows = run(connection, "SELECT 1 AS one")
    chosen_by_cursor = case.name in ("mysql-connector", "mariadb")
    expected: Any = (1,) if chosen_by_cursor else {"one": 1}
    assert [dict(row) if isinstance(row, dict) else row for row in rows] == [expected]
    connection.rollback()


def test_autocommit_stays_on(case: Case) -> None:
    options: dict[str, Any] = {"isolation_level": None} if case.name == "sqlite3" else {}
    connection = case(**options)
    if case.name in ("pymysql", "mysqlclient"):
        connection.autocommit(True)
    elif case.name != "sqlite3":
        connection.autocommit = True
    store = open_store(connection)
    store.migrate()
    store.add_turns([exchange(1)])
    run(connection, "CREATE TABLE notes (said VARCHAR(20))")
    run(connection, "INSERT INTO notes VALUES ('mine')")
    connection.rollback()
    assert len(run(case(), "SELECT said FROM notes")) == 1
    assert texts(store) == ["question 1", "answer 1"]


@pytest.mark.parametrize("case", SERVED, indirect=True)  # SQLite's columns take any length
def test_a_failed_write_leaves_nothing_and_a_usable_connection(case: Case) -> None:
    store = open_store(case())
    store.migrate()
    with pytest.raises(StoreError, match="refused"):
        # The span's id does not fit its column, after turns and messages were sent.
        store.add_turns([exchange(2), exchange(3, trace_id="x" * 200)])
    assert texts(store) == []
    assert store.add_turns([exchange(1)]) == 1


@pytest.mark.parametrize("count", [1, 3], ids=["one store", "three stores"])
def test_many_threads_take_turns(count: int, case: Case) -> None:
    connection = case()
    stores = [open_store(connection) for _ in range(count)]
    stores[0].migrate()

    def write(number: int) -> int:
        return stores[number % count].add_turns([exchange(number, session=f"s{number}")])

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(write, range(12))) == [1] * 12
    assert len(texts(stores[0])) == 24


def test_a_closed_connection_is_unavailable(case: Case) -> None:
    connection = case()
    store = open_store(connection)
    store.migrate()
    connection.close()
    with pytest.raises(StoreUnavailableError):
        store.add_turns([exchange(1)])


def test_sqlites_settings_stay(tmp_path: Path) -> None:
    connection = sqlite_connection(tmp_path)
    connection.execute("PRAGMA busy_timeout = 1234")
    store = open_store(connection)
    store.migrate()
    store.add_turns([exchange(1)])
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (1234,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.isolation_level == ""
    with pytest.raises(sqlite3.OperationalError, match=r"(?i)regexp"):
        connection.execute("SELECT 'a' REGEXP 'a'")
    connection.close()


def test_a_connection_of_one_thread_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "app.db")
    with pytest.raises(StoreConfigurationError, match="check_same_thread=False"):
        open_store(connection)
    connection.close()


@pytest.mark.postgresql
def test_what_the_caller_reads_of_a_type_stays(postgresql_url: str) -> None:
    """SQLAlchemy makes psycopg2's connections read UUIDs as objects."""
    connection = connected(postgresql_url, "psycopg2")
    store = open_store(connection)
    store.migrate()
    store.add_turns([exchange(1)])
    (value,) = run(connection, "SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid")[0]
    assert isinstance(value, str)
    connection.close()


def test_duckdb(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect(str(tmp_path / "app.duckdb"))
    connection.execute("CREATE TABLE notes (said VARCHAR)")
    connection.begin()
    connection.execute("INSERT INTO notes VALUES ('mine')")
    store = open_store(connection)  # its cursors have transactions of their own
    store.migrate()
    store.add_turns([exchange(1)])
    assert texts(store) == ["question 1", "answer 1"]
    connection.rollback()
    assert connection.execute("SELECT * FROM notes").fetchall() == []
    store.close()
    assert connection.execute("SELECT 1").fetchall() == [(1,)]
    connection.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_it_alone(tmp_path: Path) -> None:
    connection = sqlite_connection(tmp_path)
    store = open_store(connection)
    store.migrate()
    child = os.fork()
    if child == 0:
        gc.disable()  # what other tests left of other drivers does not outlive a fork
        try:
            store.add_turns([exchange(1)])
        except StoreUnavailableError as error:
            os._exit(0 if "forked" in str(error) else 3)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.add_turns([exchange(1)]) == 1
    connection.close()

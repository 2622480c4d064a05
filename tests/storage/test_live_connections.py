"""Connections that the caller uses too: nothing of theirs is closed, ended, seen or changed."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from storage_cases import exchange, texts

from memori_storage import StoreConfigurationError, StoreError, StoreUnavailableError, open_store


def sqlite_connection(tmp_path: Path, **options: Any) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "app.db", check_same_thread=False, **options)


def _libpq(url: str) -> dict[str, Any]:
    it = make_url(url)
    return {
        "host": it.host,
        "port": it.port,
        "user": it.username,
        "dbname": it.database,
        **it.query,
    }


def psycopg_connection(url: str, **options: Any) -> Any:
    import psycopg

    return psycopg.connect(**_libpq(url), **options)


def psycopg2_connection(url: str, **options: Any) -> Any:
    psycopg2 = pytest.importorskip("psycopg2")
    return psycopg2.connect(**_libpq(url), **options)


def pymysql_connection(url: str, **options: Any) -> Any:
    import pymysql

    it = make_url(url)
    given: Any = {"host": it.host, "port": it.port, "user": it.username, "database": it.database}
    if "unix_socket" in it.query:
        given["unix_socket"] = it.query["unix_socket"]
    return pymysql.connect(password=it.password or "", charset="utf8mb4", **given, **options)


def mysqlconnector_connection(url: str, **options: Any) -> Any:
    connector = pytest.importorskip("mysql.connector")
    it = make_url(url)
    given: Any = {"host": it.host, "port": it.port, "user": it.username, "database": it.database}
    return connector.connect(password=it.password or "", charset="utf8mb4", **given, **options)


def mysqlclient_connection(url: str, **options: Any) -> Any:
    module = pytest.importorskip("MySQLdb")
    it = make_url(url)
    given: Any = {"host": it.host, "port": it.port, "user": it.username, "database": it.database}
    return module.connect(password=it.password or "", charset="utf8mb4", **given, **options)


def mariadb_connection(url: str, **options: Any) -> Any:
    module = pytest.importorskip("mariadb")
    it = make_url(url)
    given: Any = {"host": it.host, "port": it.port, "user": it.username, "database": it.database}
    return module.connect(password=it.password or "", **given, **options)


CONNECT = {
    "psycopg": ("postgresql", psycopg_connection),
    "psycopg2": ("postgresql", psycopg2_connection),
    "pymysql": ("mariadb", pymysql_connection),
    "mysql-connector": ("mariadb", mysqlconnector_connection),
    "mysqlclient": ("mariadb", mysqlclient_connection),
    "mariadb": ("mariadb", mariadb_connection),
}


def _dictionaries(driver: str) -> dict[str, Any]:
    """Options for rows that SQLAlchemy cannot read."""
    if driver == "psycopg":
        from psycopg.rows import dict_row

        return {"row_factory": dict_row}
    if driver == "psycopg2":
        from psycopg2.extras import RealDictCursor

        return {"cursor_factory": RealDictCursor}
    if driver == "pymysql":
        from pymysql.cursors import DictCursor

        return {"cursorclass": DictCursor}
    if driver == "mysqlclient":
        from MySQLdb.cursors import DictCursor as MySQLDictCursor

        return {"cursorclass": MySQLDictCursor}
    return {}


COMPILED = {"mysqlclient": "MySQLdb", "mariadb": "mariadb"}
"""Drivers that want a compiler to be installed: CI has them in an environment of its own."""
SERVED = [
    pytest.param(name, marks=getattr(pytest.mark, backend))
    for name, (backend, _) in CONNECT.items()
    if os.environ.get(f"MEMORI_TEST_{backend.upper()}_URL")
    and (name not in COMPILED or find_spec(COMPILED[name]))
]


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
        return self(**_dictionaries(self.name))


@pytest.fixture(params=["sqlite3", *SERVED])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "sqlite3":
        case = Case("sqlite3", lambda **options: sqlite_connection(tmp_path, **options))
    else:
        backend, connect = CONNECT[request.param]
        url = request.getfixturevalue(f"{backend}_url")
        case = Case(request.param, lambda **options: connect(url, **options))
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


def test_many_threads_take_turns(case: Case) -> None:
    store = open_store(case())
    store.migrate()
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            store.add_turns([exchange(number, session=f"s{number}")])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(texts(store)) == 16


def test_stores_over_one_connection_take_turns(case: Case) -> None:
    connection = case()
    stores = [open_store(connection) for _ in range(3)]
    stores[0].migrate()
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            stores[number % 3].add_turns([exchange(number, session=f"s{number}")])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
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
    connection = psycopg2_connection(postgresql_url)
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

"""Functions that return connections: pooled, and closed by us."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connectors import DRIVERS, SERVED, connected, dictionaries
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session
from storage_cases import exchange, texts

from memori_storage import Store, StoreConfigurationError, StoreUnavailableError, open_store


def check(store: Store) -> None:
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    seen: list[list[str]] = []
    thread = threading.Thread(target=lambda: seen.append(texts(store)))
    thread.start()
    thread.join()
    assert seen == [["question 1", "answer 1"]]
    store.close()


@pytest.mark.parametrize("own_thread", [True, False])
def test_sqlite(own_thread: bool, tmp_path: Path) -> None:
    made: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(tmp_path / "memori.db", check_same_thread=own_thread)
        connection.row_factory = sqlite3.Row
        made.append(connection)
        return connection

    check(open_store(connect))
    with sqlite3.connect(tmp_path / "memori.db") as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    # All of them are closed again.
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("rows", ["tuples", "dictionaries"])
def test_servers(name: str, rows: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(f"{DRIVERS[name].backend}_url")
    options = dictionaries(name) if rows == "dictionaries" else {}
    check(open_store(lambda: connected(url, name, **options)))


def test_duckdb(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("duckdb_engine")
    check(open_store(lambda: duckdb.connect(str(tmp_path / "memori.duckdb"))))


def test_sessions_and_engines_count_as_given(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'memori.db'}")
    store = open_store(lambda: Session(engine))
    store.migrate()
    store.close()
    check(open_store(lambda: engine))


def test_sqlmodel(tmp_path: Path) -> None:
    sqlmodel = pytest.importorskip("sqlmodel")
    from sqlalchemy.orm import sessionmaker

    engine = sqlmodel.create_engine(f"sqlite:///{tmp_path / 'memori.db'}")
    store = open_store(sqlmodel.Session(engine))
    store.migrate()
    store.close()
    check(open_store(sessionmaker(engine, class_=sqlmodel.Session)))


def _raising() -> Any:
    raise OSError("s3cret")


async def _coroutine() -> Any: ...


def _generator() -> Iterator[Any]:
    yield


@pytest.mark.parametrize(
    ("factory", "kind", "said"),
    [
        (_raising, StoreUnavailableError, "raised OSError"),
        (_coroutine, StoreConfigurationError, "asynchronous"),
        (_generator, StoreConfigurationError, "yields"),
        (lambda: 42, StoreConfigurationError, "returned int"),
        (lambda url: url, StoreConfigurationError, "no arguments"),
        (lambda: sqlite3.connect(":memory:"), StoreConfigurationError, "in memory"),
        (dict, StoreConfigurationError, "not type"),
    ],
    ids=["raises", "coroutine", "generator", "number", "arguments", "memory", "class"],
)
def test_what_is_no_such_function(factory: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        open_store(factory)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.postgresql
def test_a_server_that_comes_back(postgresql_url: str) -> None:
    """Connections are made anew, by the function."""
    import psycopg

    url = make_url(postgresql_url)
    place: dict[str, Any] = {"host": url.host, "port": url.port, "dbname": url.database}
    made: list[Any] = []

    def connect() -> Any:
        made.append(psycopg.connect(user=url.username, **place, **url.query))
        return made[-1]

    store = open_store(connect)
    store.migrate()
    for connection in made:
        connection.close()
    assert store.add_turns([exchange(1)]) == 1
    assert len(made) > 1
    store.close()

"""Every way to name a database, and what is said to those that do not work."""

from __future__ import annotations

import gc
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import StaticPool
from storage_cases import exchange, texts

from memori_storage import Store, StoreConfigurationError, open_store


def check(store: Store) -> None:
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    assert texts(store) == ["question 1", "answer 1"]
    store.close()


def test_sqlite_file_is_its_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_store(f"sqlite:///{tmp_path / 'memori.db'}")
        store.migrate()
        store.add_turns([exchange(1)])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("memori.db", "memori.db-wal", "memori.db-shm"), 0o600)


def test_mode_of_an_existing_file_is_its_owners_choice(tmp_path: Path) -> None:
    path = tmp_path / "memori.db"
    path.touch()
    path.chmod(0o660)
    check(open_store(f"sqlite:///{path}"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_relative_file_stays_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///memori.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    check(store)
    assert [path.name for path in tmp_path.rglob("*.db")] == ["memori.db"]


def test_sqlite_settings(tmp_path: Path) -> None:
    from memori_storage.connecting import open_database

    database = open_database(f"sqlite:///{tmp_path / 'memori.db'}", create=True)

    def pragma(name: str) -> Any:
        return database.read(lambda c: c.exec_driver_sql(f"PRAGMA {name}").scalar())

    assert pragma("journal_mode") == "wal"
    assert pragma("busy_timeout") == 10_000
    assert pragma("synchronous") == 1  # NORMAL
    assert pragma("foreign_keys") == 1
    database.close()


def kinds(path: Path) -> dict[str, Any]:
    engine = create_engine(f"sqlite:///{path}")
    return {
        "engine": engine,
        "sessionmaker": sessionmaker(engine),
        "scoped_session": scoped_session(sessionmaker(bind=engine)),
        "session": Session(engine),
        "url": make_url(f"sqlite:///{path}"),
        "uri": f"sqlite:///file:{path}?uri=true",
    }


@pytest.mark.parametrize("kind", kinds(Path("unused")))
def test_kinds_of_database(kind: str, tmp_path: Path) -> None:
    check(open_store(kinds(tmp_path / "memori.db")[kind]))


def test_store_is_returned_itself(store: Store) -> None:
    assert open_store(store) is store


@pytest.mark.parametrize(
    "options", [{}, {"isolation_level": "AUTOCOMMIT"}, {"isolation_level": "SERIALIZABLE"}]
)
def test_given_engine_stays_the_callers(tmp_path: Path, options: dict[str, Any]) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'memori.db'}", **options)
    check(open_store(engine))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 0
    assert engine.pool.checkedin() > 0


def test_given_engine_that_begins_by_itself(tmp_path: Path) -> None:
    """The recipe of SQLAlchemy's documentation for SQLite transactions."""
    engine = create_engine(f"sqlite:///{tmp_path / 'memori.db'}")

    @event.listens_for(engine, "connect")
    def _connect(link: Any, _record: Any) -> None:
        link.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    check(open_store(engine))


def test_given_in_memory_engine_shared_by_threads() -> None:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    check(open_store(engine))


def refused(database: Any, **options: Any) -> str:
    with pytest.raises(StoreConfigurationError) as caught:
        open_store(database, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "s3cret" not in message
    return message


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("memori.db", "sqlite:///memori.db"),
        ("", "sqlite:///memori.db"),
        ("postgresql://app:s3cret@host:port/x", "percent-encoded"),
        ("nosuch://app:s3cret@host/x", "not supported"),
        ("oracle://app:s3cret@host/x", "not supported"),
        ("postgresql+nosuch://app:s3cret@host/x", "postgresql+nosuch"),
        ("sqlite+aiosqlite:///memori.db", "aiosqlite"),
        ("postgresql+asyncpg://app:s3cret@host/x", "asyncpg"),
        ("mysql+mysqldb://app:s3cret@host/x", "pip install"),
        ("mysql://app:s3cret@host/x?charset=latin1", "charset=utf8mb4"),
        (None, "not NoneType"),
        (42, "not int"),
        (sessionmaker(), "bound to no engine"),
        (create_engine("sqlite://"), "StaticPool"),
    ],
    ids=str,
)
def test_refused_databases(monkeypatch: pytest.MonkeyPatch, database: Any, said: str) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)  # PyMySQL can take its name for Django
    registry.impls.clear()  # what SQLAlchemy has imported before
    assert said in refused(database)


def asynchronous(url: str) -> Any:
    pytest.importorskip("greenlet", reason="SQLAlchemy's asyncio needs greenlet")
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine(url)


def test_an_asynchronous_engine_is_reached_from_threads(tmp_path: Path) -> None:
    from sqlalchemy.ext.asyncio import async_sessionmaker

    pytest.importorskip("aiosqlite")
    engine = asynchronous(f"sqlite+aiosqlite:///{tmp_path / 'memori.db'}")
    check(open_store(engine))
    store = open_store(async_sessionmaker(engine))
    assert texts(store) == ["question 1", "answer 1"]
    store.close()


@pytest.mark.postgresql
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async", "psycopg"])
def test_an_asynchronous_engine_of_postgresql(driver: str, postgresql_url: str) -> None:
    if driver == "asyncpg":
        pytest.importorskip("asyncpg")
    url = make_url(postgresql_url).set(drivername=f"postgresql+{driver}")
    check(open_store(asynchronous(url)))


def test_asynchronous_engines_that_cannot_be_reached() -> None:
    pytest.importorskip("aiosqlite")
    assert "in memory" in refused(asynchronous("sqlite+aiosqlite://"))


def test_pymongos_objects_are_no_stores() -> None:
    pymongo = pytest.importorskip("pymongo")
    client = pymongo.MongoClient("mongodb://127.0.0.1:1/app", connect=False)
    for given in (client, client["app"], "mongodb://127.0.0.1:1/app"):
        store = open_store(given)
        assert repr(store).startswith("MongoStore(")
        store.close()
    client.close()


def test_connection_is_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'memori.db'}")
    with engine.connect() as connection:
        assert "Engine" in refused(sessionmaker(connection))
        assert "Engine" in refused(connection)


def test_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    message = refused("postgresql+psycopg://app:s3cret@host/x")
    assert "pip install 'memori-instrumentation[postgresql]'" in message


def test_postgres_is_postgresql() -> None:
    pytest.importorskip("psycopg")
    assert "://app:***@host/x" in repr(open_store("postgres://app:s3cret@host/x"))


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("mysql://app:s3cret@host/x", "pymysql", "mysql"),
        ("mariadb://app:s3cret@host/x", "pymysql", "mysql"),
        ("mysql+oceanbase://app:s3cret@host/x", "pyobvector.schema.dialect", "oceanbase"),
        ("duckdb:///:memory:", "duckdb_engine", "duckdb"),
    ],
)
def test_missing_drivers_name_their_extras(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)  # PyMySQL can take its name for Django
    monkeypatch.setitem(sys.modules, module, None)
    registry.impls.clear()  # what SQLAlchemy has imported before
    assert f"pip install 'memori-instrumentation[{extra}]'" in refused(url)


def test_missing_dialect_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where duckdb-engine is not installed: SQLAlchemy knows of no such dialect."""

    def load(name: str) -> None:
        raise NoSuchModuleError(f"Can't load plugin: {name}")

    monkeypatch.setattr(registry, "load", load)
    assert "pip install 'memori-instrumentation[duckdb]'" in refused("duckdb:///:memory:")
    assert "write postgresql://" in refused("postgresql+nosuch://app:s3cret@host/x")


def test_mysql_takes_pymysql() -> None:
    pytest.importorskip("pymysql")
    for given in ("mysql", "mariadb"):
        store = open_store(f"{given}://app:s3cret@host/x")
        assert f"{given}+pymysql://app:***@host/x" in repr(store)


def test_duckdb_in_memory_and_given_engines(tmp_path: Path) -> None:
    pytest.importorskip("duckdb_engine")
    check(open_store("duckdb:///:memory:"))
    engine = create_engine(f"duckdb:///{tmp_path / 'memori.duckdb'}")
    check(open_store(engine))
    engine.dispose()


def test_duckdb_files_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb_engine")
    missing = f"duckdb:///{tmp_path / 'no' / 'memori.duckdb'}"
    assert f"the directory {tmp_path / 'no'} does not exist" in refused(missing)
    assert "no such file" in refused(f"duckdb:///{tmp_path / 'memori.duckdb'}", create=False)
    (tmp_path / "notes.txt").write_text("these are my notes")
    assert "no DuckDB database" in refused(f"duckdb:///{tmp_path / 'notes.txt'}")
    assert "directory" in refused(f"duckdb:///{tmp_path}")
    monkeypatch.chdir(tmp_path)
    store = open_store("duckdb:///memori.duckdb")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    check(store)
    assert [path.name for path in tmp_path.rglob("*.duckdb")] == ["memori.duckdb"]


def test_missing_directory(tmp_path: Path) -> None:
    message = refused(f"sqlite:///{tmp_path / 'no' / 'memori.db'}")
    assert f"the directory {tmp_path / 'no'} does not exist" in message


def test_missing_file_that_is_not_to_be_created(tmp_path: Path) -> None:
    message = refused(f"sqlite:///{tmp_path / 'memori.db'}", create=False)
    assert "no such file" in message
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes")
    assert "no SQLite database" in refused(f"sqlite:///{path}")
    assert path.read_text() == "these are my notes"


def test_directory_instead_of_a_file(tmp_path: Path) -> None:
    assert "directory" in refused(f"sqlite:///{tmp_path}")


@pytest.mark.skipif(
    sys.platform == "win32" or os.getuid() != 0, reason="needs root to become another user"
)
def test_file_that_another_user_cannot_write(tmp_path: Path) -> None:
    own, readable = tmp_path / "own.db", tmp_path / "readable.db"
    own.touch(0o600)
    readable.touch(0o644)
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.getuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    lines = [said_to_nobody(path) for path in (own, readable, tmp_path / "new.db")]
    assert "Permission denied" in lines[0]
    assert "may not write" in lines[1]
    assert "Permission denied" in lines[2]


def said_to_nobody(path: Path) -> str:
    """What opening a file gives in a process of another user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        gc.disable()  # what other tests left of other drivers does not outlive a fork
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                open_store(f"sqlite:///{path}")
            except StoreConfigurationError as error:
                os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        return said.read()

"""What differs between the relational databases, in one place, by the name of SQLAlchemy's dialect.

OceanBase and SeekDB speak MySQL's protocol: their dialect is called ``mysql`` too.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Select, event
from sqlalchemy import exc as sqla

S = TypeVar("S", bound=Select[Any])

SUPPORTED = ("sqlite", "postgresql", "mysql", "mariadb", "duckdb")
MYSQL_FAMILY = ("mysql", "mariadb")
SERVERS = ("postgresql", *MYSQL_FAMILY)

_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql", "duckdb": "duckdb"}
_EXTRAS_BY_DRIVER = {"mysql+oceanbase": "oceanbase"}
LOCK_WAIT_SECONDS = 10
"""How long a row that another transaction has locked is waited for."""

# https://mariadb.com/kb/en/mariadb-error-codes/
_DEADLOCKS = {"40001", "40P01", 1213}
_MYSQL_LOCK_WAIT = 1205
_MISSING_TABLE = {"42P01", "42S02", 1146}
_MYSQL_LOST = {2006, 2013, 2014, 2055, 4031}
_MYSQL_TOO_LARGE = 1153
_MYSQL_ESCAPED = "'\"\\\n\r\0\x1a"
_MYSQL_UNUSABLE = {
    1044: "this user may not use the database: grant it the rights on it",
    1045: "user or password are wrong",
    1049: "there is no such database on the server: create it",
    1142: "this user may not change it: grant it the rights on its tables",
    1290: "the server is read-only: name one that takes writes",
}
_DUCKDB_CONFLICTS = ("TransactionContext Error", "Transaction conflict")
_DUCKDB_LOCKED = "Could not set lock on file"


def with_driver(url: URL) -> URL:
    """A URL with the driver that is taken where it names none."""
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    if url.drivername == "postgresql" and find_spec("psycopg2") is None:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in MYSQL_FAMILY and (
        find_spec("pymysql") is not None or find_spec("MySQLdb") is None
    ):
        return url.set(drivername=f"{url.drivername}+pymysql")
    if url.drivername == "mysql+oceanbase":
        register_oceanbase()
    return url


def register_oceanbase() -> None:
    """Have SQLAlchemy know pyobvector's dialect, which no entry point tells it of."""
    from sqlalchemy.dialects import registry

    registry.register("mysql.oceanbase", "pyobvector.schema.dialect", "OceanBaseDialect")


def objection(url: URL) -> str | None:
    """What in a URL would lose text, if anything."""
    charset = url.query.get("charset", "utf8mb4")
    if url.get_backend_name() in MYSQL_FAMILY and charset != "utf8mb4":
        return f"its charset={charset} cannot hold every text: write charset=utf8mb4"
    return None


def extra_for(url: URL) -> str | None:
    """The extra of this distribution that installs a URL's default driver."""
    return _EXTRAS_BY_DRIVER.get(url.drivername) or _EXTRAS.get(url.get_backend_name())


def timeout_arguments(url: URL, seconds: int) -> dict[str, Any]:
    """What a driver is to be told, so that it does not try to connect for ever."""
    if url.get_backend_name() not in SERVERS or "connect_timeout" in url.query:
        return {}
    return {"connect_timeout": seconds}


def prepare(engine: Engine) -> None:
    """Set up an engine of ours for its kind of database."""
    if engine.dialect.name in MYSQL_FAMILY:
        event.listen(engine, "connect", _configure_mysql)


def _configure_mysql(link: Any, _record: Any) -> None:
    """Wait for locks no longer than elsewhere, and refuse what does not fit rather than cut it."""
    cursor = link.cursor()
    cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}")
    cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")
    cursor.close()


def is_oceanbase(connection: Connection) -> bool:
    """Whether a server that speaks MySQL's protocol is OceanBase or SeekDB."""
    said = connection.exec_driver_sql("SELECT VERSION()").scalar()
    return "oceanbase" in str(said).lower()


def locked(statement: S, dialect: str, *, skip_locked: bool = False) -> S:
    """A ``SELECT`` that locks the rows it finds, where rows can be locked.

    SQLite's and DuckDB's writers take turns: they lock no rows.
    """
    if dialect in SERVERS:
        return statement.with_for_update(skip_locked=skip_locked)
    return statement


def state(origin: object) -> Any:
    """The SQLSTATE of a driver's error, or its number where it has none."""
    arguments: tuple[Any, ...] = getattr(origin, "args", ())
    found = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    for number in (*arguments[:1], getattr(origin, "errno", None)):
        if isinstance(number, int):
            return number  # MySQL's numbers say more than the states some of its drivers add
    return found or (arguments[0] if arguments else None)


def is_missing_table(origin: object) -> bool:
    """Whether a driver's error says that a table is not there."""
    what = state(origin)
    return what in _MISSING_TABLE or (
        isinstance(what, str)
        and (
            what.startswith("no such table")
            or (what.startswith("Catalog Error: Table") and "does not exist" in what)
        )
    )


def is_worth_another_try(error: sqla.SQLAlchemyError) -> bool:
    """Whether the transaction was rolled back for a reason that is gone at the next try."""
    if not isinstance(error, sqla.DBAPIError):
        return False
    what = state(error.orig)
    return (
        error.connection_invalidated
        or what in _DEADLOCKS
        or what in _MYSQL_LOST
        or waited_in_vain(error)
        or (isinstance(what, str) and what.startswith(_DUCKDB_CONFLICTS))
    )


def waited_in_vain(error: sqla.SQLAlchemyError) -> bool:
    """Whether a lock was not to be had in the time that one waits for it.

    SeekDB says so of a deadlock too, to both sides and at the same time.
    """
    return bool(state(getattr(error, "orig", None)) == _MYSQL_LOCK_WAIT)


def unusable(error: sqla.SQLAlchemyError) -> str | None:
    """What must be changed before the database can be used, if an error says so."""
    what = state(getattr(error, "orig", None))
    return _MYSQL_UNUSABLE.get(what) if isinstance(what, int) else None


def held_elsewhere(error: sqla.SQLAlchemyError) -> bool:
    """Whether another process has a DuckDB file open."""
    return _DUCKDB_LOCKED in str(getattr(error, "orig", None))


def first_failure(error: sqla.SQLAlchemyError) -> sqla.SQLAlchemyError:
    """What went wrong with a statement, where it is hidden by what then went wrong with undoing it:
    a server that refuses a statement may hang up before the rollback."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, sqla.StatementError) and at.statement is not None:
            return at
        at = at.__context__
    return error


def may_be_too_large(error: sqla.SQLAlchemyError, dialect: str) -> bool:
    """Whether a MySQL server may have hung up because what it was sent is too large."""
    what = state(getattr(error, "orig", None))
    return dialect in MYSQL_FAMILY and (what == _MYSQL_TOO_LARGE or what in _MYSQL_LOST)


def is_too_large(error: sqla.SQLAlchemyError) -> bool:
    """Whether a MySQL server said that what it was sent is too large."""
    return bool(state(getattr(error, "orig", None)) == _MYSQL_TOO_LARGE)


def largest_row(error: sqla.SQLAlchemyError) -> int:
    """Bytes of the largest row that a failed statement was to write, as they are sent, about."""
    given = getattr(error, "params", None)
    rows = given if isinstance(given, list) else [given]
    return max((_size(row) for row in rows if row), default=0)


def _size(row: Any) -> int:
    values = row.values() if isinstance(row, dict) else row
    return sum(
        len(value.encode("utf-8", "surrogatepass")) + sum(map(value.count, _MYSQL_ESCAPED))
        if isinstance(value, str)
        else len(value)
        for value in values
        if isinstance(value, str | bytes)
    )

"""What drivers of the DB-API differ in: how to know their connections, and how to leave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

_IN_TRANSACTION = 1
"""``SERVER_STATUS_IN_TRANS`` of MySQL's protocol."""


@dataclass(frozen=True)
class Driver:
    """A driver of the DB-API 2.0.

    Args:
        dialect: SQLAlchemy's name for it.
        rows: Attributes of its connections that choose what rows are, with the values that
            SQLAlchemy expects; a value that is a tuple of module and name is looked up when it is
            used.
        transactions: Attributes that choose when transactions begin and how they are isolated,
            likewise.
        calls_autocommit: Whether ``autocommit`` is no attribute but a method that sets it.
        is_open: Whether a connection has a transaction open.
        is_closed: Whether a connection is closed.
    """

    dialect: str
    rows: Mapping[str, Any] = field(default_factory=dict)
    transactions: Mapping[str, Any] = field(default_factory=dict)
    calls_autocommit: bool = False
    is_open: Callable[[Any], bool] = lambda connection: bool(connection.in_transaction)
    is_closed: Callable[[Any], bool] = lambda connection: bool(getattr(connection, "closed", False))

    @property
    def backend(self) -> str:
        """The kind of database."""
        return self.dialect.partition("+")[0]

    def with_plain_rows(self, connection: Any) -> Any:
        """A connection of ours, its rows as SQLAlchemy expects them."""
        for name, value in looked_up(self.rows).items():
            setattr(connection, name, value)
        return connection


def looked_up(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the values that are of other modules."""
    return {
        name: getattr(import_module(value[0]), value[1]) if isinstance(value, tuple) else value
        for name, value in settings.items()
    }


def _mysqlclient_is_open(connection: Any) -> bool:
    """MySQLdb does not tell; MariaDB does when asked."""
    connection.query("SELECT @@in_transaction")
    return bool(int(connection.store_result().fetch_row()[0][0]))


_MYSQL: dict[str, Any] = {"is_open": lambda it: bool(it.server_status & _IN_TRANSACTION)}
_DRIVERS = {
    "sqlite3": Driver(
        "sqlite",
        {"row_factory": None, "text_factory": str},
        # -1 is LEGACY_TRANSACTION_CONTROL, in Pythons that know others.
        {"autocommit": -1, "isolation_level": None},
    ),
    "psycopg": Driver(
        "postgresql+psycopg",
        {
            "row_factory": ("psycopg.rows", "tuple_row"),
            "cursor_factory": ("psycopg", "Cursor"),
        },
        {
            "autocommit": False,
            "isolation_level": None,
            "read_only": None,
            "deferrable": None,
        },
        is_open=lambda it: it.info.transaction_status != 0,
    ),
    "psycopg2": Driver(
        "postgresql+psycopg2",
        {"cursor_factory": ("psycopg2.extensions", "cursor")},
        {"autocommit": False, "isolation_level": None, "readonly": None, "deferrable": None},
        is_open=lambda it: it.info.transaction_status != 0,
    ),
    "pymysql": Driver(
        "mysql+pymysql",
        {"cursorclass": ("pymysql.cursors", "Cursor")},
        calls_autocommit=True,
        is_closed=lambda it: not it.open,
        **_MYSQL,
    ),
    "MySQLdb": Driver(
        "mysql+mysqldb",
        {"cursorclass": ("MySQLdb.cursors", "Cursor")},
        calls_autocommit=True,
        is_open=_mysqlclient_is_open,
        is_closed=lambda it: not it.open,
    ),
    "mysql": Driver(
        "mysql+mysqlconnector",
        transactions={"autocommit": False},
        is_closed=lambda it: not it.is_connected(),
    ),
    "mariadb": Driver("mariadb+mariadbconnector", transactions={"autocommit": False}, **_MYSQL),
    "duckdb": Driver("duckdb"),
    "oracledb": Driver("oracle+oracledb"),
    "pyodbc": Driver("mssql+pyodbc"),
}
"""Drivers, by the package that their connections' classes are of."""
_ALIASES = {"_duckdb": "duckdb", "_mysql_connector": "mysql"}


def driver_of(connection: Any) -> Driver | None:
    """The driver that made a connection; ``None`` if it is not one of a driver we know."""
    if not (hasattr(connection, "cursor") and hasattr(connection, "commit")):
        return None
    found = (driver_by(kind.__module__) for kind in type(connection).__mro__)
    return next((driver for driver in found if driver is not None), None)


def driver_by(module: str) -> Driver | None:
    """The driver that a module is of; ``None`` if it is none we know."""
    package = module.partition(".")[0]
    return _DRIVERS.get(_ALIASES.get(package, package))

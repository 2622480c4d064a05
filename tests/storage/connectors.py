"""Connections of the drivers themselves, to a URL's database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
from sqlalchemy import make_url


class Driver(NamedTuple):
    """A driver of servers.

    Args:
        backend: The kind of server.
        module: What has ``connect``.
        names: What ``connect`` calls the parts of a URL, where not by their names.
        options: What it is always given.
    """

    backend: str
    module: str
    names: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}


_UTF8 = {"charset": "utf8mb4"}
DRIVERS = {
    "psycopg": Driver("postgresql", "psycopg", {"database": "dbname"}),
    "psycopg2": Driver("postgresql", "psycopg2", {"database": "dbname"}),
    "pymysql": Driver("mariadb", "pymysql", options=_UTF8),
    "mysql-connector": Driver("mariadb", "mysql.connector", options=_UTF8),
    "mysqlclient": Driver("mariadb", "MySQLdb", options=_UTF8),
    "mariadb": Driver("mariadb", "mariadb"),
}
COMPILED = ("mysqlclient", "mariadb")
"""Drivers that want a compiler to be installed: CI has them in an environment of its own."""
SERVED = [
    pytest.param(name, marks=getattr(pytest.mark, backend))
    for name, (backend, module, *_) in DRIVERS.items()
    if os.environ.get(f"MEMORI_TEST_{backend.upper()}_URL")
    and (name not in COMPILED or find_spec(module))
]
"""Those whose server is there, as parameters of a test."""
_OF_DIALECTS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}


def connected(url: str, driver: str | None = None, **options: Any) -> Any:
    """A DB-API connection to a URL's database, one that any thread may use.

    Args:
        url: SQLAlchemy's.
        driver: One of :data:`DRIVERS`; default: the usual one of the URL's dialect.
        options: For the driver's ``connect``.
    """
    it = make_url(url)
    if it.get_backend_name() == "sqlite":
        return sqlite3.connect(str(it.database), check_same_thread=False, **options)
    by = DRIVERS[driver or _OF_DIALECTS[it.get_backend_name()]]
    pytest.importorskip(by.module)
    parts = {
        "host": it.host,
        "port": it.port,
        "user": it.username,
        "password": it.password,
        "database": it.database,
        **it.query,
    }
    given = {by.names.get(name, name): value for name, value in parts.items() if value is not None}
    return import_module(by.module).connect(**given, **by.options, **options)


def dictionaries(driver: str) -> dict[str, Any]:
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

"""Stores to test: each test runs on every backend that is there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from connectors import connected
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool
from storage_cases import django_settings

from memori_storage import Store, open_store, support

POSTGRESQL = "MEMORI_TEST_POSTGRESQL_URL"
MARIADB = "MEMORI_TEST_MARIADB_URL"
SEEKDB = "MEMORI_TEST_SEEKDB_URL"
MONGODB = "MEMORI_TEST_MONGODB_URL"

support.register_oceanbase()  # a URL of a server may name that dialect

# Without a server its tests are not there, rather than all skipped; one test is, and says so.
_SERVERS = [
    pytest.param(name, marks=getattr(pytest.mark, name))
    for name, variable in (("postgresql", POSTGRESQL), ("mariadb", MARIADB), ("seekdb", SEEKDB))
    if os.environ.get(variable)
]
_MONGODB = [pytest.param("mongodb", marks=pytest.mark.mongodb)] if os.environ.get(MONGODB) else []
_DUCKDB = ["duckdb"] if find_spec("duckdb") and find_spec("duckdb_engine") else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is of MongoDB alone where there is no such server."""
    if os.environ.get(MONGODB):
        return
    needless = [
        item
        for item in items
        if item.path.stem == "test_mongodb" and "mongodb_url" in getattr(item, "fixturenames", ())
    ]
    config.hook.pytest_deselected(items=needless)
    items[:] = [item for item in items if item not in needless]


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """URL of an empty schema of its own in the scratch PostgreSQL database."""
    given = os.environ.get(POSTGRESQL)
    if not given:
        pytest.skip(f"{POSTGRESQL} is not set: see .ci/postgres.sh")
    url = make_url(given).set(drivername="postgresql+psycopg")
    schema = f"test_{uuid.uuid4().hex}"
    admin = create_engine(url, poolclass=NullPool)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    # The name lets a test end the connections of its own stores and no others'.
    own = url.update_query_dict({"options": f"-c search_path={schema}", "application_name": schema})
    yield own.render_as_string(hide_password=False)
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


def _database_of_its_own(given: str) -> Iterator[str]:
    url = make_url(given)
    if "+" not in url.drivername:
        url = url.set(drivername="mysql+pymysql")
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(url, poolclass=NullPool)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.begin() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))


@pytest.fixture
def mariadb_url() -> Iterator[str]:
    """URL of an empty database of its own on the scratch MariaDB server."""
    given = os.environ.get(MARIADB)
    if not given:
        pytest.skip(f"{MARIADB} is not set: see .ci/mariadb.sh")
    yield from _database_of_its_own(given)


@pytest.fixture
def seekdb_url() -> Iterator[str]:
    """URL of an empty database of its own on the scratch SeekDB server."""
    given = os.environ.get(SEEKDB)
    if not given:
        pytest.skip(f"{SEEKDB} is not set: see .ci/seekdb.py")
    yield from _database_of_its_own(given)


@pytest.fixture
def duckdb_url(tmp_path: Path) -> str:
    """URL of a DuckDB file that is not there yet."""
    if not _DUCKDB:
        pytest.skip("duckdb and duckdb-engine are not installed")
    return f"duckdb:///{tmp_path / 'memori.duckdb'}"


@pytest.fixture
def mongodb_url() -> Iterator[str]:
    """URL of an empty database of its own on the scratch MongoDB server."""
    given = os.environ.get(MONGODB)
    if not given:
        pytest.skip(f"{MONGODB} is not set: see .ci/mongodb.sh")
    from pymongo import MongoClient

    name = f"test_{uuid.uuid4().hex}"
    yield urlsplit(given)._replace(path=f"/{name}").geturl()
    with MongoClient[dict[str, Any]](given) as client:
        client.drop_database(name)


def _url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if backend == "memory":
        return "sqlite://"
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'memori.db'}"
    return str(request.getfixturevalue(f"{backend}_url"))


@pytest.fixture(params=["sqlite", "memory", *_DUCKDB, *_SERVERS, *_MONGODB])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of every kind."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", *_DUCKDB, *_SERVERS])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database that several stores can open, of one process."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", *_SERVERS, *_MONGODB])
def processes_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database that several processes can open, which DuckDB's cannot."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(params=_SERVERS)
def server_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of every kind that is a server: connections can be lost."""
    return _url(request.param, request, tmp_path)


_WAYS = [
    pytest.param("sqlite", "function"),
    pytest.param("sqlite", "connection"),
    *([pytest.param("sqlite", "django")] if find_spec("django") else []),
    *(
        pytest.param(*param.values, way, marks=[*param.marks, pytest.mark.slow])
        for param in _SERVERS
        if param.values != ("seekdb",)
        for way in ("function", "connection", "django")
    ),
]
"""Other ways to name a database than by URL; those to servers are the slow run's."""


@pytest.fixture(
    params=[
        *((param, "url") for param in ["sqlite", "memory", *_DUCKDB]),
        *(pytest.param((*param.values, "url"), marks=param.marks) for param in _SERVERS + _MONGODB),
        *(pytest.param(param.values, marks=param.marks) for param in _WAYS),
    ],
    ids=lambda param: param[0] if param[1] == "url" else "-".join(param),
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A migrated store, on every kind of database and given in every way."""
    backend, way = request.param
    url = _url(backend, request, tmp_path)
    with ExitStack() as closing:
        store = open_store(_given(url, way, closing))
        store.migrate()
        yield store
        store.close()


def _given(url: str, way: str, closing: ExitStack) -> Any:
    """What stands for a URL in a way to name a database."""
    if way == "url":
        return url
    if way == "django":
        return django_alias(url, closing)
    connect = partial(connected, url)
    if way == "function":
        return connect
    connection = connect()
    closing.callback(connection.close)
    return connection


def django_alias(url: str, closing: ExitStack) -> str:
    """``django:ALIAS`` with an alias of its own for a URL's database."""
    from django.conf import settings
    from django.db import connections

    if not settings.configured:
        settings.configure()
    alias = f"test_{uuid.uuid4().hex}"
    configured = connections.configure_settings({"default": {}, alias: django_settings(url)})
    connections.settings[alias] = configured[alias]
    closing.callback(connections.settings.pop, alias)
    return f"django:{alias}"

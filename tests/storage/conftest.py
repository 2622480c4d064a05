"""Stores to test: each test runs on every backend that is there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from memori_storage import Store, open_store

POSTGRESQL = "MEMORI_TEST_POSTGRESQL_URL"


# Without a server its tests are not there, rather than all skipped; one test is, and says so.
_SERVERS = (
    [pytest.param("postgresql", marks=pytest.mark.postgresql)] if os.environ.get(POSTGRESQL) else []
)


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


def _url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if backend == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return "sqlite://" if backend == "memory" else f"sqlite:///{tmp_path / 'memori.db'}"


@pytest.fixture(params=["sqlite", "memory", *_SERVERS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of every kind."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", *_SERVERS])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database that several stores and processes can open."""
    return _url(request.param, request, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A migrated store."""
    store = open_store(url)
    store.migrate()
    yield store
    store.close()

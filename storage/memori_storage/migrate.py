"""Bringing the schema up to date, by one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy import exc as sqla

from memori_storage import support
from memori_storage.database import Database
from memori_storage.naming import in_database
from memori_storage.records import Schema
from memori_storage.schema import SCHEMA_VERSION, VERSION_TABLE
from memori_storage.store import StoreError, StoreUnavailableError, known_schema

_LOCK_NAME = "memori_schema"
_LOCK_NUMBER = 0x6D656D6F7269  # "memori", for PostgreSQL's numbered locks
_LOCK_SECONDS = 120

# Alembic works through module globals.
_IN_PROCESS = threading.Lock()


def migrate(database: Database) -> None:
    """Create or upgrade the schema; only look at the version if it is current.

    Raises:
        SchemaTooNewError: If a newer release has upgraded the database.
    """
    if not known_schema(schema_of(database), database.name).is_current:
        with _IN_PROCESS:
            database.write(lambda connection: _upgrade(connection, database))


def schema_of(database: Database) -> Schema:
    """Which version a database has, and which this release has."""
    return database.read(_stored)


def _stored(connection: Connection) -> Schema:
    if not connection.dialect.has_table(connection, in_database(VERSION_TABLE, connection)):
        return Schema(None, SCHEMA_VERSION)
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return Schema(None if found is None else str(found), SCHEMA_VERSION)


def _upgrade(connection: Connection, database: Database) -> None:
    name = database.name
    with _locked(connection):
        if database.schema is not None:
            _make_schema(connection, database.schema)
        if known_schema(_stored(connection), name).is_current:
            return  # another process was faster
        run_migrations(connection)
        if not known_schema(_stored(connection), name).is_current:
            raise StoreError(f"the schema of {name} could not be brought to {SCHEMA_VERSION}")


def run_migrations(connection: Connection, revision: str = "head") -> None:
    """Have Alembic bring a connection's database to a revision, in the connection's transaction."""
    # It takes a third of a second to import: only where there is work for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    location = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _make_schema(connection: Connection, schema: str) -> None:
    """Create a schema unless it is there; only then does it take the right to."""
    if not connection.dialect.has_schema(connection, schema):
        connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """Hold the one lock for migrations.

    SQLite needs none: the transaction was begun as a writer's. PostgreSQL's goes with the
    transaction. MySQL commits at each change of a table, so that its lock is the connection's.
    OceanBase keeps such a lock when its holder dies, so that there a row is the lock.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        yield
    elif dialect in support.MYSQL_FAMILY and support.is_oceanbase(connection):
        with _uncommitted_row(connection):
            yield
    elif dialect in ("mysql", "mariadb"):
        named = {"name": _LOCK_NAME, "seconds": _LOCK_SECONDS}
        if connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), named).scalar() != 1:
            raise StoreUnavailableError("another process is migrating the database: try again")
        try:
            yield
        finally:
            # The next one must see the version. SQLAlchemy's own end of the transaction is later.
            connection.exec_driver_sql("COMMIT")
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _LOCK_NAME})
    else:
        yield


@contextmanager
def _uncommitted_row(connection: Connection) -> Iterator[None]:
    """Hold a lock that is a row which another connection inserts and never commits.

    Who inserts it too has to wait. It goes with its connection, however that ends.
    """
    name = connection.dialect.identifier_preparer.quote(VERSION_TABLE)
    microseconds = _LOCK_SECONDS * 1_000_000
    with connection.engine.connect() as holder:
        # In the form that Alembic gives it.
        holder.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {name} (version_num VARCHAR(32) NOT NULL,"
            f" CONSTRAINT {name}_pkc PRIMARY KEY (version_num))"
        )
        holder.exec_driver_sql(f"SET SESSION ob_query_timeout = {microseconds}")
        try:
            holder.execute(text(f"INSERT INTO {name} VALUES (:name)"), {"name": _LOCK_NAME})
        except sqla.OperationalError as error:
            raise StoreUnavailableError(
                "another process is migrating the database: try again"
            ) from error
        try:
            yield
            connection.exec_driver_sql("COMMIT")  # the next one must see the version
        finally:
            holder.invalidate()  # it has another time limit than others

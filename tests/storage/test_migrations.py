"""The schema that migrations make."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from released_rows import RELEASED, fill, given_back, restore
from sqlalchemy import create_engine, inspect, make_url, text
from storage_cases import exchange, texts

import memori_storage
from memori_storage import SchemaTooNewError, open_store, support
from memori_storage.migrate import run_migrations
from memori_storage.schema import SCHEMA_VERSION, VERSION_TABLE, metadata


def test_migrated_schema_is_that_of_the_code(shared_url: str) -> None:
    store = open_store(shared_url)
    store.migrate()
    engine = create_engine(shared_url)
    if engine.dialect.name in support.MYSQL_FAMILY:
        with engine.connect() as connection:
            if support.is_oceanbase(connection):  # SHOW CREATE TABLE is for its own dialect to read
                engine = create_engine(make_url(shared_url).set(drivername="mysql+oceanbase"))
    with engine.connect() as connection:
        if engine.dialect.name == "duckdb":  # whose dialect cannot read indexes and keys
            for table in metadata.tables.values():
                found = connection.execute(
                    text(
                        "SELECT column_name, is_nullable FROM information_schema.columns"
                        f" WHERE table_name = '{table.name}'"
                    )
                )
                expected = {(c.name, "YES" if c.nullable else "NO") for c in table.columns}
                assert {tuple(row) for row in found} == expected
        else:
            context = MigrationContext.configure(
                connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
            )
            assert compare_metadata(context, metadata) == []
        tables = inspect(connection).get_table_names()
    assert set(tables) == {*metadata.tables, VERSION_TABLE}
    engine.dispose()
    store.close()


def migrations() -> ScriptDirectory:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(memori_storage.__file__).parent / "migrations")
    )
    return ScriptDirectory.from_config(config)


def test_newest_migration_is_the_one_the_code_knows() -> None:
    assert migrations().get_heads() == [SCHEMA_VERSION]
    for script in migrations().walk_revisions():
        assert len(script.revision) == len(SCHEMA_VERSION)
        assert script.revision.isdigit()


REVISIONS = sorted(path.stem for path in RELEASED.glob("*.json"))


def test_every_released_revision_has_rows() -> None:
    """Before a revision is added, :mod:`released_rows` writes down what the last one stores."""
    found = migrations().walk_revisions()
    assert sorted(script.revision for script in found) == REVISIONS


@pytest.mark.parametrize("revision", REVISIONS)
def test_populated_tables_are_upgraded_without_loss(revision: str, shared_url: str) -> None:
    released = json.loads((RELEASED / f"{revision}.json").read_text(encoding="utf-8"))
    engine = create_engine(shared_url)
    with engine.begin() as connection:
        run_migrations(connection, revision)
    with engine.begin() as connection:
        restore(connection, released["rows"])
    store = open_store(shared_url)
    store.migrate()
    assert store.schema().is_current
    assert given_back(store) == released["given"]
    fill(store)  # all of it is known: what was stored then is found now
    assert given_back(store) == released["given"]
    vectors = store.changes("user-1", model="model-x").vectors
    assert {vector.data for vector in vectors} == {bytes(range(8))}
    store.close()
    engine.dispose()


def test_newer_schema_is_left_alone(shared_url: str) -> None:
    open_store(shared_url).migrate()
    engine = create_engine(shared_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
    store = open_store(shared_url)
    for use in (store.migrate, lambda: store.add_turns([exchange(1)]), lambda: texts(store)):
        with pytest.raises(SchemaTooNewError, match="upgrade"):
            use()
    assert store.schema().is_newer
    store.close()
    engine.dispose()


def test_ten_processes_migrate_at_once(processes_url: str) -> None:
    code = "import sys, memori_storage; memori_storage.open_store(sys.argv[1]).migrate()"
    running = [
        subprocess.Popen([sys.executable, "-c", code, processes_url], stderr=subprocess.PIPE)
        for _ in range(10)
    ]
    assert [process.communicate()[1] for process in running] == [b""] * 10
    assert [process.returncode for process in running] == [0] * 10
    store = open_store(processes_url)
    assert store.schema().is_current
    assert store.add_turns([exchange(1)]) == 1
    store.close()
    if processes_url.startswith("mongodb"):  # whose version is one document by its id
        return
    engine = create_engine(processes_url)
    with engine.connect() as connection:
        versions = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).all()
    assert versions == [(SCHEMA_VERSION,)]
    engine.dispose()


def test_current_schema_costs_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'memori.db'}"
    open_store(url).migrate()
    code = (
        "import sys, memori_storage; memori_storage.open_store(sys.argv[1]).migrate()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0
    store = open_store(url)
    started = time.perf_counter()
    store.migrate()
    assert time.perf_counter() - started < 0.2
    store.close()


def test_failed_migration_leaves_nothing_behind(shared_url: str) -> None:
    """A table of ours that is in the way, as left by something else."""
    engine = create_engine(shared_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE memori_jobs (id INTEGER)"))
    store = open_store(shared_url)
    with pytest.raises(memori_storage.StoreError, match="memori_jobs"):
        store.migrate()
    with engine.begin() as connection:
        if engine.dialect.name not in support.MYSQL_FAMILY:  # which commits at each step
            assert inspect(connection).get_table_names() == ["memori_jobs"]
        connection.execute(text("DROP TABLE memori_jobs"))
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    engine.dispose()
    store.close()


KILLED = """
import os, sys
from sqlalchemy import Engine, event
import memori_storage

@event.listens_for(Engine, "before_cursor_execute")
def stop(connection, cursor, statement, *_):
    if sys.argv[2] in statement:
        os._exit(9)

memori_storage.open_store(sys.argv[1]).migrate()
"""


@pytest.mark.parametrize(
    "step",
    [
        "CREATE TABLE memori_entities",
        "CREATE INDEX ix_memori_turns_session",
        "INSERT INTO memori_schema_version",
    ],
)
def test_migration_killed_midway_is_gone_on_with(shared_url: str, step: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, shared_url, step], check=False, capture_output=True
    )
    if "duckdb" in shared_url and "INDEX" in step:
        assert killed.returncode == 0, "DuckDB has only unique indexes of ours"
    else:
        assert (killed.returncode, killed.stderr) == (9, b"")
    store = open_store(shared_url)
    store.migrate()
    assert store.add_turns([exchange(1)]) == 1
    assert store.add_turns([exchange(2)]) == 1
    store.close()
    test_migrated_schema_is_that_of_the_code(shared_url)

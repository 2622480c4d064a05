"""What can be told of databases without their servers: our DDL and statements compile for them.

It is no claim that they work: ``docs/databases.md`` says which are tested.
"""

from __future__ import annotations

import pytest
from sqlalchemy import URL, Dialect, Table, insert, select
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from memori_storage import StoreConfigurationError, support
from memori_storage.database import insert_missing
from memori_storage.schema import metadata, turns

MARIADB = URL.create("mariadb+pymysql").get_dialect()()
SERVED: list[Dialect] = [mysql.dialect(), MARIADB, postgresql.dialect(), sqlite.dialect()]
"""CockroachDB speaks PostgreSQL's dialect; TiDB, OceanBase and SeekDB speak MySQL's."""
REFUSED: list[Dialect] = [oracle.dialect(), mssql.dialect()]


@pytest.mark.parametrize("dialect", [*SERVED, *REFUSED], ids=lambda it: it.name)
@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_tables_and_statements_compile(table: Table, dialect: Dialect) -> None:
    statements = [
        CreateTable(table),
        *(CreateIndex(index) for index in table.indexes),
        select(table).where(next(iter(table.primary_key)).in_(["a"])),
        insert(table),
    ]
    for statement in statements:
        assert table.name in str(statement.compile(dialect=dialect))


@pytest.mark.parametrize("dialect", SERVED, ids=lambda it: it.name)
def test_what_is_there_is_left_alone(dialect: Dialect) -> None:
    statement = insert_missing(dialect.name, turns, fill="id")
    assert "CONFLICT" in (sql := str(statement.compile(dialect=dialect))) or "DUPLICATE" in sql
    locked = support.locked(select(turns), dialect.name)
    assert ("FOR UPDATE" in str(locked.compile(dialect=dialect))) is (
        dialect.name in support.SERVERS
    )


@pytest.mark.parametrize("dialect", REFUSED, ids=lambda it: it.name)
def test_what_has_no_such_insert_is_refused(dialect: Dialect) -> None:
    assert dialect.name not in support.SUPPORTED
    with pytest.raises(StoreConfigurationError, match="not supported"):
        insert_missing(dialect.name, turns)

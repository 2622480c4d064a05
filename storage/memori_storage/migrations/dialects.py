"""What Alembic does not know of the databases that migrations run on."""

from __future__ import annotations

from typing import Any

from alembic.ddl import impl as alembic_impl
from alembic.ddl.mysql import MySQLImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import ForeignKeyConstraint, Index, Table, text
from sqlalchemy.ext.compiler import compiles

from memori_storage.naming import in_database
from memori_storage.support import MYSQL_FAMILY


class _Resuming(MySQLImpl):
    """MySQL commits at each change of a table: one killed midway has to be gone on with.

    A table or index that is there as it is to be was made then. Whatever else is in its place is
    an error as everywhere.
    """

    __dialect__ = "memori-mysql"

    def create_table(self, table: Table, **options: Any) -> None:
        there = self._names("column_name", "columns", table)
        if there != {column.name for column in table.columns}:
            super().create_table(table, **options)  # which says what is in the way, if anything

    def create_index(self, index: Index, **options: Any) -> None:
        assert self.connection is not None
        name = in_database(str(index.name), self.connection)
        if index.table is None or name not in self._names("index_name", "statistics", index.table):
            super().create_index(index, **options)

    def _names(self, what: str, view: str, table: Table) -> set[str]:
        """Names of a table's columns or indexes.

        SQLAlchemy would parse SHOW CREATE TABLE, and warn of what OceanBase adds there.
        """
        assert self.connection is not None
        statement = text(
            f"SELECT {what} FROM information_schema.{view} WHERE table_name = :name"
            " AND table_schema = COALESCE(:schema, DATABASE())"
        )
        name = in_database(table.name, self.connection)
        return set(self.connection.scalars(statement, {"name": name, "schema": table.schema}))


class DuckDBImpl(alembic_impl.DefaultImpl):
    """DuckDB, whose changes of tables are part of the transaction."""

    __dialect__ = "duckdb"
    transactional_ddl = True

    def create_index(self, index: Index, **options: Any) -> None:
        """Leave indexes out, except unique ones.

        DuckDB reads columns, fast, without them. Of a row that is in an index it makes a new one
        at each change.
        """
        if index.unique:
            super().create_index(index, **options)


@compiles(ForeignKeyConstraint, "duckdb")
def _no_foreign_key(*_: Any, **__: Any) -> None:
    """Leave foreign keys out: DuckDB lets no row be changed that another one names."""


def adapt(context: MigrationContext) -> None:
    """Have a migration's steps done in the way of its database."""
    if context.dialect.name in MYSQL_FAMILY:
        context.impl = _Resuming(
            context.dialect, context.connection, False, None, None, context.opts
        )

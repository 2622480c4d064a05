"""Many rows in one statement, on the shortest way to the driver.

SQLAlchemy takes longer to turn a thousand dictionaries into parameters than a database takes to
store them. Here its compiler and its column types are asked once per table, and columns are
converted as wholes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Connection,
    Dialect,
    Insert,
    Integer,
    String,
    Table,
    bindparam,
    insert,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from memori_storage.columns import TO_DATABASE
from memori_storage.support import MYSQL_FAMILY
from memori_storage.values import to_json


class _Prepared(NamedTuple):
    """A statement in the driver's own form."""

    sql: str
    columns: list[tuple[str, Callable[[Any], Any] | None]]
    """Names in the order of the parameters, with what converts their values; none if the driver's
    parameters have no order."""
    as_json: bool = False
    """Whether all rows together are one parameter, a JSON array of objects."""


_NAMED = re.compile(r"%\((\w+)\)s")
_prepared: WeakKeyDictionary[Dialect, dict[tuple[str, ...], _Prepared]] = WeakKeyDictionary()


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns."""
    if rows:
        _execute(connection, "insert", table, insert(table), rows)


def update_rows(
    connection: Connection, table: Table, key: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Update rows, which are there, by the column ``key``: all other columns given are set."""
    if not rows:
        return
    names = list(rows[0])
    if connection.dialect.name not in MYSQL_FAMILY:
        statement = update(table).where(table.c[key] == bindparam("of_row"))
        given = [{"of_row" if name == key else name: row[name] for name in names} for row in rows]
        connection.execute(statement, given)
        return
    # Its drivers send updates one by one, each there and back, but inserts together.
    upsert = mysql.insert(table)
    upsert = upsert.on_duplicate_key_update(
        {name: upsert.inserted[name] for name in names if name != key}
    )
    # An insert that never takes place has to look like one all the same.
    rest = {
        column.name: ""
        for column in table.columns
        if not column.nullable and column.name not in names
    }
    _execute(connection, "update", table, upsert, [{**rest, **row} for row in rows])


def _execute(
    connection: Connection,
    what: str,
    table: Table,
    statement: Insert,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    dialect = connection.dialect
    names = list(rows[0])
    known = _prepared.setdefault(dialect, {})
    name = (what, table.fullname, *names)
    if name not in known:
        known[name] = (what == "insert" and _prepare_json(dialect, table, names)) or _prepare(
            dialect, table, statement, names
        )
    sql, columns, as_json = known[name]
    if (
        not columns
        # There SQLAlchemy itself makes one statement of many rows, which the driver does not.
        or dialect.use_insertmanyvalues_wo_returning
        # A caller's engine may put other schemas into what is compiled here only once.
        or connection.get_execution_options().get("schema_translate_map")
    ):
        connection.execute(statement, rows)
        return
    values = [
        [row[name] for row in rows] if convert is None else [convert(row[name]) for row in rows]
        for name, convert in columns
    ]
    given = zip(*values, strict=True)
    if as_json:
        keys = [column for column, _ in columns]
        objects = [dict(zip(keys, row, strict=True)) for row in given]
        connection.exec_driver_sql(sql, (to_json(objects),))
    else:
        connection.exec_driver_sql(sql, list(given))


def _prepare_json(dialect: Dialect, table: Table, names: Sequence[str]) -> _Prepared | None:
    """PostgreSQL reads rows out of JSON in a fraction of the time that its drivers take to send
    them one by one; ``None`` for other databases, and for what JSON does not keep exactly."""
    columns = [table.c[name] for name in names]
    if dialect.name != "postgresql" or not all(
        isinstance(getattr(column.type, "impl", column.type), String | Integer)
        for column in columns
    ):
        return None
    quote = dialect.identifier_preparer
    into = quote.format_table(table)
    listed = ", ".join(quote.format_column(column) for column in columns)
    sql = (
        f"INSERT INTO {into} ({listed}) SELECT {listed}"
        f" FROM json_populate_recordset(NULL::{into}, %s::json)"
    )
    return _Prepared(sql, [(c.name, _converter(c.type, dialect)) for c in columns], as_json=True)


def _prepare(dialect: Dialect, table: Table, statement: Insert, names: Sequence[str]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    sql = str(compiled)
    order = list(getattr(compiled, "positiontup", None) or ())
    if not order:  # names, which psycopg would have to bring into order row by row
        order = _NAMED.findall(sql)
        sql = _NAMED.sub("%s", sql)
    return _Prepared(sql, [(name, _converter(table.c[name].type, dialect)) for name in order])


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What makes a value of a type a parameter of a driver; ``None`` if it is one."""
    ours = TO_DATABASE.get(type(kind))
    if ours is None:
        return kind.dialect_impl(dialect).bind_processor(dialect)
    assert isinstance(kind, TypeDecorator)
    theirs = kind.impl_instance.dialect_impl(dialect).bind_processor(dialect)
    return ours if theirs is None else lambda value: theirs(ours(value))

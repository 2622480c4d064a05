"""Locking the rows of entities and sessions, whose writers take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, select

from memori_storage import schema
from memori_storage.bulk import update_rows
from memori_storage.database import insert_missing
from memori_storage.support import locked
from memori_storage.values import chunks


def lock_entities(connection: Connection, names: dict[Any, str | None]) -> dict[str, int]:
    """Lock the rows of entities, made if missing, until the transaction ends.

    Args:
        connection: A connection in a transaction.
        names: The entities' ids by key.

    Returns:
        The entities' revisions by key.
    """
    rows = lock_rows(
        connection,
        schema.entities,
        names,
        lambda key: {"key": key, "external_id": names[key], "revision": 0},
    )
    return {key: row["revision"] for key, row in rows.items()}


def bump(connection: Connection, revisions: dict[str, int]) -> None:
    """Set the revisions of locked entities one higher than they were."""
    update_rows(
        connection,
        schema.entities,
        "key",
        [{"key": key, "revision": was + 1} for key, was in revisions.items()],
    )


def lock_rows(
    connection: Connection,
    table: Table,
    wanted: Iterable[str],
    new_row: Callable[[str], dict[str, Any]],
) -> dict[str, RowMapping]:
    """Rows by key, locked in the order of their keys, after inserting those that are missing."""
    columns = [column for column in table.c if column.name != "external_id"]
    rows: dict[str, RowMapping] = {}

    def lock(some_keys: Sequence[str]) -> None:
        for some in chunks(some_keys):
            statement = select(*columns).where(table.c.key.in_(some)).order_by(table.c.key)
            found = connection.execute(locked(statement, connection.dialect.name))
            rows.update((row["key"], row) for row in found.mappings())

    ordered = sorted(set(wanted))
    lock(ordered)
    missing = [key for key in ordered if key not in rows]
    if missing:
        statement = insert_missing(connection.dialect.name, table)
        connection.execute(statement, [new_row(key) for key in missing])
        lock(missing)
    return rows

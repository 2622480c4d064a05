"""Under which names our tables are in a database: another prefix, another schema.

The tables of :mod:`memori_storage.schema` have one name each in the code. A database whose tables
are to be called otherwise is used through a view of its engine that renames them in each statement
on its way to the driver. Only whole names that are ours are met, so that a name which has its
prefix already stays as it is, whatever the prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, event

from memori_storage.schema import VERSION_TABLE, metadata
from memori_storage.store import StoreConfigurationError

PREFIX = "memori_"
"""What the names of our tables begin with unless told otherwise."""
_TABLES = "|".join(
    name.removeprefix(PREFIX)
    for name in (*metadata.tables, VERSION_TABLE, rf"{PREFIX}native_vectors_\d+")
)
_OURS = re.compile(
    rf"\b(?:{PREFIX}(?=(?:{_TABLES})\b)|((?:ix|fk|pk)_){PREFIX}(?=(?:{_TABLES})(?:_|\b)))"
)
_PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,23}")
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
_OPTION = "memori_prefix"


def checked_prefix(prefix: str) -> str:
    """A prefix that every database takes.

    Raises:
        StoreConfigurationError: If it is none.
    """
    if not _PREFIX.fullmatch(prefix):
        raise StoreConfigurationError(
            f"table_prefix={prefix!r}: use 1 to 24 of a-z, 0-9 and _, the first one no digit"
        )
    return prefix


def checked_schema(schema: str, dialect: str) -> str:
    """The name of a schema.

    Raises:
        StoreConfigurationError: If it is none, or the database has no schemas.
    """
    if dialect != "postgresql":
        raise StoreConfigurationError(
            f"schema={schema!r}: {dialect} databases have no schemas here: leave it out, or name "
            "another database in the URL"
        )
    if not _SCHEMA.fullmatch(schema):
        raise StoreConfigurationError(
            f"schema={schema!r}: use a name of letters, digits, _ and $, the first one no digit"
        )
    return schema


def renaming(engine: Engine, prefix: str, options: Mapping[str, Any]) -> Engine:
    """A view of an engine, on the same pool, for which our tables have another prefix.

    Args:
        engine: Whose pool it is.
        prefix: What the names of our tables begin with.
        options: The view's execution options.
    """
    view = engine.execution_options(**{**options, _OPTION: prefix})

    def rename(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> tuple[str, Any]:
        return _renamed(statement, prefix), parameters

    event.listen(view, "before_cursor_execute", rename, retval=True)
    return view


def in_database(name: str, connection: Connection) -> str:
    """What a table or index of ours is called in the database of a connection."""
    prefix = connection.get_execution_options().get(_OPTION, PREFIX)
    return _renamed(name, prefix)


def _renamed(text: str, prefix: str) -> str:
    return _OURS.sub(lambda found: f"{found[1] or ''}{prefix}", text)

"""Under which names our tables are in a database: another prefix, another schema.

The tables of :mod:`memori_storage.schema` have one name each in the code. A database whose tables
are to be called otherwise is used through a view of its engine that renames them in each statement
on its way to the driver: statements hold names and no values, so that nothing else is met.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, Engine, event

from memori_storage.store import StoreConfigurationError

PREFIX = "memori_"
"""What the names of our tables begin with unless told otherwise."""
_OURS = re.compile(r"\b((?:ix|fk|pk)_)?memori_(?=\w)")
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


def renaming(engine: Engine, prefix: str) -> Engine:
    """A view of an engine, on the same pool, for which our tables have another prefix."""
    view = engine.execution_options(**{_OPTION: prefix})
    replacement = rf"\g<1>{prefix}"

    def rename(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> tuple[str, Any]:
        return _OURS.sub(replacement, statement), parameters

    event.listen(view, "before_cursor_execute", rename, retval=True)
    return view


def in_database(name: str, connection: Connection) -> str:
    """What a table or index of ours is called in the database of a connection."""
    prefix = connection.get_execution_options().get(_OPTION, PREFIX)
    return _OURS.sub(rf"\g<1>{prefix}", name)

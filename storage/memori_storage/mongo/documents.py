"""How rows are kept as documents, and which of several versions of a row is the one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from memori_storage.values import microseconds, moment, storable, to_json

Document = dict[str, Any]

COMMITS, TURNS, MESSAGES = "commits", "turns", "messages"
MEMORIES, SOURCES, VECTORS, JOBS = "memories", "memory_sources", "vectors", "jobs"

_MOMENTS = frozenset(
    {
        "started_at",
        "ended_at",
        "first_chunk_at",
        "created_at",
        "available_at",
        "observed_at",
        "last_seen_at",
        "valid_from",
        "valid_to",
    }
)
_JSON = frozenset({"parts", "usage", "finish_reasons"})
_NAMES = frozenset({"entity", "process", "session"})


def encoded(row: Mapping[str, Any]) -> Document:
    """A row as the fields of a document.

    Times are microseconds: BSON's own have milliseconds. Lists and objects are JSON text: a field
    may not have every name. The names that callers give are kept exactly, other text as far as it
    is text.
    """
    return {name: _encoded(name, value) for name, value in row.items()}


def _encoded(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return microseconds(value)
    if isinstance(value, list | dict):
        return to_json(value)
    if not isinstance(value, str):
        return value
    if name not in _NAMES:
        return storable(value)
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
    return value


def decoded(document: Mapping[str, Any]) -> Document:
    """The row in a document, with the document's own fields."""
    return {
        name: value if value is None else _decoded(name, value) for name, value in document.items()
    }


def _decoded(name: str, value: Any) -> Any:
    if name in _MOMENTS:
        return moment(value)
    if name in _JSON:
        return json.loads(value)
    if name in _NAMES and isinstance(value, bytes):
        return value.decode("utf-8", "surrogatepass")
    return value


def newest(documents: Iterable[Document], *names: str) -> list[Document]:
    """Of each row the newest version, in the order in which the rows come.

    Args:
        documents: Versions of rows.
        names: The fields that tell rows apart; default: ``id``.
    """
    found: dict[tuple[Any, ...], Document] = {}
    for document in documents:
        row = tuple(document[name] for name in names or ("id",))
        if row not in found or found[row]["revision"] < document["revision"]:
            found[row] = document
    return list(found.values())

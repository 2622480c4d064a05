"""Column types that mean the same in every database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, LargeBinary, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from memori_storage.keys import KEY_LENGTH
from memori_storage.values import MAX_ID_LENGTH, microseconds, moment, storable, to_json

_MYSQL = ("mysql", "mariadb")


def key_type() -> TypeEngine[str]:
    """A digest of :mod:`memori_storage.keys`."""
    return String(KEY_LENGTH)


def id_type() -> TypeEngine[str]:
    """An id of our own making, ASCII."""
    return String(MAX_ID_LENGTH)


def word_type() -> TypeEngine[str]:
    """One of a few words that the code knows: a status, a kind."""
    return String(32)


def bytes_type() -> TypeEngine[bytes]:
    """Bytes of any length."""
    return LargeBinary().with_variant(mysql.LONGBLOB(), *_MYSQL)


# MySQL's TEXT ends at 64 kB.
_LONG_TEXT = Text().with_variant(mysql.LONGTEXT(), *_MYSQL)


def _as_text(value: str | None) -> str | None:
    return None if value is None else storable(value)


def _as_json(value: Any) -> str | None:
    return None if value is None else to_json(value)


def _as_microseconds(value: datetime | None) -> int | None:
    return None if value is None else microseconds(value)


class AnyText(TypeDecorator[str]):
    """Text of any length and any characters; what no database can hold is replaced."""

    impl = _LONG_TEXT
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return _as_text(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text: no database's own JSON type keeps every string as it was."""

    impl = _LONG_TEXT
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return _as_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Moment(TypeDecorator[datetime]):
    """An instant as microseconds since 1970 UTC: exact, and the same in every session time zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return _as_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


TO_DATABASE: dict[type[Any], Callable[[Any], Any]] = {
    AnyText: _as_text,
    Json: _as_json,
    Moment: _as_microseconds,
}
"""What makes values of our own types what the database keeps, without a detour over the types."""

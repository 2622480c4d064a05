"""How values are kept, in every database alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CHUNK = 500

MAX_ID_LENGTH = 128
"""Longest id of our own making: a turn's, a message's."""


def storable(text: str) -> str:
    """``text`` without what databases refuse: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():  # which a string knows of itself
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def microseconds(moment: datetime) -> int:
    """Microseconds from 1970-01-01 UTC to an aware datetime, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The UTC datetime ``value`` microseconds after 1970-01-01."""
    return _EPOCH + timedelta(microseconds=value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":"), default=str).encode


def to_json(value: Any) -> str:
    """A JSON value as text that every database can hold and that reads back as it was."""
    text = _encode(value)
    if text.isascii():  # which a string knows of itself
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: escaped, it comes back as it was
        text = _encode_ascii(value)
    return text


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with six decimals, e.g. ``2026-11-25T08:30:00.000000+00:00``."""
    return None if moment is None else moment.isoformat(timespec="microseconds")


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[Sequence[T]]:
    """``values`` in pieces that fit the ``IN`` list of every database."""
    for start in range(0, len(values), size):
        yield values[start : start + size]

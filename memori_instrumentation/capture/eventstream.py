"""AWS's binary event streams, whole or cut short.

Framing as in Smithy's specification of the event stream message: lengths, typed headers, payload,
each message closed by a CRC-32.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from memori_instrumentation.capture import sse

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE, _CRC = 12, 4
_TEXT = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes that a header's value takes, by its type; values of the other types say it themselves."""


def is_framed(content_type: str | None) -> bool:
    """Whether a body is such a stream, as its header says."""
    return (content_type or "").partition(";")[0].strip().lower() == CONTENT_TYPE


def events(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects that a stream's messages carry, in order, the message's name as ``type``.

    A ``chunk`` wraps an event of the model's own, and reads as that one. An exception reads as
    ``{"type": "error", "error": {"type": ..., "message": ...}}``.
    """
    for headers, payload in _messages(body):
        value = sse.document(payload)
        if not isinstance(value, dict):
            value = {}
        if headers.get(":message-type") != "event":
            kind = headers.get(":exception-type") or headers.get(":error-code") or "error"
            message = value.get("message") or headers.get(":error-message") or ""
            yield {"type": "error", "error": {"type": kind, "message": str(message)}}
        elif headers.get(":event-type") != "chunk":
            yield {**value, "type": headers.get(":event-type", "")}
        elif isinstance(inner := _unwrapped(value.get("bytes")), dict):
            yield inner


def _unwrapped(data: Any) -> Any:
    try:
        return sse.document(base64.b64decode(data))
    except (TypeError, ValueError):
        return None


def _messages(body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Text headers and payload of each whole message; what follows a broken one cannot be read."""
    view = memoryview(body)
    start = 0
    while len(body) - start >= _PRELUDE + _CRC:
        length, headers_length = struct.unpack_from("!II", body, start)
        end = start + length
        payload = start + _PRELUDE + headers_length
        if payload + _CRC > end or end > len(body):
            return
        (crc,) = struct.unpack_from("!I", body, end - _CRC)
        if crc32(view[start : end - _CRC]) != crc:
            return
        yield _headers(body[start + _PRELUDE : payload]), body[payload : end - _CRC]
        start = end


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            value = at + 1 + data[at]
            name, kind = sse.decode(data[at + 1 : value]), data[value]
            value += 1
            size = _SIZES.get(kind)
            if size is None:
                (size,) = struct.unpack_from("!H", data, value)
                value += 2
            at = value + size
            if kind == _TEXT:
                found[name] = sse.decode(data[value:at])
    except (IndexError, struct.error):
        return found  # no header of the standard's
    return found

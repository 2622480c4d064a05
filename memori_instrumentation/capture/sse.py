"""Bodies off the wire: JSON documents and server-sent events, whole or cut short.

Server-sent events as in the WHATWG HTML standard, section 9.2 (event stream interpretation).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def decode(body: bytes) -> str:
    """The body as text; a multi-byte character that was cut in half is replaced."""
    return body.decode("utf-8", "replace")


def is_event_stream(content_type: str | None, body: bytes) -> bool:
    """Whether a body is an event stream: as its header says or, without one, as it looks."""
    if content_type:
        return content_type.partition(";")[0].strip().lower() == "text/event-stream"
    return body.lstrip().startswith((b"data:", b"event:", b":"))


def events(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects that a stream's events carry, in order; ``[DONE]`` reads ``{"done": True}``.

    An event without a ``type`` of its own takes the stream's event name as one. What is no JSON
    (the end of a stream cut in the middle of an event) is left out.
    """
    name, data = "", []
    for line in decode(body).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            continue
        if data and (event := _event(name, "\n".join(data))) is not None:
            yield event
        name, data = "", []
    # The standard drops an event without its closing blank line. Providers may end the stream
    # there.
    if data and (event := _event(name, "\n".join(data))) is not None:
        yield event


def _event(name: str, data: str) -> dict[str, Any] | None:
    if data.strip() == "[DONE]":
        return {"done": True}
    value = document(data)
    if not isinstance(value, dict):
        return None
    if name and "type" not in value:
        value["type"] = name
    return value


def document(body: bytes | str) -> Any:
    """A JSON document, or ``None`` when it is none."""
    try:
        return json.loads(decode(body) if isinstance(body, bytes) else body)
    except ValueError:
        return None

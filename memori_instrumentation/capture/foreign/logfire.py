"""Logfire: the provider's own JSON, or a list of events, in attributes.

Its newer releases write the conventions' attributes. All of them make two spans of a streamed call:
one of the request, over before the first chunk, and a log at the end of the stream that has the
reply and, as ``duration``, the time since the request.
"""

from __future__ import annotations

from typing import Any

from memori_instrumentation.capture.foreign.semconv import from_events
from memori_instrumentation.capture.foreign.shapes import (
    Dialect,
    Said,
    Told,
    first,
    message,
    messages,
    parts,
    system,
)
from memori_instrumentation.capture.reading import Json, items, loose_json, mapping, string
from memori_storage.records import Message

PENDING = "pending_span"
"""The kind of a span that only says that another has begun."""


def kind(attributes: Json) -> str | None:
    """What Logfire made a span for: ``span``, ``log``, ``pending_span``; ``None`` if another made
    it."""
    return string(attributes.get("logfire.span_type"))


def hindsight(attributes: Json) -> float:
    """Seconds that a stream had taken when its log was made."""
    taken = attributes.get("duration")
    return taken if kind(attributes) == "log" and isinstance(taken, float) else 0.0


def _read(told: Told) -> Said:
    request, response = (
        mapping(loose_json(told.attributes.get(name))) for name in ("request_data", "response_data")
    )
    told_as_events = items(loose_json(told.attributes.get("events")))
    if told_as_events:
        return _from_events(told_as_events)
    given = messages(request.get("messages")) or _prompted(request.get("prompt"))
    return Said(given, _reply(response), system(request.get("system")))


def _reply(response: Json) -> list[Message]:
    if said := mapping(response.get("message")):
        return [message(said, "assistant")]
    text = first(response, "combined_chunk_content", "text")
    return [Message("assistant", parts(text))] if text is not None else []


def _prompted(prompt: Any) -> list[Message]:
    return [message({"content": prompt})] if isinstance(prompt, str) and prompt else []


def _from_events(events: list[Json]) -> Said:
    """Events in one list: those of the reply are the last ones, where none is marked as choice."""
    named = [(str(event.get("event.name")), event) for event in events]
    said = from_events(named)
    if said.output:
        return said
    asked = list(said.input)
    output: list[Message] = []
    while asked and asked[-1].role == "assistant":
        output.insert(0, asked.pop())
    return Said(asked, output)


DIALECT = Dialect(_read, frozenset({"request_data", "response_data", "events"}))

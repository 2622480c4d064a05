"""The GenAI semantic conventions, as they are and as they were."""

from __future__ import annotations

from typing import Any

from memori_instrumentation.capture.foreign.shapes import (
    Dialect,
    Said,
    Told,
    first,
    message,
    messages,
    system,
    typed,
)
from memori_instrumentation.capture.reading import Json, loose_json, mapping
from memori_storage.records import Message

_DETAILS = "gen_ai.client.inference.operation.details"
_TURNED = {
    f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool", "developer")
}
"""Roles by the names of the events of single messages."""


def _current(told: Told) -> Said:
    """Messages in attributes, of the span or of the event that repeats it."""
    for attributes in (told.attributes, *(of for name, of in told.events if name == _DETAILS)):
        said = Said(
            messages(attributes.get("gen_ai.input.messages")),
            messages(attributes.get("gen_ai.output.messages")),
            system(attributes.get("gen_ai.system_instructions")),
        )
        if said:
            return said
    return Said()


def _events(told: Told) -> Said:
    """An event for each message."""
    return from_events([(name, _body(attributes)) for name, attributes in told.events])


def from_events(events: list[tuple[str, Json]]) -> Said:
    """What events of single messages say, by their names and bodies."""
    given: list[Message] = []
    output: list[Message] = []
    for name, body in events:
        if name == "gen_ai.choice":
            inner = loose_json(body.get("message"))
            merged = {**body, **(mapping(inner) or ({"content": inner} if inner else {}))}
            merged["content"] = typed(merged.get("content"))
            output.append(message(merged, "assistant"))
        elif name in _TURNED:
            given.append(message({**body, "content": typed(body.get("content"))}, _TURNED[name]))
    return Said(given, output)


def _body(attributes: Json) -> Json:
    """An event's attributes, with the body that some put into one of them as JSON."""
    return {**attributes, **mapping(loose_json(attributes.get("gen_ai.event.content")))}


def _two_events(told: Told) -> Said:
    """One event for the whole prompt, one for the completion; or two attributes."""
    of = dict(told.events)
    prompt = {**told.attributes, **of.get("gen_ai.content.prompt", {})}.get("gen_ai.prompt")
    answer = {**told.attributes, **of.get("gen_ai.content.completion", {})}.get("gen_ai.completion")
    return Said(_either(prompt, "user"), _either(answer, "assistant"))


def _either(value: Any, role: str) -> list[Message]:
    """A text, or messages as JSON."""
    decoded = loose_json(value)
    if isinstance(decoded, dict):
        decoded = decoded.get("messages", [decoded])
    if isinstance(decoded, list):
        return [message(_opened(item), role) for item in decoded if isinstance(item, dict)]
    return [message({"content": decoded}, role)] if isinstance(decoded, str) and decoded else []


def _opened(item: Json) -> Json:
    inner = mapping(first(item, "message"))
    return {**item, **inner}


CURRENT = Dialect(
    _current,
    frozenset({"gen_ai.input.messages", "gen_ai.output.messages"}),
    events=frozenset({_DETAILS}),
)
EVENTS = Dialect(_events, events=frozenset({*_TURNED, "gen_ai.choice"}))
"""As the conventions were up to 1.36."""
TWO_EVENTS = Dialect(
    _two_events,
    frozenset({"gen_ai.prompt", "gen_ai.completion"}),
    events=frozenset({"gen_ai.content.prompt", "gen_ai.content.completion"}),
)
"""As they were up to 1.27."""

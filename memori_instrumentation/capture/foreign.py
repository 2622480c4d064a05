"""``gen_ai`` spans made by others, or by us in another process, read as turns.

Read are chat and generation spans that carry message content in the attributes of the GenAI
semantic conventions: ``gen_ai.input.messages``, ``gen_ai.output.messages``,
``gen_ai.system_instructions``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memori_instrumentation._attribution import KEYS
from memori_instrumentation.capture.decode import moment
from memori_instrumentation.capture.reading import items, loose_json, mapping, string
from memori_storage.records import Message, Turn

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_OPERATIONS = frozenset({"chat", "generate_content", "text_completion"})
_USAGE = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_creation_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
}


def is_inference(attributes: Mapping[str, Any]) -> bool:
    """Whether a span is a call to a model, by its attributes."""
    return attributes.get("gen_ai.operation.name") in _OPERATIONS


def turn_of_span(span: ReadableSpan, session: str) -> Turn | None:
    """The turn that a finished span tells of; ``None`` if it is no model call or has no content.

    Args:
        span: Any finished span.
        session: The session of spans that name none.
    """
    attributes = span.attributes or {}
    ids = span.get_span_context()
    if ids is None or not is_inference(attributes):
        return None
    given, reply = (
        _messages(attributes.get(f"gen_ai.{side}.messages")) for side in ("input", "output")
    )
    if not given and not reply:
        return None
    entity, process, named = (_text(attributes.get(key)) for key in KEYS)
    reasons = attributes.get("gen_ai.response.finish_reasons") or ()
    error = _text(attributes.get("error.type"))
    trace_id, span_id = f"{ids.trace_id:032x}", f"{ids.span_id:016x}"
    return Turn(
        id=trace_id + span_id,
        entity=entity,
        process=process,
        session=named or session,
        provider=_text(attributes.get("gen_ai.provider.name") or attributes.get("gen_ai.system"))
        or "unknown",
        operation=str(attributes["gen_ai.operation.name"]),
        model=_text(attributes.get("gen_ai.request.model")),
        status="complete" if reply and not error else ("incomplete" if reply else "error"),
        trace_id=trace_id,
        span_id=span_id,
        started_at=moment(span.start_time or 0),
        ended_at=moment(span.end_time or span.start_time or 0),
        input=given,
        output=reply,
        system=_system(attributes.get("gen_ai.system_instructions")),
        response_model=_text(attributes.get("gen_ai.response.model")),
        response_id=_text(attributes.get("gen_ai.response.id")),
        conversation_id=_text(attributes.get("gen_ai.conversation.id")),
        finish_reasons=tuple(map(str, reasons)) if isinstance(reasons, list | tuple) else (),
        usage={
            ours: value
            for theirs, ours in _USAGE.items()
            if isinstance(value := attributes.get(theirs), int)
        },
        error_type=error,
    )


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _messages(value: Any) -> tuple[Message, ...]:
    """Messages from the JSON text of an attribute; parts pass as they are, the shape being ours
    too."""
    return tuple(
        Message(
            string(item.get("role")) or "user",
            items(item.get("parts")),
            string(item.get("finish_reason")),
        )
        for item in items(loose_json(value))
    )


def _system(value: Any) -> str | None:
    decoded = loose_json(value)
    if isinstance(decoded, str):
        return decoded
    texts = [mapping(part).get("content") for part in items(decoded)]
    said = [text if isinstance(text, str) else json.dumps(text) for text in texts if text]
    return "\n".join(said) or None

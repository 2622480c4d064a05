"""Messages in attributes with an index in their name: OpenLLMetry's, and xAI's own SDK's."""

from __future__ import annotations

from memori_instrumentation.capture.foreign.shapes import (
    Dialect,
    Said,
    Told,
    indexed,
    message,
    typed,
)
from memori_instrumentation.capture.reading import Json
from memori_storage.records import Message

_PROMPTS = ("gen_ai.prompt", "llm.prompts")
_COMPLETIONS = ("gen_ai.completion", "llm.completions")


def _read(told: Told) -> Said:
    return Said(
        _messages(told.attributes, _PROMPTS, "user"),
        _messages(told.attributes, _COMPLETIONS, "assistant"),
    )


def _messages(attributes: Json, prefixes: tuple[str, ...], role: str) -> list[Message]:
    return [
        message({**item, "content": typed(item.get("content"))}, role)
        for prefix in prefixes
        for item in indexed(attributes, prefix)
        # Prompt templates and their versions have names that begin alike.
        if "role" in item or "content" in item or "tool_calls" in item
    ]


DIALECT = Dialect(_read, prefixes=tuple(f"{it}." for it in (*_PROMPTS, *_COMPLETIONS)))

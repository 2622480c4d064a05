"""Vercel's AI SDK for JavaScript, whose spans arrive through OTLP.

Its newer releases can write the conventions' attributes instead. Of the spans of one call only the
inner ones, ``….doGenerate`` and ``….doStream``, are calls of a model.
"""

from __future__ import annotations

from memori_instrumentation.capture.foreign.shapes import (
    Dialect,
    Said,
    Told,
    first,
    message,
    messages,
)
from memori_instrumentation.capture.reading import string

OPERATIONS = frozenset(
    {
        "ai.generateText.doGenerate",
        "ai.streamText.doStream",
        "ai.generateObject.doGenerate",
        "ai.streamObject.doStream",
    }
)
"""Calls of a model, by ``ai.operationId``."""


_TEXTS = ("ai.response.text", "ai.result.text")
_OBJECTS = ("ai.response.object", "ai.result.object")
_CALLS = ("ai.response.toolCalls", "ai.result.toolCalls")


def _read(told: Told) -> Said:
    of = told.attributes
    text = first(of, *_TEXTS, *_OBJECTS)
    calls = first(of, *_CALLS)
    said = {
        "reasoning": of.get("ai.response.reasoning"),
        "content": text,
        "tool_calls": calls,
        "finish_reason": first(of, "ai.response.finishReason", "ai.finishReason"),
    }
    answered = text is not None or calls is not None or said["finish_reason"] is not None
    # Providers are named with the API of theirs that was called: "openai.chat".
    named = string(first(of, "ai.model.provider", "gen_ai.system"))
    provider = named.partition(".")[0] if named else None
    return Said(
        messages(of.get("ai.prompt.messages")),
        [message(said, "assistant")] if answered else [],
        facts={"gen_ai.provider.name": provider} if provider else {},
    )


DIALECT = Dialect(_read, frozenset({"ai.prompt.messages", *_TEXTS, *_OBJECTS, *_CALLS}))

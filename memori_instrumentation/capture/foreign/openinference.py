"""OpenInference: messages spelt out in attributes, part by part."""

from __future__ import annotations

from typing import Any

from memori_instrumentation.capture.foreign.shapes import (
    Dialect,
    Said,
    Told,
    first,
    indexed,
    message,
)
from memori_instrumentation.capture.reading import Json, items, loose_json, mapping, string
from memori_storage.records import Message

_REDACTED = "__REDACTED__"
"""What stands for what the app told OpenInference to hide."""


def _read(told: Told) -> Said:
    attributes = {key: value for key, value in told.attributes.items() if value != _REDACTED}
    given = [_message(item, "user") for item in indexed(attributes, "llm.input_messages")]
    output = [_message(item, "assistant") for item in indexed(attributes, "llm.output_messages")]
    for prefix, kind, role, into in (
        ("llm.prompts", "prompt", "user", given),
        ("llm.choices", "completion", "assistant", output),
    ):
        texts = (mapping(item.get(kind)).get("text") for item in indexed(attributes, prefix))
        into.extend(message({"content": text}, role) for text in texts if text)
    # Nothing but the raw reply has its id.
    raw = mapping(loose_json(attributes.get("output.value")))
    id = string(first(raw, "id", "response_id"))
    return Said(given, output, facts={"gen_ai.response.id": id} if id else {})


def _message(item: Json, role: str) -> Message:
    said = mapping(item.get("message"))
    calls = [mapping(call.get("tool_call")) for call in items(said.get("tool_calls"))]
    if name := string(said.get("function_call_name")):
        arguments = said.get("function_call_arguments_json")
        calls.append({"function": {"name": name, "arguments": arguments}})
    # Calls stand among the contents too, where the provider's do.
    contents = [
        block
        for content in items(said.get("contents"))
        if not ((block := _block(content)).get("type") == "tool_use" and calls)
    ]
    return message({**said, "content": contents or said.get("content"), "tool_calls": calls}, role)


def _block(content: Json) -> Json:
    """A part's own attributes, one level up each."""
    block: dict[str, Any] = dict(mapping(content.get("message_content")))
    for kind in ("image", "audio", "video", "document"):
        if inner := mapping(block.get(kind)):
            block[kind] = mapping(inner.get(kind)) or inner
    return {**block, **mapping(content.get("tool_call"))}


DIALECT = Dialect(
    _read, prefixes=("llm.input_messages.", "llm.output_messages.", "llm.prompts.", "llm.choices.")
)

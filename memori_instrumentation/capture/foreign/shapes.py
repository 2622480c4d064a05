"""What the dialects share: what a span tells, and one loose reader of messages as telemetry writes
them.

Instrumentations write messages in the conventions' form, in their provider's, or in one of their
own. All of them name few things, so one reader knows the names. Whatever it does not know is kept
as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from memori_instrumentation.capture.reading import (
    Json,
    file_part,
    items,
    loose_json,
    mapping,
    media_part,
    other_part,
    reasoning_part,
    string,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from memori_storage.records import Message, Part


@dataclass(frozen=True, slots=True)
class Told:
    """A finished span, or whatever else tells of a model call, as plain data."""

    trace_id: int
    span_id: int
    attributes: Json
    events: Sequence[tuple[str, Json]] = ()
    """Name and attributes of each."""
    started_ns: int = 0
    ended_ns: int = 0
    error: tuple[str, str | None] | None = None
    """Type and message of what went wrong."""


@dataclass(frozen=True, slots=True)
class Said:
    """The messages that a dialect found in a span."""

    input: Sequence[Message] = ()
    output: Sequence[Message] = ()
    system: str | None = None
    facts: Json = field(default_factory=dict)
    """What it says elsewhere than the others do, as attributes under the conventions' names."""

    def __bool__(self) -> bool:
        return bool(self.input or self.output)


class Dialect(NamedTuple):
    """One way to write a model call into a span.

    Args:
        read: Takes the messages out; pure, on our worker.
        attributes: Names of attributes with content.
        prefixes: How the names of further ones begin.
        events: Names of span events with content.
    """

    read: Callable[[Told], Said]
    attributes: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    events: frozenset[str] = frozenset()


# --- attributes whose names are paths -----------------------------------------------------------

_DEEPEST = 16


def indexed(attributes: Json, prefix: str) -> list[Json]:
    """The objects that attributes such as ``prefix.0.name.more`` spell out, in order of their
    index; gaps are closed, other names below the prefix passed over."""
    tree: dict[str, Any] = {}
    for key, value in attributes.items():
        if not key.startswith(prefix + "."):
            continue
        *path, last = key[len(prefix) + 1 :].split(".")
        if not path or not _is_index(path[0]) or len(path) > _DEEPEST:
            continue
        at: Any = tree
        for step in path:
            at = at.setdefault(step, {}) if isinstance(at, dict) else None
        if isinstance(at, dict):
            at[last] = value
    return items(_listed(tree))


def _listed(tree: dict[str, Any]) -> Any:
    """``tree`` with each object whose names are all indexes made a list."""
    inner = {key: _listed(item) if isinstance(item, dict) else item for key, item in tree.items()}
    if inner and all(map(_is_index, inner)):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10


# --- messages -----------------------------------------------------------------------------------

_ROLES = {"model": "assistant", "ai": "assistant", "human": "user", "function": "tool"}


def messages(value: Any) -> list[Message]:
    """The messages in a list of JSON objects, or in its JSON text."""
    return [message(item) for item in items(loose_json(value))]


def message(item: Json, role: str = "user") -> Message:
    """A message from a JSON object in anybody's shape.

    Args:
        item: With ``parts`` or ``content``, ``tool_calls`` and the like.
        role: Whose it is if it does not say.
    """
    role = string(item.get("role")) or role
    role = _ROLES.get(role, role)
    content = item.get("parts", item.get("content"))
    found = parts(content)
    if role == "tool" and not any(each["type"] == "tool_call_response" for each in found):
        asked = first(item, "tool_call_id", "id", "name")
        found = [tool_response_part(string(asked), _answer(content))]
    if reasoning := string(first(item, "reasoning_content", "reasoning")):
        found.insert(0, reasoning_part(reasoning))
    if refusal := string(item.get("refusal")):
        found.append(text_part(refusal))
    found.extend(_call(call) for call in items(loose_json(item.get("tool_calls"))))
    if legacy := mapping(item.get("function_call")):
        found.append(_call(legacy))
    return Message(role, found, string(item.get("finish_reason")))


def parts(content: Any) -> list[Part]:
    """The parts of a message's content: a text, one part, or a list of either."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    if isinstance(content, Mapping):
        return [part(content)]
    return [
        text_part(each) if isinstance(each, str) else part(each)
        for each in (content if isinstance(content, list | tuple) else ())
        if isinstance(each, str | Mapping)
    ]


def typed(content: Any) -> Any:
    """Content that may be JSON text: the parts it spells out, or the text that it is."""
    decoded = loose_json(content)
    spelt = decoded if isinstance(decoded, list) else [decoded]
    if spelt and all(isinstance(each, Mapping) and string(each.get("type")) for each in spelt):
        return spelt
    return content


def system(value: Any) -> str | None:
    """Instructions, from their text or from a list of parts."""
    decoded = loose_json(value)
    if isinstance(decoded, str):
        return decoded or None
    texts = [first(item, "content", "text") for item in items(decoded)]
    said = [text if isinstance(text, str) else json.dumps(text) for text in texts if text]
    return "\n".join(said) or None


def first(item: Json, *names: str) -> Any:
    """The first of the named values that is there."""
    return next((item[name] for name in names if item.get(name) is not None), None)


def part(block: Json) -> Part:
    """A part in the conventions' shape, from any of the shapes that parts come in."""
    kind = str(block.get("type", "text" if "text" in block else None))
    read = _READERS.get(kind)
    return other_part(block) if read is None else read(block)


def _text(block: Json) -> Part:
    return text_part(str(first(block, "content", "text", "refusal") or ""))


def _reasoning(block: Json) -> Part:
    return reasoning_part(str(first(block, "content", "text", "thinking", "reasoning") or ""))


def _call(block: Json) -> Part:
    function = mapping(block.get("function")) or block
    return tool_call_part(
        string(first(block, "call_id", "id", "toolCallId")),
        string(first(function, "name", "toolName")),
        first(function, "arguments", "input", "args"),
    )


def _response(block: Json) -> Part:
    asked = first(block, "id", "tool_use_id", "toolCallId", "call_id")
    said = first(block, "response", "result", "output", "content")
    if isinstance(said, Mapping) and said.get("type") in ("text", "json", "error-text"):
        said = said.get("value")  # as Vercel wraps it
    return tool_response_part(string(asked), _answer(said))


def _answer(said: Any) -> Any:
    """What a tool answered: text blocks as text, anything else as it is."""
    texts = [first(each, "content", "text") for each in items(said)]
    if texts and all(isinstance(text, str) for text in texts):
        return "\n".join(texts)
    return said


_MODALITIES = ("image", "audio", "video")


def _media(block: Json) -> Part:
    kind = str(block.get("type"))
    # OpenAI, Anthropic and OpenInference put the rest one level down.
    inner = {**block, **mapping(block.get(kind)), **mapping(block.get("source"))}
    mime = string(first(inner, "mime_type", "media_type", "mediaType", "mimeType"))
    about = string(block.get("modality")) or f"{kind} {mime}"
    modality = next((each for each in _MODALITIES if each in about), "file")
    data = first(inner, "content", "data", "file_data", "image", "file")
    url = string(first(inner, "uri", "url", "image_url", "file_url"))
    if isinstance(data, str) and data.startswith(("data:", "http://", "https://")):
        url = data
    if url:
        return uri_part(modality, url, mime)
    if isinstance(data, bytes | str) and data:
        return media_part(modality, mime, data)
    if file_id := string(inner.get("file_id")):
        return file_part(file_id, modality)
    return other_part(block)


_READERS: dict[str, Callable[[Json], Part]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "refusal"), _text),
    **dict.fromkeys(("reasoning", "thinking"), _reasoning),
    **dict.fromkeys(("tool_call", "tool_use", "tool-call", "function", "function_call"), _call),
    **dict.fromkeys(
        ("tool_call_response", "tool_result", "tool-result", "function_call_output"), _response
    ),
    **dict.fromkeys(
        ("blob", "binary", "uri", "file", "image", "image_url", "input_audio", "audio", "video"),
        _media,
    ),
    **dict.fromkeys(("input_image", "input_file", "document"), _media),
}

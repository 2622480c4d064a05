"""Items, of which OpenAI's Responses and Realtime APIs make conversations, read as messages.

They are flat lists. Neighbouring items of the model (text, reasoning, tool calls) are one assistant
message here, as in every other API, so that a reply sent back as history reads like the reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memori_instrumentation.capture.reading import (
    Json,
    file_part,
    items,
    mapping,
    media_part,
    other_part,
    reasoning_part,
    server_tool_parts,
    string,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from memori_storage.records import Message, Part

_NO_CONTENT = frozenset({"item_reference", "compaction_trigger", "additional_tools"})
"""Items that say nothing: what they refer to is in the session already."""

_CALLS = frozenset({"function_call", "custom_tool_call", "mcp_approval_request", "program"})
"""Calls of the app's own functions, and of what asks or names its tool just so."""

_FRAME = frozenset(
    {"id", "call_id", "type", "status", "object", "created_by", "caller", "execution"}
)
_RESULTS = frozenset({"results", "outputs", "output", "result", "error"})


def messages_of(given: Iterable[Json]) -> list[Message]:
    """The messages that items make up, in order."""
    messages: list[Message] = []
    for item in given:
        if string(item.get("type")) in _NO_CONTENT:
            continue
        role, parts = _item(item)
        if role == "assistant" and messages and messages[-1].role == "assistant":
            messages[-1] = Message(role, [*messages[-1].parts, *parts])
        else:
            messages.append(Message(role, parts))
    return messages


def _item(item: Json) -> tuple[str, list[Part]]:
    """Role and parts of one item."""
    kind = str(item.get("type") or "message")
    if kind == "message":
        return string(item.get("role")) or "user", _content(item)
    if kind.endswith("_output"):
        return "tool", [tool_response_part(_call_id(item), _answer(item))]
    if kind == "mcp_approval_response":
        asked = string(item.get("approval_request_id"))
        verdict = {name: item[name] for name in ("approve", "reason") if item.get(name) is not None}
        return "tool", [tool_response_part(asked, verdict)]
    if kind == "reasoning":
        # What is encrypted stays with the provider.
        texts = [*items(item.get("summary")), *items(item.get("content"))]
        return "assistant", [reasoning_part(str(text.get("text", ""))) for text in texts]
    if kind == "compaction":
        return "assistant", [{"type": kind, "id": string(item.get("id"))}]
    if kind == "mcp_list_tools":
        names = [tool.get("name") for tool in items(item.get("tools"))]
        return "assistant", [other_part({**item, "tools": names})]
    if kind in _CALLS or (kind.endswith("_call") and item.get("call_id")):
        return "assistant", [_tool_call(kind, item)]
    if kind.endswith("_call"):
        return "assistant", _server_tool(kind, item)
    return string(item.get("role")) or "assistant", [other_part(item)]


def _call_id(item: Json) -> str | None:
    return string(item.get("call_id")) or string(item.get("id"))


def _tool_call(kind: str, item: Json) -> Part:
    """A call that the app answers: of a function, of a computer, of a shell, of an editor."""
    name = string(item.get("name")) or kind.removesuffix("_call")
    given = item.get("arguments", item.get("input"))
    if given is None:
        given = _without_frame(item)
    return tool_call_part(_call_id(item), name, given)


def _without_frame(item: Json) -> dict[str, Any]:
    return {
        name: value
        for name, value in item.items()
        if name not in _FRAME and name not in _RESULTS and value is not None
    }


def _server_tool(kind: str, item: Json) -> list[Part]:
    """A call that the provider answers itself: web and file search, code, images, MCP."""
    tool = kind.removesuffix("_call")
    results = {name: item[name] for name in _RESULTS if item.get(name) not in (None, [])}
    if tool == "image_generation" and "result" in results:
        picture = f"image/{item.get('output_format') or 'png'}"
        results["result"] = media_part("image", picture, str(results["result"]))
    return server_tool_parts(
        string(item.get("id")),
        string(item.get("name")) or tool,
        {"type": tool, **_without_frame(item)},
        {"type": tool, **results} if results else None,
    )


def _answer(item: Json) -> Any:
    """What a tool answered: texts joined, other content as parts."""
    output = item.get("output", item.get("result"))
    if output is None:
        return [tool.get("name") for tool in items(item.get("tools"))] or None
    if isinstance(output, dict):
        return content_part(output)
    parts = items(output)
    if parts and all("text" in part for part in parts):
        return "\n".join(str(part["text"]) for part in parts)
    return [content_part(part) for part in parts] if parts else output


def _content(item: Json) -> list[Part]:
    content = item.get("content")
    if isinstance(content, str):
        return [text_part(content)]
    parts: list[Part] = []
    for part in items(content):
        if str(part.get("type")).endswith("audio"):
            parts.extend(_audio(part, string(item.get("id"))))
        else:
            parts.append(content_part(part))
    return parts


def _audio(part: Json, item_id: str | None) -> list[Part]:
    """Spoken content: its transcript is what was said, its bytes are a reference."""
    inner = mapping(part.get("input_audio")) or part
    parts: list[Part] = []
    if transcript := string(part.get("transcript")):
        parts.append(text_part(transcript))
    if data := string(inner.get("data")) or string(inner.get("audio")):
        kind = string(inner.get("format"))
        parts.append(media_part("audio", f"audio/{kind}" if kind else None, data))
    return parts or [file_part(item_id or "unknown", "audio")]


def content_part(part: Json) -> Part:
    """One part of a message's content, not spoken."""
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text"):
        return _text(part)
    if kind == "refusal":
        return text_part(str(part.get("refusal", "")))
    if kind in ("input_image", "computer_screenshot"):
        if url := string(part.get("image_url")):
            return uri_part("image", url)
        return file_part(str(part.get("file_id")), "image")
    if kind == "input_file":
        return _file(part)
    return other_part(part)


_CITED = ("type", "url", "title", "file_id", "filename", "container_id")


def _text(part: Json) -> Part:
    """Text with its sources; where in the text they are cited is not kept."""
    text = text_part(str(part.get("text", "")))
    cited = [
        {name: source[name] for name in _CITED if source.get(name) is not None}
        for source in items(part.get("annotations"))
    ]
    return {**text, "citations": cited} if cited else text


def _file(part: Json) -> Part:
    if data := string(part.get("file_data")):
        return (
            uri_part("file", data) if data.startswith("data:") else media_part("file", None, data)
        )
    if url := string(part.get("file_url")):
        return uri_part("file", url)
    return file_part(str(part.get("file_id")))

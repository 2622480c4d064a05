"""OpenAI's Responses API, as JSON.

Its input and output are flat lists of items. Neighbouring items of the model (text, reasoning,
tool calls) are one assistant message here, as in every other API, so that a reply sent back as
history reads like the reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memori_instrumentation.capture.reading import (
    Api,
    Assembled,
    Json,
    Reply,
    Request,
    chosen,
    counts,
    file_part,
    items,
    mapping,
    media_part,
    number,
    other_part,
    reasoning_part,
    string,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from memori_storage.records import Message, Part

_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "stream": "gen_ai.request.stream",
    "service_tier": "openai.request.service_tier",
}
_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_tokens_details.cached_tokens": "cache_read_tokens",
    "output_tokens_details.reasoning_tokens": "reasoning_tokens",
}


def read_request(body: Json) -> Request:
    given = body.get("input")
    if isinstance(given, str):
        messages = [Message("user", [text_part(given)])]
    else:
        messages = _messages(items(given))
    instructions = body.get("instructions")
    if not isinstance(instructions, str):
        instructions = "\n".join(message.text for message in _messages(items(instructions)))
    conversation = body.get("conversation")
    return Request(
        messages=messages,
        model=string(body.get("model")),
        system=instructions or None,
        previous_response_id=string(body.get("previous_response_id")),
        conversation_id=string(conversation) or string(mapping(conversation).get("id")),
        attributes=chosen(body, _PARAMETERS),
    )


def read_reply(body: Json) -> Reply:
    status = body.get("status")
    reason = string(mapping(body.get("incomplete_details")).get("reason")) or string(status)
    messages = _messages(items(body.get("output")))
    failure = mapping(body.get("error"))
    return Reply(
        messages=[Message(m.role, m.parts, reason) for m in messages],
        model=string(body.get("model")),
        id=string(body.get("id")),
        finish_reasons=[reason] if reason else [],
        usage=counts(body.get("usage"), _USAGE),
        # "incomplete" is an answer that ended for a reason of the model's; background answers are
        # not there yet.
        complete=status in ("completed", "incomplete") or (status is None and bool(messages)),
        error=(str(failure.get("code")), str(failure.get("message"))) if failure else None,
    )


def _messages(given: Iterable[Json]) -> list[Message]:
    messages: list[Message] = []
    for item in given:
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
        content = item.get("content")
        if isinstance(content, str):
            parts = [text_part(content)]
        else:
            parts = [_part(part) for part in items(content)]
        return string(item.get("role")) or "user", parts
    call_id = string(item.get("call_id")) or string(item.get("id"))
    if kind.endswith("_call_output"):
        return "tool", [tool_response_part(call_id, _answer(item.get("output")))]
    if kind in ("function_call", "custom_tool_call"):
        arguments = item.get("arguments", item.get("input"))
        return "assistant", [tool_call_part(call_id, string(item.get("name")), arguments)]
    if kind == "reasoning":
        texts = [*items(item.get("summary")), *items(item.get("content"))]
        return "assistant", [reasoning_part(str(text.get("text", ""))) for text in texts]
    # Hosted tools (web search, file search, code interpreter, ...) and whatever comes next.
    return "assistant", [{**other_part(item), "id": call_id}]


def _answer(output: Any) -> Any:
    parts = items(output)
    if parts and all("text" in part for part in parts):
        return "\n".join(str(part["text"]) for part in parts)
    return [_part(part) for part in parts] if parts else output


def _part(part: Json) -> Part:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text"):
        return text_part(str(part.get("text", "")))
    if kind == "refusal":
        return text_part(str(part.get("refusal", "")))
    if kind == "input_image":
        if url := string(part.get("image_url")):
            return uri_part("image", url)
        return file_part(str(part.get("file_id")), "image")
    if kind == "input_file":
        if data := string(part.get("file_data")):
            return (
                uri_part("file", data)
                if data.startswith("data:")
                else media_part("file", None, data)
            )
        if url := string(part.get("file_url")):
            return uri_part("file", url)
        return file_part(str(part.get("file_id")))
    if kind == "input_audio":
        audio = mapping(part.get("input_audio"))
        return media_part("audio", f"audio/{audio.get('format')}", str(audio.get("data", "")))
    return other_part(part)


_FINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})


def assemble(events: Iterable[Json]) -> Assembled:
    """The final event's response; of a stream cut short, what its events had brought."""
    body: dict[str, Any] = {}
    items_so_far: dict[int, _Item] = {}
    error: tuple[str, str] | None = None
    complete = False
    for event in events:
        kind = str(event.get("type"))
        if kind in _FINAL:
            body = dict(mapping(event.get("response")))
            complete = kind != "response.failed"
            if not complete:
                failure = mapping(body.get("error"))
                error = (str(failure.get("code")), str(failure.get("message")))
            break
        if kind == "error":
            failure = mapping(event.get("error")) or event
            error = (str(failure.get("code") or "error"), str(failure.get("message")))
        elif kind in ("response.created", "response.in_progress"):
            body = dict(mapping(event.get("response")))
        else:
            items_so_far.setdefault(number(event.get("output_index")), _Item()).take(kind, event)
    if not body.get("output"):
        body["output"] = [items_so_far[index].whole() for index in sorted(items_so_far)]
    return Assembled(body, complete, error)


class _Item:
    """One output item as the events of a stream build it up."""

    def __init__(self) -> None:
        self._item: dict[str, Any] = {}
        self._deltas: dict[tuple[str, int], str] = {}

    def take(self, kind: str, event: Json) -> None:
        """Add what one event brought."""
        delta = event.get("delta")
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._item = dict(mapping(event.get("item")))
            if kind.endswith("done"):
                self._deltas.clear()
        elif isinstance(delta, str):
            place = kind, number(event.get("content_index"))
            self._deltas[place] = self._deltas.get(place, "") + delta

    def whole(self) -> Json:
        """The item, as far as it came."""
        item = dict(self._item) or {"type": "message", "role": "assistant"}
        for (kind, _), text in sorted(self._deltas.items()):
            if kind in ("response.output_text.delta", "response.refusal.delta"):
                item["content"] = [*items(item.get("content")), {"type": "text", "text": text}]
            elif kind == "response.function_call_arguments.delta":
                item["arguments"] = text
            elif kind == "response.custom_tool_call_input.delta":
                item["input"] = text
            elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
                item["summary"] = [*items(item.get("summary")), {"text": text}]
        return item


API = Api("/responses", "chat", read_request, read_reply, assemble)

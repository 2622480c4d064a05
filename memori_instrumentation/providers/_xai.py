"""xAI's chat, as the JSON form of its protocol buffers.

Field names are as in the ``.proto``, values that are the default are absent, and enums go by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    "max_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "stop": "gen_ai.request.stop_sequences",
    "n": "gen_ai.request.choice.count",
    # The SDK's name for a chat, which the server does not know: it says nothing about history.
    "conversation_id": "gen_ai.conversation.id",
}
_USAGE = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "cached_prompt_text_tokens": "cache_read_tokens",
}


def read_request(body: Json) -> Request:
    attributes = chosen(body, _PARAMETERS)
    if body.get("n") == 1:
        del attributes["gen_ai.request.choice.count"]  # the conventions want it when it is not 1
    return Request(
        messages=_messages((it, _contents(it), None) for it in items(body.get("messages"))),
        model=string(body.get("model")),
        previous_response_id=string(body.get("previous_response_id")),
        attributes=attributes,
    )


def read_reply(body: Json) -> Reply:
    outputs = [_output(output) for output in items(body.get("outputs"))]
    return Reply(
        messages=_messages(outputs),
        model=string(body.get("model")),
        id=string(body.get("id")),
        finish_reasons=[reason for _, _, reason in outputs if reason],
        usage=_usage(mapping(body.get("usage"))),
        complete=bool(outputs),
    )


_Item = tuple[Json, list[Part], str | None]
"""A message, its content (held differently in requests and replies), and its finish reason."""


def _output(output: Json) -> _Item:
    message = {"role": "ROLE_ASSISTANT", **mapping(output.get("message"))}
    content = _said(text_part, message.get("content"))
    return message, content, _enum(output.get("finish_reason"), "REASON_")


def _usage(given: Json) -> dict[str, int]:
    usage = counts(given, _USAGE)
    reasoning = usage.get("reasoning_tokens", 0)
    parts = ("input_tokens", "output_tokens", "reasoning_tokens")
    if reasoning and sum(usage.get(part, 0) for part in parts) == given.get("total_tokens"):
        # Reasoning was counted beside the completion; both are generated tokens.
        usage["output_tokens"] = usage.get("output_tokens", 0) + reasoning
    return usage


def _enum(value: Any, prefix: str) -> str | None:
    """An enum's name without the prefix that all of its names have."""
    name = string(value)
    return name.removeprefix(prefix).lower() if name else None


def _messages(given: Iterable[_Item]) -> list[Message]:
    """The messages of a request or a reply.

    A tool that runs at xAI's makes several items of one answer: its call, its result, the words.
    They are one message of the assistant's, as with other providers' server tools.
    """
    messages: list[Message] = []
    continued = False
    for item, content, reason in given:
        message = _message(item, content, reason)
        of_server = _is_of_server(item)
        last = messages[-1] if messages else None
        if last and last.role == message.role == "assistant" and (continued or of_server):
            parts = [*last.parts, *message.parts]
            messages[-1] = Message("assistant", parts, reason or last.finish_reason)
        else:
            messages.append(message)
        continued = of_server
    return messages


def _is_of_server(item: Json) -> bool:
    """Whether a message calls a tool at xAI's, or is what it answered: that repeats the call."""
    calls = items(item.get("tool_calls"))
    if item.get("role") == "ROLE_TOOL":
        return bool(calls)
    kinds = {string(call.get("type")) for call in calls} - {None, "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL"}
    return bool(kinds)


def _message(item: Json, content: list[Part], finish_reason: str | None) -> Message:
    role = _enum(item.get("role"), "ROLE_") or "user"
    # A tool that runs at xAI's is repeated as its state changes.
    numbered = enumerate(items(item.get("tool_calls")))
    calls = {string(call.get("id")) or place: call for place, call in numbered}
    if role in ("tool", "function"):
        call_id = string(item.get("tool_call_id")) or next(iter(calls.values()), {}).get("id")
        texts = [part["content"] for part in content if part["type"] == "text"]
        answer: Any = "\n".join(texts) if len(texts) == len(content) else content
        role = "assistant" if _is_of_server(item) else role
        return Message(role, [tool_response_part(string(call_id), answer)], finish_reason)
    parts = [*_said(reasoning_part, item.get("reasoning_content")), *content]
    for call in calls.values():
        function = mapping(call.get("function"))
        name, arguments = string(function.get("name")), function.get("arguments")
        parts.append(tool_call_part(string(call.get("id")), name, arguments))
    if not parts and role == "user" and (compacted := item.get("encrypted_content")):
        parts.append(other_part({"type": "compaction", "encrypted_content": compacted}))
    return Message(role, parts, finish_reason)


def _said(part: Callable[[str], Part], content: Any) -> list[Part]:
    return [part(content)] if isinstance(content, str) and content else []


def _contents(item: Json) -> list[Part]:
    found = [_content(content) for content in items(item.get("content"))]
    return [part for part in found if part.get("content") != ""]


def _content(content: Json) -> Part:
    if isinstance(text := content.get("text"), str):
        return text_part(text)
    if image := mapping(content.get("image_url")):
        if file_id := string(image.get("file_id")):
            return file_part(file_id, "image")
        return _address("image", str(image.get("image_url", "")), None)
    if file := mapping(content.get("file")):
        mime_type = string(file.get("mime_type"))
        if file_id := string(file.get("file_id")):
            return file_part(file_id)
        if url := string(file.get("url")):
            return _address("file", url, mime_type)
        return media_part("file", mime_type, str(file.get("data", "")))
    return other_part(content)


def _address(modality: str, given: str, mime_type: str | None) -> Part:
    """What is given as a URL, or as plain base64 in its place."""
    if given.startswith("data:") or "://" in given:
        return uri_part(modality, given, mime_type)
    return media_part(modality, mime_type, given)


DONE = '{"done": true}'
"""Stands among the chunks for the end of a stream."""


def assemble(events: Iterable[Json]) -> Assembled:
    """Chunks put together.

    The end of a stream is an event of its own (:data:`DONE`): gRPC tells an end from a cut. Without
    it a reply is complete if all that the model was writing has a finish reason.
    """
    body: dict[str, Any] = {}
    outputs: dict[int, dict[str, Any]] = {}
    done = False
    for event in events:
        done = done or event.get("done") is True
        body.update({key: value for key, value in event.items() if key != "outputs" and value})
        for item in items(event.get("outputs")):
            output = outputs.setdefault(number(item.get("index")), {"message": {}})
            _add(output["message"], mapping(item.get("delta")))
            if reason := item.get("finish_reason"):
                output["finish_reason"] = reason
    body["outputs"] = [outputs[index] for index in sorted(outputs)]
    written = [it for it in outputs.values() if it["message"].get("role") != "ROLE_TOOL"]
    finished = bool(written) and all(output.get("finish_reason") for output in written)
    return Assembled(body, complete=done or finished)


def _add(message: dict[str, Any], delta: Json) -> None:
    """Take a delta into its message: texts and lists grow, the rest is the last one said."""
    for key, value in delta.items():
        grows = isinstance(value, list) or key.endswith("content")
        if grows and type(message.get(key)) is type(value):
            message[key] = message[key] + value
        else:
            message[key] = value


def plain(message: Any) -> Any:
    """A message of the SDK as JSON. A request comes with the SDK's name for its conversation."""
    if isinstance(message, tuple):
        request, conversation_id = message
        return {**plain(request), "conversation_id": conversation_id}
    # Imported by the SDK already, and on our worker only.
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message, preserving_proto_field_name=True)


APIS = (Api("/xai_api.Chat", "chat", read_request, read_reply, assemble, plain),)

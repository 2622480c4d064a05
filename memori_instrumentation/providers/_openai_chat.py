"""OpenAI chat completions, as JSON. Also spoken by most OpenAI-compatible servers."""

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

PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "stop": "gen_ai.request.stop_sequences",
    "n": "gen_ai.request.choice.count",
    "stream": "gen_ai.request.stream",
    "service_tier": "openai.request.service_tier",
}
_USAGE = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details.cached_tokens": "cache_read_tokens",
    "completion_tokens_details.reasoning_tokens": "reasoning_tokens",
}


def read_request(body: Json) -> Request:
    attributes = chosen(body, PARAMETERS)
    if isinstance(stop := body.get("stop"), str):
        attributes["gen_ai.request.stop_sequences"] = [stop]
    if body.get("n") == 1:
        del attributes["gen_ai.request.choice.count"]  # the conventions want it when it is not 1
    return Request(
        messages=[_message(item) for item in items(body.get("messages"))],
        model=string(body.get("model")),
        attributes=attributes,
    )


def read_reply(body: Json) -> Reply:
    return reply_of(
        body,
        lambda choice, reason: _message(
            mapping(choice.get("message")), role="assistant", finish_reason=reason
        ),
    )


def reply_of(body: Json, message: Callable[[Json, str | None], Message]) -> Reply:
    """A reply made of choices.

    Args:
        message: What a choice says, given with its finish reason.
    """
    choices = items(body.get("choices"))
    reasons = [string(choice.get("finish_reason")) for choice in choices]
    return Reply(
        messages=[message(choice, reason) for choice, reason in zip(choices, reasons, strict=True)],
        model=string(body.get("model")),
        id=string(body.get("id")),
        finish_reasons=[reason for reason in reasons if reason],
        usage=counts(body.get("usage"), _USAGE),
        complete=bool(choices),
    )


def _message(item: Json, *, role: str | None = None, finish_reason: str | None = None) -> Message:
    role = string(item.get("role")) or role or "user"
    parts: list[Part] = []
    for name in ("reasoning_content", "reasoning"):
        if reasoning := string(item.get(name)):
            parts.append(reasoning_part(reasoning))
            break
    content = item.get("content")
    if role in ("tool", "function"):
        call_id = string(item.get("tool_call_id")) or string(item.get("name"))
        return Message(role, [tool_response_part(call_id, _plain(content))], finish_reason)
    if isinstance(content, str) and content:
        parts.append(text_part(content))
    parts.extend(_part(part) for part in items(content))
    if refusal := string(item.get("refusal")):
        parts.append(text_part(refusal))
    if audio := mapping(item.get("audio")):
        parts.append(_audio(audio))
    for call in items(item.get("tool_calls")):
        kind = mapping(call.get("function")) or mapping(call.get("custom"))
        arguments = kind.get("arguments", kind.get("input"))
        parts.append(tool_call_part(string(call.get("id")), string(kind.get("name")), arguments))
    if legacy := mapping(item.get("function_call")):
        parts.append(tool_call_part(None, string(legacy.get("name")), legacy.get("arguments")))
    return Message(role, parts, finish_reason)


def _plain(content: Any) -> Any:
    """What a tool answered: text parts joined, anything else as sent."""
    parts = items(content)
    if parts and all(isinstance(part.get("text"), str) for part in parts):
        return "\n".join(part["text"] for part in parts)
    return content


def _part(part: Json) -> Part:
    kind = part.get("type")
    if kind == "text":
        return text_part(str(part.get("text", "")))
    if kind == "refusal":
        return text_part(str(part.get("refusal", "")))
    if kind == "image_url":
        image = part.get("image_url")
        return uri_part(
            "image", image if isinstance(image, str) else str(mapping(image).get("url"))
        )
    if kind == "input_audio":
        audio = mapping(part.get("input_audio"))
        return media_part("audio", f"audio/{audio.get('format')}", str(audio.get("data", "")))
    if kind == "file":
        file = mapping(part.get("file"))
        if data := string(file.get("file_data")):
            return (
                uri_part("file", data)
                if data.startswith("data:")
                else media_part("file", None, data)
            )
        return file_part(str(file.get("file_id")))
    return other_part(part)


def _audio(audio: Json) -> Part:
    """Spoken content: its transcript is what was said."""
    if transcript := string(audio.get("transcript")):
        return text_part(transcript)
    return file_part(str(audio.get("id")), "audio")


def assemble(events: Iterable[Json]) -> Assembled:
    """Chunks put together as the completion that an unstreamed call would have brought."""
    return assembled(events, _merge_choice)


def assembled(events: Iterable[Json], merge: Callable[[dict[str, Any], Json], None]) -> Assembled:
    """A stream of choices put together.

    Args:
        merge: Adds to a choice what an event brings of it.
    """
    body: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    error: tuple[str, str] | None = None
    done = False
    for event in events:
        if event.get("done") is True:
            done = True
            continue
        if failure := mapping(event.get("error")):
            error = (str(failure.get("type") or failure.get("code")), str(failure.get("message")))
            continue
        for name in ("id", "model", "usage"):
            if event.get(name):
                body[name] = event[name]
        for choice in items(event.get("choices")):
            index = number(choice.get("index"))
            merge(choices.setdefault(index, {"index": index}), choice)
    body["choices"] = [choices[index] for index in sorted(choices)]
    finished = bool(choices) and all(choice.get("finish_reason") for choice in choices.values())
    return Assembled(body, complete=error is None and (done or finished), error=error)


def _merge_choice(choice: dict[str, Any], event: Json) -> None:
    message = choice.setdefault("message", {})
    delta = mapping(event.get("delta"))
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if isinstance(delta.get(name), str):
            message[name] = message.get(name, "") + delta[name]
    if isinstance(delta.get("role"), str):
        message.setdefault("role", delta["role"])
    calls = message.setdefault("_calls", {})
    for position, call in enumerate(items(delta.get("tool_calls"))):
        index = number(call.get("index", position))
        merged = calls.setdefault(index, {"function": {"arguments": ""}})
        custom = mapping(call.get("custom"))
        function = mapping(call.get("function")) or {**custom, "arguments": custom.get("input")}
        merged["id"] = call.get("id") or merged.get("id")
        merged["function"]["name"] = function.get("name") or merged["function"].get("name")
        merged["function"]["arguments"] += string(function.get("arguments")) or ""
    if calls:
        message["tool_calls"] = list(calls.values())
    legacy = mapping(delta.get("function_call"))
    if legacy:
        merged = message.setdefault("function_call", {"name": None, "arguments": ""})
        merged["name"] = legacy.get("name") or merged["name"]
        merged["arguments"] += string(legacy.get("arguments")) or ""
    choice["finish_reason"] = event.get("finish_reason") or choice.get("finish_reason")


API = Api("/chat/completions", "chat", read_request, read_reply, assemble)

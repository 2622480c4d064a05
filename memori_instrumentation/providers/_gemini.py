"""Gemini's ``generateContent``, as JSON.

Bodies are camelCase, but dictionaries that the user wrote pass as they are, so both spellings are
read.
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
    "topP": "gen_ai.request.top_p",
    "topK": "gen_ai.request.top_k",
    "maxOutputTokens": "gen_ai.request.max_tokens",
    "frequencyPenalty": "gen_ai.request.frequency_penalty",
    "presencePenalty": "gen_ai.request.presence_penalty",
    "stopSequences": "gen_ai.request.stop_sequences",
    "seed": "gen_ai.request.seed",
    "candidateCount": "gen_ai.request.choice.count",
}
_USAGE = {
    "promptTokenCount": "input_tokens",
    "toolUsePromptTokenCount": "input_tokens",
    "candidatesTokenCount": "output_tokens",
    "responseTokenCount": "output_tokens",  # in the Live API
    # Gemini counts thoughts beside the candidates; both are generated tokens.
    "thoughtsTokenCount": "reasoning_tokens",
    "cachedContentTokenCount": "cache_read_tokens",
}


def field(item: Json, camel: str) -> Any:
    """A field under its camelCase or snake_case name."""
    if camel in item:
        return item[camel]
    return item.get("".join("_" + c.lower() if c.isupper() else c for c in camel))


def read_request(body: Json) -> Request:
    config = mapping(field(body, "generationConfig"))
    contents = body.get("contents")
    return Request(
        messages=[
            read_message(item)
            for item in items(contents if isinstance(contents, list) else [contents])
        ],
        system=read_message(mapping(field(body, "systemInstruction"))).text or None,
        conversation_id=None,
        attributes=chosen({name: field(config, name) for name in _PARAMETERS}, _PARAMETERS),
    )


def read_reply(body: Json) -> Reply:
    candidates = items(body.get("candidates"))
    reasons = [string(field(candidate, "finishReason")) for candidate in candidates]
    blocked = string(field(mapping(field(body, "promptFeedback")), "blockReason"))
    usage = counts(field(body, "usageMetadata"), _USAGE)
    if "reasoning_tokens" in usage:
        usage["output_tokens"] = usage.get("output_tokens", 0) + usage["reasoning_tokens"]
    return Reply(
        messages=[
            read_message({"role": "model", **mapping(candidate.get("content"))}, reason)
            for candidate, reason in zip(candidates, reasons, strict=True)
        ],
        model=string(field(body, "modelVersion")),
        id=string(field(body, "responseId")),
        finish_reasons=[reason for reason in (*reasons, blocked) if reason],
        usage=usage,
        complete=bool(blocked) or (bool(reasons) and all(reasons)),
    )


def read_message(item: Json, finish_reason: str | None = None) -> Message:
    role = string(item.get("role")) or "user"
    parts = item.get("parts")
    return Message(
        "assistant" if role == "model" else role,
        _joined(read_part(part) for part in items(parts if isinstance(parts, list) else [parts])),
        finish_reason,
    )


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Neighbouring text parts as one: a stream cuts text anywhere."""
    joined: list[Part] = []
    for part in parts:
        kind = part["type"]
        if joined and kind == joined[-1]["type"] and kind in ("text", "reasoning"):
            joined[-1] = {"type": kind, "content": joined[-1]["content"] + part["content"]}
        else:
            joined.append(part)
    return joined


def read_part(part: Json) -> Part:
    if isinstance(text := part.get("text"), str):
        return reasoning_part(text) if part.get("thought") is True else text_part(text)
    if call := mapping(field(part, "functionCall")):
        return tool_call_part(string(call.get("id")), string(call.get("name")), call.get("args"))
    if answer := mapping(field(part, "functionResponse")):
        return {
            **tool_response_part(string(answer.get("id")), answer.get("response")),
            "name": string(answer.get("name")),
        }
    if blob := mapping(field(part, "inlineData")):
        mime_type = string(field(blob, "mimeType"))
        data = blob.get("data")
        return media_part(
            _modality(mime_type), mime_type, data if isinstance(data, bytes) else str(data or "")
        )
    if file := mapping(field(part, "fileData")):
        mime_type = string(field(file, "mimeType"))
        return uri_part(_modality(mime_type), str(field(file, "fileUri")), mime_type)
    kind = next((key for key in part if key not in ("thought", "thoughtSignature")), "unknown")
    return other_part({"type": kind, **part})


def _modality(mime_type: str | None) -> str:
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "file"


def assemble(events: Iterable[Json]) -> Assembled:
    """Chunks put together: parts are appended, counts and finish reason are the last ones said."""
    body: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    error: tuple[str, str] | None = None
    for event in events:
        if failure := mapping(event.get("error")):
            error = (str(failure.get("status") or failure.get("code")), str(failure.get("message")))
        body.update({key: value for key, value in event.items() if key != "candidates" and value})
        for item in items(event.get("candidates")):
            candidate = candidates.setdefault(number(item.get("index")), {"content": {"parts": []}})
            candidate["content"]["parts"] += items(mapping(item.get("content")).get("parts"))
            if reason := field(item, "finishReason"):
                candidate["finishReason"] = reason
    body["candidates"] = [candidates[index] for index in sorted(candidates)]
    return Assembled(body, complete=error is None and read_reply(body).complete, error=error)


APIS = tuple(
    Api(path, "generate_content", read_request, read_reply, assemble)
    for path in (":generateContent", ":streamGenerateContent")
)

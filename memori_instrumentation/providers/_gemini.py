"""Gemini's ``generateContent``, as JSON.

Bodies are camelCase, but dictionaries that the user wrote pass as they are, so both spellings are
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
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
    without_payloads,
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
CACHED_CONTENT = "gcp.gemini.request.cached_content"
"""Span attribute: the name of content that the provider keeps, and that comes before the
request's."""
_UNFINISHED = "CONTINUATION"
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
        attributes={
            **chosen({name: field(config, name) for name in _PARAMETERS}, _PARAMETERS),
            # Shared by any number of conversations: no link between turns.
            **chosen({"c": field(body, "cachedContent")}, {"c": CACHED_CONTENT}),
        },
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
            _cited(
                read_message({"role": "model", **mapping(candidate.get("content"))}, reason),
                candidate,
            )
            for candidate, reason in zip(candidates, reasons, strict=True)
        ],
        model=string(field(body, "modelVersion")),
        id=string(field(body, "responseId")),
        finish_reasons=[reason for reason in (*reasons, blocked) if reason],
        usage=usage,
        # Of a long answer, the SDK asks for the rest by itself.
        complete=bool(blocked) or (bool(reasons) and all(reasons) and _UNFINISHED not in reasons),
    )


def read_message(item: Json, finish_reason: str | None = None) -> Message:
    role = string(item.get("role")) or "user"
    parts = item.get("parts")
    given = items(parts if isinstance(parts, list) else [parts])
    return Message(
        "assistant" if role == "model" else role,
        _joined(read_part(part) for part in given if not _is_empty(part)),
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


def _cited(message: Message, candidate: Json) -> Message:
    """A message with the sources of its words beside the last of them."""
    sources = list(_sources(candidate))
    parts = list(message.parts)
    places = [at for at, part in enumerate(parts) if part["type"] == "text"]
    if not sources or not places:
        return message
    parts[places[-1]] = text_part(parts[places[-1]]["content"], sources)
    return Message(message.role, parts, message.finish_reason)


def _sources(candidate: Json) -> Iterator[Json]:
    """What a candidate was grounded in: pages, places, documents, by address and title."""
    for chunk in items(mapping(field(candidate, "groundingMetadata")).get("groundingChunks")):
        for kind, source in chunk.items():
            yield {"type": kind, **_named(mapping(source))}
    for url in items(mapping(field(candidate, "urlContextMetadata")).get("urlMetadata")):
        yield {"type": "urlContext", "uri": string(url.get("retrievedUrl"))}
    cited = mapping(field(candidate, "citationMetadata"))
    for citation in items(cited.get("citationSources") or cited.get("citations")):
        yield {"type": "citation", **_named(citation)}


def _named(source: Json) -> Json:
    return {key: source.get(key) for key in ("uri", "title")}


def _is_empty(part: Json) -> bool:
    """Whether a part holds nothing but the provider's signature on a thought."""
    return not part.keys() - {"thought", "thoughtSignature", "thought_signature"}


def read_part(part: Json) -> Part:
    if isinstance(text := part.get("text"), str):
        return reasoning_part(text) if part.get("thought") is True else text_part(text)
    if call := mapping(field(part, "functionCall")):
        return tool_call_part(string(call.get("id")), string(call.get("name")), call.get("args"))
    if answer := mapping(field(part, "functionResponse")):
        media = [read_part(it) for it in items(answer.get("parts"))]
        return {
            **tool_response_part(string(answer.get("id")), answer.get("response")),
            "name": string(answer.get("name")),
            **({"parts": media} if media else {}),
        }
    if code := mapping(field(part, "executableCode")):
        arguments = {key: code.get(key) for key in ("language", "code")}
        return tool_call_part(string(code.get("id")), "code_execution", arguments)
    if result := mapping(field(part, "codeExecutionResult")):
        answered = {key: result.get(key) for key in ("outcome", "output")}
        return tool_response_part(string(result.get("id")), answered)
    if call := mapping(field(part, "toolCall")):  # of a tool at Google's
        name = string(field(call, "toolType"))
        return tool_call_part(string(call.get("id")), name, call.get("args"))
    if answer := mapping(field(part, "toolResponse")):
        answered = without_payloads(answer.get("response"))
        return tool_response_part(string(answer.get("id")), answered)
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


_METADATA = ("finishReason", "groundingMetadata", "urlContextMetadata", "citationMetadata")


def assemble(events: Iterable[Json]) -> Assembled:
    """Chunks put together: parts are appended; of all else the last said counts."""
    body: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    error: tuple[str, str] | None = None
    for event in events:
        if failure := mapping(event.get("error")):
            error = (str(failure.get("status") or failure.get("code")), str(failure.get("message")))
        body.update({key: value for key, value in event.items() if key != "candidates" and value})
        for item in items(event.get("candidates")):
            candidate = candidates.setdefault(number(item.get("index")), {"content": {"parts": []}})
            for part in items(mapping(item.get("content")).get("parts")):
                _append(candidate["content"]["parts"], part)
            candidate.update((key, found) for key in _METADATA if (found := field(item, key)))
    body["candidates"] = [candidates[index] for index in sorted(candidates)]
    return Assembled(body, complete=error is None and read_reply(body).complete, error=error)


def _append(parts: list[Json], part: Json) -> None:
    """Append a part, or go on with the function call before it, whose arguments come in pieces."""
    call = field(part, "functionCall")
    if not isinstance(call, Mapping):
        parts.append(part)
        return
    begun = mapping(field(parts[-1], "functionCall")) if parts else {}
    if begun.get("willContinue") is True:
        parts.pop()
    else:
        begun = {"args": {}}
    whole = {**begun, "willContinue": False, **call}
    for piece in items(call.get("partialArgs")):
        _put(whole["args"], piece)
    parts.append({**part, "functionCall": whole})


_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[["']([^"']+)["']\]""")


def _put(args: Any, piece: Json) -> None:
    """Set what is at a JSON path in a call's arguments; text there is lengthened."""
    found = _STEP.findall(str(piece.get("jsonPath")))
    steps = [name or quoted or int(index) for name, index, quoted in found]
    for step, following in pairwise(steps):
        args = _at(args, step, [] if isinstance(following, int) else {})
    values = (piece[key] for key in ("stringValue", "numberValue", "boolValue") if key in piece)
    value = next(values, None)
    for last in steps[-1:]:
        before = _at(args, last, "" if isinstance(value, str) else None)
        if isinstance(value, str) and isinstance(before, str):
            value = before + value
        with suppress(TypeError, LookupError):  # nowhere to put it
            args[last] = value


def _at(holder: Any, step: str | int, default: Any) -> Any:
    """What an object or a list holds in one place, made the default if it is the next one."""
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.setdefault(step, default)
    if isinstance(holder, list) and isinstance(step, int):
        if step == len(holder):
            holder.append(default)
        return holder[step] if step < len(holder) else default
    return default


APIS = tuple(
    Api(path, "generate_content", read_request, read_reply, assemble)
    for path in (":generateContent", ":streamGenerateContent")
)

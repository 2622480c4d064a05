"""Bedrock's ``Converse``, as JSON; Amazon's Nova models speak it through ``InvokeModel`` too."""

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
    "maxTokens": "gen_ai.request.max_tokens",
    "stopSequences": "gen_ai.request.stop_sequences",
}
_USAGE = {
    # The conventions count cached tokens as input; Bedrock reports them apart.
    "inputTokens": "input_tokens",
    "cacheReadInputTokens": "cache_read_tokens",
    "cacheWriteInputTokens": "cache_creation_tokens",
    "outputTokens": "output_tokens",
}
_CACHED = ("cache_read_tokens", "cache_creation_tokens")


def read_request(body: Json) -> Request:
    attributes = chosen(mapping(body.get("inferenceConfig")), _PARAMETERS)
    guardrail = mapping(body.get("guardrailConfig"))
    attributes |= chosen(guardrail, {"guardrailIdentifier": "aws.bedrock.guardrail.id"})
    return Request(
        messages=[
            Message(string(item.get("role")) or "user", _parts(item.get("content")))
            for item in items(body.get("messages"))
        ],
        system=Message("system", _parts(body.get("system"))).text or None,
        attributes=attributes,
    )


def read_reply(body: Json) -> Reply:
    message = mapping(mapping(body.get("output")).get("message"))
    reason = string(body.get("stopReason"))
    usage = counts(body.get("usage"), _USAGE)
    if "input_tokens" in usage:
        usage["input_tokens"] += sum(usage.get(name, 0) for name in _CACHED)
    parts = _parts(message.get("content"))
    routed = mapping(mapping(body.get("trace")).get("promptRouter"))
    return Reply(
        messages=[Message("assistant", parts, reason)] if parts or reason else [],
        # Only a prompt router says which model answered.
        model=string(routed.get("invokedModelId")),
        finish_reasons=[reason] if reason else [],
        usage=usage,
        complete=reason is not None,
    )


def _parts(content: Any) -> list[Part]:
    # A cache point is an instruction to the server. Clients move it from call to call.
    return [_part(block) for block in items(content) if "cachePoint" not in block]


def _part(block: Json) -> Part:
    if isinstance(text := block.get("text"), str):
        return text_part(text)
    if use := mapping(block.get("toolUse")):
        return tool_call_part(
            string(use.get("toolUseId")), string(use.get("name")), use.get("input")
        )
    if result := mapping(block.get("toolResult")):
        return tool_response_part(string(result.get("toolUseId")), _answer(result.get("content")))
    if reasoning := mapping(mapping(block.get("reasoningContent")).get("reasoningText")):
        return reasoning_part(str(reasoning.get("text", "")))
    if guarded := mapping(block.get("guardContent")):  # what a guardrail is to look at
        return _part(mapping(guarded.get("text")) or {"image": guarded.get("image")})
    if cited := mapping(block.get("citationsContent")):
        said = (item.get("text") for item in items(cited.get("content")))
        return text_part("".join(text for text in said if isinstance(text, str)))
    for kind in ("image", "video", "audio", "document"):
        if medium := mapping(block.get(kind)):
            return _medium(kind, medium)
    return other_part({"type": next(iter(block), "unknown"), **block})


def _answer(content: Any) -> Any:
    """What a tool answered: text alone as text, one object as itself, other blocks as parts."""
    blocks = items(content)
    if blocks and all(isinstance(block.get("text"), str) for block in blocks):
        return "\n".join(block["text"] for block in blocks)
    answers = [block["json"] if "json" in block else _part(block) for block in blocks]
    return answers[0] if len(answers) == 1 and "json" in blocks[0] else answers


_OFFICE = "application/vnd.openxmlformats-officedocument"
_MIME_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
    "doc": "application/msword",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "three_gp": "video/3gpp",
}
"""Mime types of formats, where they are not the kind of medium and the format's name."""


def _medium(kind: str, medium: Json) -> Part:
    modality, format = "file" if kind == "document" else kind, string(medium.get("format"))
    named = f"{kind}/{format}" if format and kind != "document" else None
    mime_type = _MIME_TYPES.get(format or "", named)
    source = mapping(medium.get("source"))
    if (data := string(source.get("bytes"))) is not None:
        return media_part(modality, mime_type, data)
    if uri := string(mapping(source.get("s3Location")).get("uri")):
        return uri_part(modality, uri, mime_type)
    # A document given as text: its content counts as a file's, not as the user's words.
    said = Message("user", _parts([source] if "text" in source else source.get("content"))).text
    if said:
        return media_part(modality, mime_type or "text/plain", said.encode("utf-8", "replace"))
    return other_part({"type": kind, **medium})


def assemble(events: Iterable[Json]) -> Assembled:
    """The reply that the events build up."""
    body: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    error: tuple[str, str] | None = None
    for event in events:
        kind = event.get("type")
        index = number(event.get("contentBlockIndex"))
        if kind == "contentBlockStart":
            start = mapping(event.get("start"))
            kinds = ("toolUse", "toolResult", "image")
            blocks[index] = {kind: dict(mapping(start[kind])) for kind in kinds if kind in start}
        elif kind == "contentBlockDelta":
            _grow(blocks.setdefault(index, {}), mapping(event.get("delta")))
        elif kind == "messageStop":
            body["stopReason"] = event.get("stopReason")
        elif kind == "metadata":
            body.update({key: value for key, value in event.items() if key in ("usage", "trace")})
        elif kind == "error":
            failure = mapping(event.get("error"))
            error = (str(failure.get("type")), str(failure.get("message")))
    body["output"] = {"message": {"content": [blocks[index] for index in sorted(blocks)]}}
    complete = error is None and string(body.get("stopReason")) is not None
    return Assembled(body, complete, error)


def _grow(block: dict[str, Any], delta: Json) -> None:
    if isinstance(delta.get("text"), str):
        _append(block, "text", delta["text"])
    elif use := mapping(delta.get("toolUse")):
        _append(block.setdefault("toolUse", {}), "input", use.get("input"))
    elif reasoning := mapping(delta.get("reasoningContent")):
        thought = block.setdefault("reasoningContent", {})
        if "redactedContent" in reasoning:
            _append(thought, "redactedContent", reasoning["redactedContent"])
        else:
            _append(thought.setdefault("reasoningText", {}), "text", reasoning.get("text"))
    elif results := items(delta.get("toolResult")):
        result = block.setdefault("toolResult", {})
        result["content"] = items(result.get("content")) + results
    elif image := mapping(delta.get("image")):
        block["image"] = {**mapping(block.get("image")), **image}


def _append(block: dict[str, Any], name: str, more: Any) -> None:
    block[name] = (string(block.get(name)) or "") + (string(more) or "")


API = Api("/converse", "chat", read_request, read_reply, assemble)

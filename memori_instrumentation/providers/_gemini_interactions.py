"""Gemini's Interactions API, as JSON.

Its input and output are steps. Neighbouring steps of the model (thoughts, words, calls, and what
tools on Google's side answered) are one assistant message here, as in every other API.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
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
    loose_json,
    mapping,
    media_bytes,
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
    "top_p": "gen_ai.request.top_p",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "seed": "gen_ai.request.seed",
}
_USAGE = {
    "total_input_tokens": "input_tokens",
    # Tool results are counted beside the prompt, and thoughts beside the output.
    "total_tool_use_tokens": "input_tokens",
    "total_output_tokens": "output_tokens",
    "total_thought_tokens": "reasoning_tokens",
    "total_cached_tokens": "cache_read_tokens",
}
_MEDIA = {"image": "image", "audio": "audio", "video": "video", "document": "file"}
"""Modality by kind of content."""
_ENDED = frozenset(
    {"completed", "requires_action", "incomplete", "budget_exceeded", "requires_continuation"}
)
"""Statuses of an answer that is there as far as it will be."""
_PENDING = frozenset({"queued", "in_progress"})
"""Statuses of an answer that is still in the making."""


def read_request(body: Json) -> Request:
    config = mapping(body.get("generation_config"))
    attributes = chosen({**config, **body}, {**_PARAMETERS, "stream": "gen_ai.request.stream"})
    agent = string(body.get("agent"))
    if agent:
        attributes["gen_ai.agent.id"] = agent
    if cached := string(body.get("cached_content")):
        attributes["gcp.gemini.request.cached_content"] = cached
    return Request(
        messages=_input(body.get("input")),
        model=string(body.get("model")) or agent,
        system=string(body.get("system_instruction")),
        previous_response_id=string(body.get("previous_interaction_id")),
        later=body.get("background") is True,
        attributes=attributes,
    )


def _input(given: Any) -> list[Message]:
    if isinstance(given, str):
        return [Message("user", [text_part(given)])]
    listed = items(given if isinstance(given, list) else [given])
    if all(_is_content(item) for item in listed):
        return [Message("user", [_content(item) for item in listed])] if listed else []
    messages: list[Message] = []
    for item in listed:
        role, parts = _step(item)
        if role == "assistant" and messages and messages[-1].role == "assistant":
            messages[-1] = Message(role, [*messages[-1].parts, *parts])
        else:
            messages.append(Message(role, parts))
    return messages


def _is_content(item: Json) -> bool:
    kind = str(item.get("type"))
    return kind == "text" or kind in _MEDIA


def read_reply(body: Json) -> Reply:
    status = string(body.get("status"))
    steps = [step for step in items(body.get("steps")) if step.get("type") != "user_input"]
    parts = [part for step in steps for part in _step(step)[1]]
    usage = counts(body.get("usage"), _USAGE)
    if "reasoning_tokens" in usage:
        usage["output_tokens"] = usage.get("output_tokens", 0) + usage["reasoning_tokens"]
    complete = status in _ENDED
    return Reply(
        messages=[Message("assistant", parts, status)] if parts or complete else [],
        model=string(body.get("model")) or string(body.get("agent")),
        id=string(body.get("id")),
        finish_reasons=[status] if status and complete else [],
        usage=usage,
        complete=complete,
        pending=status in _PENDING,
        error=_failure(body, steps) if status == "failed" else None,
    )


def _failure(body: Json, steps: Iterable[Json]) -> tuple[str, str]:
    """What a failed interaction says of its failure."""
    told = [*items(body.get("errors")), *(mapping(step.get("error")) for step in steps)]
    for failure in told:
        if failure:
            return str(failure.get("code") or "failed"), str(failure.get("message") or "")
    return "failed", ""


def _step(step: Json) -> tuple[str, list[Part]]:
    """Role and parts of one step."""
    kind = str(step.get("type"))
    if kind in ("user_input", "model_output"):
        role = "user" if kind == "user_input" else "assistant"
        return role, [_content(content) for content in items(step.get("content"))]
    if kind == "thought":
        thoughts = (string(content.get("text")) for content in items(step.get("summary")))
        return "assistant", [reasoning_part(text) for text in thoughts if text]
    if kind.endswith("_call"):
        name = string(step.get("name")) or kind.removesuffix("_call")
        return "assistant", [tool_call_part(string(step.get("id")), name, step.get("arguments"))]
    if kind.endswith("_result"):
        answer = tool_response_part(string(step.get("call_id")), _answer(step.get("result")))
        # All but the app's own functions run at Google's.
        return "tool" if kind == "function_result" else "assistant", [answer]
    return ("user", [_content(step)]) if _is_content(step) else ("assistant", [other_part(step)])


def _answer(result: Any) -> Any:
    """What a tool answered: text alone as text, contents as parts, anything else as it is."""
    contents = items(result)
    if contents and all(content.get("type") == "text" for content in contents):
        return "\n".join(str(content.get("text", "")) for content in contents)
    if contents and all(_is_content(content) for content in contents):
        return [_content(content) for content in contents]
    return without_payloads(result)


def _content(content: Json) -> Part:
    kind = str(content.get("type"))
    if kind == "text":
        return text_part(str(content.get("text", "")), items(content.get("annotations")))
    modality = _MEDIA.get(kind)
    if modality is None:
        return other_part(content)
    mime_type, data = string(content.get("mime_type")), content.get("data")
    if not data and (uri := string(content.get("uri"))):
        return uri_part(modality, uri, mime_type)
    return media_part(modality, mime_type, data if isinstance(data, bytes) else str(data or ""))


def assemble(events: Iterable[Json]) -> Assembled:
    """The interaction that the events build up. The last one holds all but the steps."""
    body: dict[str, Any] = {}
    steps: dict[int, dict[str, Any]] = {}
    error: tuple[str, str] | None = None
    for event in events:
        kind = str(event.get("event_type"))
        if kind == "step.start":
            steps[number(event.get("index"))] = dict(mapping(event.get("step")))
        elif kind == "step.delta":
            step = steps.setdefault(number(event.get("index")), {"type": "model_output"})
            _add(step, mapping(event.get("delta")))
        elif kind == "interaction.status_update":
            told = {"id": event.get("interaction_id"), **event}
            body.update((key, told[key]) for key in ("id", "status", "usage") if told.get(key))
        elif kind.startswith("interaction."):
            body.update((k, v) for k, v in mapping(event.get("interaction")).items() if v)
        elif kind == "error":
            failure = mapping(event.get("error"))
            error = str(failure.get("code") or "error"), str(failure.get("message"))
    for step in steps.values():
        if partial := step.pop("partial", None):
            step["arguments"] = loose_json(partial)
    body["steps"] = body.get("steps") or [steps[index] for index in sorted(steps)]
    return Assembled(body, complete=error is None and read_reply(body).complete, error=error)


def _add(step: dict[str, Any], delta: Json) -> None:
    """Add what one event brings to its step."""
    kind = str(delta.get("type"))
    if kind == "arguments_delta":
        step["partial"] = str(step.get("partial", "")) + str(delta.get("arguments") or "")
    elif kind == "thought_summary":
        _extend(step, "summary", mapping(delta.get("content")))
    elif kind == "text_annotation_delta":
        _extend(step, "content", {"type": "text", "annotations": delta.get("annotations")})
    elif kind == "text" or kind in _MEDIA:
        _extend(step, "content", delta)
    elif kind != "thought_signature":
        step.update((key, value) for key, value in delta.items() if value is not None)


def _extend(step: dict[str, Any], field: str, given: Json) -> None:
    """Add content to a step: text to the text before it, sound to the sound before it."""
    content = {key: value for key, value in given.items() if value is not None}
    if isinstance(data := content.get("data"), str):
        content["data"] = media_bytes(data)
    contents = step[field] = items(step.get(field))
    last: Json = contents[-1] if contents else {}
    if content.get("type") not in ("text", "audio") or last.get("type") != content["type"]:
        contents.append(content)
        return
    joined = {**last, **content}
    for key in ("text", "data", "annotations"):
        so_far: Any = last.get(key)
        more: Any = content.get(key)
        if type(more) in (str, bytes, list) and type(more) is type(so_far):
            joined[key] = so_far + more
    contents[-1] = joined


API = Api("/interactions", "chat", read_request, read_reply, assemble)
AGENT_API = replace(API, operation="invoke_agent")
_FETCHED = replace(API, path="/interactions/*", method="get", fetches=True)
_CANCELLED = replace(API, path="/interactions/*/cancel", fetches=True)
APIS = (API, _FETCHED, _CANCELLED)
"""Calls, and what brings the answers of those that are answered later."""

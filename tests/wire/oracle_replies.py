"""What a response body says: the second half of :mod:`wire.oracle`, equally independent."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from botocore.eventstream import EventStreamBuffer

from wire.oracle import (
    Message,
    Part,
    blocks,
    chat_parts,
    converse_part,
    google_part,
    item_message,
    joined,
    said,
    step_parts,
    xai_message,
)


@dataclass
class Reply:
    """What a response body says."""

    messages: list[Message] = field(default_factory=list)
    id: str | None = None
    model: str | None = None
    finish: list[str] = field(default_factory=list)
    input_tokens: int | None = None
    output_tokens: int | None = None


def replied(dialect: str, body: bytes, streamed: bool) -> Reply:
    """What a successful response says; of a stream cut short, as much as arrived whole."""
    if streamed:
        framed = dialect.startswith("bedrock.")
        return {
            "openai.chat": _chat_stream,
            "openai.completions": _completions_stream,
            "openai.responses": _responses_stream,
            "anthropic": _anthropic_stream,
            "google": _google_stream,
            "google.interactions": _interaction_stream,
            "xai": _xai_stream,
            "bedrock.converse": _converse_stream,
            "bedrock.invoke": _anthropic_stream,
        }[dialect](_framed(body) if framed else _events(body.decode()))
    return {
        "openai.chat": _chat_reply,
        "openai.responses": _responses_reply,
        "anthropic": _anthropic_reply,
        "google": lambda whole: _google_stream([whole]),
        "google.interactions": _interaction_reply,
        "openai.completions": lambda whole: _completions_stream([whole]),
        "xai": _xai_reply,
        "bedrock.converse": _converse_reply,
        "bedrock.invoke": _anthropic_reply,
    }[dialect](json.loads(body))


def _events(body: str) -> list[dict[str, Any]]:
    found = []
    for line in body.splitlines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data and data != "[DONE]":
            found.append(json.loads(data))
    return found


def _framed(body: bytes) -> list[dict[str, Any]]:
    """The events of an AWS event stream, as AWS's own decoder takes it apart."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    found = []
    for message in buffer:
        if message.headers[":message-type"] == "event":
            value = json.loads(message.payload)
            if message.headers[":event-type"] == "chunk":
                value = json.loads(base64.b64decode(value["bytes"]))
            else:
                value = {message.headers[":event-type"]: value}
            found.append(value)
    return found


def _chat_reply(body: dict[str, Any]) -> Reply:
    usage = body.get("usage") or {}
    return Reply(
        [("assistant", said(chat_parts(choice["message"]))) for choice in body["choices"]],
        body.get("id"),
        body.get("model"),
        [c["finish_reason"] for c in body["choices"] if c.get("finish_reason")],
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
    )


def _chat_stream(events: list[dict[str, Any]]) -> Reply:
    body: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for event in events:
        body.update({k: v for k, v in event.items() if v and k in ("id", "model", "usage")})
        for change in event.get("choices", []):
            choice = choices.setdefault(change["index"], {"message": {"role": "assistant"}})
            choice["finish_reason"] = change.get("finish_reason") or choice.get("finish_reason")
            message, delta = choice["message"], change["delta"]
            for key in ("content", "refusal"):
                if delta.get(key):
                    message[key] = message.get(key, "") + delta[key]
            for piece in delta.get("tool_calls") or []:
                calls = message.setdefault("tool_calls", [])
                while len(calls) <= piece["index"]:
                    calls.append({"id": None, "function": {"name": None, "arguments": ""}})
                call, function = calls[piece["index"]], piece.get("function", {})
                call["id"] = piece.get("id") or call["id"]
                call["function"]["name"] = function.get("name") or call["function"]["name"]
                call["function"]["arguments"] += function.get("arguments") or ""
    return _chat_reply({**body, "choices": [choices[index] for index in sorted(choices)]})


def _completions_stream(events: list[dict[str, Any]]) -> Reply:
    said_by: dict[int, str] = {}
    reply = Reply()
    for event in events:
        reply.id = event.get("id") or reply.id
        reply.model = event.get("model") or reply.model
        usage = event.get("usage") or {}
        reply.input_tokens = usage.get("prompt_tokens", reply.input_tokens)
        reply.output_tokens = usage.get("completion_tokens", reply.output_tokens)
        for choice in event["choices"]:
            said_by[choice["index"]] = said_by.get(choice["index"], "") + choice["text"]
            reply.finish += [choice["finish_reason"]] if choice.get("finish_reason") else []
    texts = [said_by[index] for index in sorted(said_by)]
    reply.messages = [("assistant", said([("text", text)])) for text in texts]
    return reply


def _responses_reply(body: dict[str, Any]) -> Reply:
    usage = body.get("usage") or {}
    return Reply(
        [item_message(item) for item in body["output"]],
        body.get("id"),
        body.get("model"),
        [],
        usage.get("input_tokens"),
        usage.get("output_tokens"),
    )


def _responses_stream(events: list[dict[str, Any]]) -> Reply:
    whole = [event["response"] for event in events if "response" in event]
    if whole and whole[-1]["status"] != "in_progress":
        return _responses_reply(whole[-1])
    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    first = whole[0] if whole else {}
    return Reply([("assistant", said([("text", text)]))], first.get("id"), first.get("model"))


def _anthropic_reply(body: dict[str, Any]) -> Reply:
    usage = body.get("usage") or {}
    # Anthropic counts cached tokens beside the input; the conventions want them in it.
    cached = ("cache_creation_input_tokens", "cache_read_input_tokens")
    return Reply(
        [("assistant", said(blocks(body["content"])))],
        body.get("id"),
        body.get("model"),
        [body["stop_reason"]] if body.get("stop_reason") else [],
        _total({k: v for k, v in usage.items() if v is not None}, "input_tokens", *cached),
        usage.get("output_tokens"),
    )


def _anthropic_stream(events: list[dict[str, Any]]) -> Reply:
    body: dict[str, Any] = {"content": [], "usage": {}}
    for event in events:
        kind = event["type"]
        if kind == "message_start":
            body = {**event["message"], "content": []}
        elif kind == "content_block_start":
            body["content"].append({**event["content_block"], "json": ""})
        elif kind == "content_block_delta":
            delta, block = event["delta"], body["content"][event["index"]]
            for name in ("text", "thinking"):
                block[name] = block.get(name, "") + delta.get(name, "")
            block["json"] += delta.get("partial_json", "")
        elif kind == "message_delta":
            body["stop_reason"] = event["delta"].get("stop_reason")
            body["usage"] = {**body["usage"], **event["usage"]}
    for block in body["content"]:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["json"] or "{}")
    return _anthropic_reply(body)


def _converse_reply(body: dict[str, Any]) -> Reply:
    usage = body.get("usage", {})
    content = body["output"]["message"]["content"]
    return Reply(
        [("assistant", said(map(converse_part, content)))],
        finish=[body["stopReason"]] if "stopReason" in body else [],
        # Bedrock counts cached tokens beside the input.
        input_tokens=_total(usage, "inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
        output_tokens=usage.get("outputTokens"),
    )


def _converse_stream(events: list[dict[str, Any]]) -> Reply:
    body: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        ((kind, value),) = event.items()
        if kind == "contentBlockStart":
            use = {**value["start"]["toolUse"], "input": ""}
            blocks[value["contentBlockIndex"]] = {"toolUse": use}
        elif kind == "contentBlockDelta":
            block = blocks.setdefault(value["contentBlockIndex"], {})
            delta = value["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            elif "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            else:
                thought = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
                thought["reasoningText"]["text"] += delta["reasoningContent"].get("text", "")
        elif kind in ("messageStop", "metadata"):
            body.update(value)
    content = [blocks[index] for index in sorted(blocks)]
    return _converse_reply({**body, "output": {"message": {"content": content}}})


def _google_stream(events: list[dict[str, Any]]) -> Reply:
    reply = Reply()
    parts: dict[int, list[Part]] = {}
    finish: dict[int, str] = {}
    for event in events:
        reply.id = event.get("responseId") or reply.id
        reply.model = event.get("modelVersion") or reply.model
        usage = event.get("usageMetadata") or {}
        # Google counts tool results beside the prompt and thoughts beside the candidates.
        reply.input_tokens = _total(usage, "promptTokenCount", "toolUsePromptTokenCount")
        reply.output_tokens = _total(usage, "candidatesTokenCount", "thoughtsTokenCount")
        for candidate in event.get("candidates", []):
            index = candidate.get("index", 0)
            found = candidate.get("content", {}).get("parts", [])
            parts.setdefault(index, []).extend(google_part(part) for part in found)
            if candidate.get("finishReason"):
                finish[index] = candidate["finishReason"]
    reply.messages = [("assistant", joined(parts[index])) for index in sorted(parts)]
    reply.finish = [finish[index] for index in sorted(finish)]
    return reply


def _interaction_reply(body: dict[str, Any]) -> Reply:
    usage = body.get("usage") or {}
    parts = [part for step in body.get("steps", []) for part in step_parts(step)]
    return Reply(
        [("assistant", joined(parts))],
        body.get("id"),
        body.get("model"),
        [body["status"]],
        usage.get("total_input_tokens"),
        # Thoughts are counted beside the output.
        _total(usage, "total_output_tokens", "total_thought_tokens"),
    )


def _interaction_stream(events: list[dict[str, Any]]) -> Reply:
    body: dict[str, Any] = {}
    steps: dict[int, dict[str, Any]] = {}
    for event in events:
        kind = event["event_type"]
        if kind in ("interaction.created", "interaction.completed"):
            body = {**body, **event["interaction"]}
        elif kind == "step.start":
            steps[event["index"]] = {**event["step"], "json": ""}
        elif kind == "step.delta":
            step, delta = steps[event["index"]], event["delta"]
            if delta["type"] == "text":
                step.setdefault("content", []).append(delta)
            elif delta["type"] == "thought_summary":
                step.setdefault("summary", []).append(delta["content"])
            elif delta["type"] == "arguments_delta":
                step["json"] += delta["arguments"]
    for step in steps.values():
        if step["json"]:
            step["arguments"] = json.loads(step["json"])
    return _interaction_reply({**body, "steps": [steps[index] for index in sorted(steps)]})


def _xai_reply(body: dict[str, Any]) -> Reply:
    outputs = [(o["message"], o["message"].get("content", "")) for o in body.get("outputs", [])]
    usage = body.get("usage", {})
    return Reply(
        [xai_message(message, [{"text": content}]) for message, content in outputs],
        body.get("id"),
        body.get("model"),
        [o["finish_reason"] for o in body.get("outputs", []) if "finish_reason" in o],
        usage.get("prompt_tokens"),
        # xAI counts reasoning beside the completion.
        _total(usage, "completion_tokens", "reasoning_tokens"),
    )


def _xai_stream(events: list[dict[str, Any]]) -> Reply:
    body: dict[str, Any] = {}
    messages: dict[int, dict[str, Any]] = {}
    for event in events:
        body.update({k: v for k, v in event.items() if k != "outputs"})
        for piece in event.get("outputs", []):
            message = messages.setdefault(piece.get("index", 0), {"tool_calls": []})
            delta = piece.get("delta", {})
            message["role"] = delta.get("role", "ROLE_ASSISTANT")
            for name in ("content", "reasoning_content"):
                message[name] = message.get(name, "") + delta.get(name, "")
            message["tool_calls"] += delta.get("tool_calls", [])
    return _xai_reply({**body, "outputs": [{"message": messages[i]} for i in sorted(messages)]})


def _total(usage: dict[str, Any], *names: str) -> int | None:
    found = [usage[name] for name in names if name in usage]
    return sum(found) if found else None

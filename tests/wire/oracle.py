"""What a memory must hold of an exchange, worked out from the bytes on the wire.

Written without looking at the package's own readers, and sharing no code with them, so that the two
check each other. Messages are ``(role, parts)`` with parts as plain tuples:

``("text", content)``, ``("thinking", content)``, ``("call", id, name, arguments)``,
``("result", id, response)``, ``("blob", mime type, bytes, sha256)``, ``("uri", address)``,
``("file", id)`` and ``("other",)``; arguments and responses are canonical JSON.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Part = tuple[Any, ...]
Message = tuple[str, tuple[Part, ...]]


@dataclass
class Reply:
    """What a response body says."""

    messages: list[Message] = field(default_factory=list)
    id: str | None = None
    model: str | None = None
    finish: list[str] = field(default_factory=list)
    input_tokens: int | None = None
    output_tokens: int | None = None


def canonical(value: Any) -> str:
    """JSON in one spelling; text that holds JSON counts as what it holds."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def blob(mime: str | None, encoded: str) -> Part:
    data = base64.b64decode(encoded.replace("-", "+").replace("_", "/"))
    return ("blob", mime, len(data), hashlib.sha256(data).hexdigest())


def address(url: str) -> Part:
    """A URL; a ``data:`` one is the bytes it holds."""
    if not url.startswith("data:"):
        return ("uri", url)
    head, encoded = url.removeprefix("data:").split(",", 1)
    return blob(head.split(";")[0], encoded)


def said(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts without empty texts."""
    return tuple(part for part in parts if part not in (("text", ""), ("thinking", "")))


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with neighbouring texts (and neighbouring thoughts) run together, as streams need."""
    run: list[Part] = []
    for part in parts:
        if run and part[0] in ("text", "thinking") and run[-1][0] == part[0]:
            run[-1] = (part[0], run[-1][1] + part[1])
        else:
            run.append(part)
    return said(run)


# Requests


def sent(dialect: str, request: dict[str, Any]) -> list[Message]:
    """The messages of a request body, instructions beside them left out (:func:`system`)."""
    if dialect == "openai.chat":
        return [(m["role"], said(_chat_parts(m))) for m in request.get("messages", [])]
    if dialect == "anthropic":
        return [(m["role"], said(_blocks(m["content"]))) for m in request.get("messages", [])]
    if dialect == "google":
        return [
            (_google_role(m), said(_google_part(part) for part in m["parts"]))
            for m in request.get("contents", [])
        ]
    items = request.get("input") or []
    if isinstance(items, str):
        return [("user", said([("text", items)]))]
    return [_item(item) for item in items]


def system(dialect: str, request: dict[str, Any]) -> str | None:
    """The instructions that travel beside the messages, white space evened out."""
    found: Any = {
        "openai.chat": None,
        "openai.responses": request.get("instructions"),
        "anthropic": request.get("system"),
        "google": (request.get("systemInstruction") or {}).get("parts"),
    }[dialect]
    if isinstance(found, list):
        found = "\n".join(block["text"] for block in found)
    return " ".join(found.split()) if found else None


def _chat_parts(message: dict[str, Any]) -> list[Part]:
    if message["role"] == "tool":
        return [("result", message.get("tool_call_id"), canonical(_text_of(message["content"])))]
    content = message.get("content")
    parts: list[Part] = []
    for item in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
        if item["type"] == "text":
            parts.append(("text", item["text"]))
        elif item["type"] == "image_url":
            parts.append(address(item["image_url"]["url"]))
        elif item["type"] == "input_audio":
            audio = item["input_audio"]
            parts.append(blob(f"audio/{audio['format']}", audio["data"]))
        else:
            parts.append(("other",))
    if message.get("refusal"):
        parts.append(("text", message["refusal"]))
    for call in message.get("tool_calls") or []:
        function = call["function"]
        parts.append(("call", call["id"], function["name"], canonical(function["arguments"])))
    if legacy := message.get("function_call"):
        parts.append(("call", None, legacy["name"], canonical(legacy["arguments"])))
    return parts


def _text_of(content: Any) -> Any:
    if isinstance(content, list) and all(item.get("type") == "text" for item in content):
        return "\n".join(item["text"] for item in content)
    return content


def _blocks(content: Any) -> list[Part]:
    parts: list[Part] = []
    for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        kind = block["type"]
        if kind == "text":
            parts.append(("text", block["text"]))
        elif kind == "thinking":
            parts.append(("thinking", block["thinking"]))
        elif kind == "tool_use":
            parts.append(("call", block["id"], block["name"], canonical(block["input"])))
        elif kind == "tool_result":
            result = canonical(_text_of(block.get("content")))
            parts.append(("result", block["tool_use_id"], result))
        elif kind == "image" and block["source"]["type"] == "base64":
            parts.append(blob(block["source"]["media_type"], block["source"]["data"]))
        elif kind == "image" and block["source"]["type"] == "url":
            parts.append(address(block["source"]["url"]))
        else:
            parts.append(("other",))
    return parts


def _google_role(content: dict[str, Any]) -> str:
    return {"model": "assistant"}.get(content.get("role") or "user", content.get("role") or "user")


def _google_part(part: dict[str, Any]) -> Part:
    if "text" in part:
        return ("thinking" if part.get("thought") else "text", part["text"])
    if call := part.get("functionCall"):
        return ("call", call.get("id"), call["name"], canonical(call.get("args") or {}))
    if result := part.get("functionResponse"):
        return ("result", result.get("id"), canonical(result.get("response")))
    if data := part.get("inlineData"):
        return blob(data.get("mimeType"), data["data"])
    if data := part.get("fileData"):
        return ("uri", data["fileUri"])
    return ("other",)


def _item(item: dict[str, Any]) -> Message:
    kind = item.get("type", "message")
    if kind == "message":
        content = item["content"]
        if isinstance(content, str):
            return (item["role"], said([("text", content)]))
        return (item["role"], said(_responses_part(part) for part in content))
    if kind == "function_call":
        arguments = canonical(item["arguments"])
        return ("assistant", (("call", item["call_id"], item["name"], arguments),))
    if kind == "function_call_output":
        return ("tool", (("result", item["call_id"], canonical(item["output"])),))
    if kind == "reasoning":
        return ("assistant", said(("thinking", part["text"]) for part in item.get("summary", [])))
    return ("assistant", (("other",),))


def _responses_part(part: dict[str, Any]) -> Part:
    kind = part["type"]
    if kind in ("input_text", "output_text"):
        return ("text", part["text"])
    if kind == "refusal":
        return ("text", part["refusal"])
    if kind == "input_image" and part.get("image_url"):
        return address(part["image_url"])
    return ("other",)


# Replies


def replied(dialect: str, body: str, streamed: bool) -> Reply:
    """What a successful response says; of a stream cut short, as much as arrived whole."""
    if streamed:
        events = _events(body)
        return {
            "openai.chat": _chat_stream,
            "openai.responses": _responses_stream,
            "anthropic": _anthropic_stream,
            "google": _google_stream,
        }[dialect](events)
    whole = json.loads(body)
    if dialect == "openai.chat":
        return _chat_reply(whole)
    if dialect == "openai.responses":
        return _responses_reply(whole)
    return _anthropic_reply(whole) if dialect == "anthropic" else _google_stream([whole])


def _events(body: str) -> list[dict[str, Any]]:
    found = []
    for line in body.splitlines():
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data and data != "[DONE]":
            found.append(json.loads(data))
    return found


def _chat_reply(body: dict[str, Any]) -> Reply:
    usage = body.get("usage") or {}
    return Reply(
        [("assistant", said(_chat_parts(choice["message"]))) for choice in body["choices"]],
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


def _responses_reply(body: dict[str, Any]) -> Reply:
    usage = body.get("usage") or {}
    return Reply(
        [_item(item) for item in body["output"]],
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
    return Reply(
        [("assistant", said(_blocks(body["content"])))],
        body.get("id"),
        body.get("model"),
        [body["stop_reason"]] if body.get("stop_reason") else [],
        usage.get("input_tokens"),
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


def _google_stream(events: list[dict[str, Any]]) -> Reply:
    reply = Reply()
    parts: dict[int, list[Part]] = {}
    finish: dict[int, str] = {}
    for event in events:
        reply.id = event.get("responseId") or reply.id
        reply.model = event.get("modelVersion") or reply.model
        usage = event.get("usageMetadata") or {}
        reply.input_tokens = usage.get("promptTokenCount", reply.input_tokens)
        reply.output_tokens = usage.get("candidatesTokenCount", reply.output_tokens)
        for candidate in event.get("candidates", []):
            index = candidate.get("index", 0)
            found = candidate.get("content", {}).get("parts", [])
            parts.setdefault(index, []).extend(_google_part(part) for part in found)
            if candidate.get("finishReason"):
                finish[index] = candidate["finishReason"]
    reply.messages = [("assistant", joined(parts[index])) for index in sorted(parts)]
    reply.finish = [finish[index] for index in sorted(finish)]
    return reply


# What is stored


def stored(part: dict[str, Any]) -> Part:
    """A stored part in this module's form."""
    kind = part.get("type")
    if kind in ("text", "reasoning"):
        return ("text" if kind == "text" else "thinking", part["content"])
    if kind == "tool_call":
        return ("call", part.get("id"), part["name"], canonical(part["arguments"]))
    if kind == "tool_call_response":
        return ("result", part.get("id"), canonical(part["response"]))
    if kind == "blob":
        return ("blob", part["mime_type"], part["size"], part["sha256"])
    if kind == "uri":
        return ("uri", part["uri"])
    return ("file", part["file_id"]) if kind == "file" else ("other",)


def flat(messages: Iterable[Message]) -> list[tuple[str, Part]]:
    """Parts in order, each with its role: for formats whose items are not messages (Responses)."""
    return [(role, part) for role, parts in messages for part in parts]

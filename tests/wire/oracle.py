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
import re
from collections.abc import Iterable
from typing import Any

Part = tuple[Any, ...]
Message = tuple[str, tuple[Part, ...]]


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


def sent(dialect: str, request: dict[str, Any]) -> list[Message]:
    """The messages of a request body, instructions beside them left out (:func:`system`)."""
    if dialect == "openai.chat":
        return [(m["role"], said(chat_parts(m))) for m in request.get("messages", [])]
    if dialect == "openai.completions":
        return [("user", said([prompt])) for prompt in _prompts(request.get("prompt"))]
    if dialect in ("anthropic", "bedrock.invoke"):
        return [(m["role"], said(blocks(m["content"]))) for m in request.get("messages", [])]
    if dialect == "bedrock.converse":
        return [(m["role"], said(map(converse_part, m["content"]))) for m in request["messages"]]
    if dialect == "google":
        return [
            (_google_role(m), said(google_part(part) for part in m["parts"]))
            for m in request.get("contents", [])
        ]
    if dialect == "xai":
        return [xai_message(m, m.get("content", [])) for m in request.get("messages", [])]
    if dialect == "google.interactions":
        return interaction_input(request.get("input") or [])
    items = request.get("input") or []
    if isinstance(items, str):
        return [("user", said([("text", items)]))]
    return [item_message(item) for item in items]


def _prompts(given: Any) -> list[Part]:
    if isinstance(given, str):
        return [("text", given)]
    if given and isinstance(given[0], int):
        return [("other",)]
    return [("text", item) if isinstance(item, str) else ("other",) for item in given or []]


def system(dialect: str, request: dict[str, Any]) -> str | None:
    """The instructions that travel beside the messages, white space evened out."""
    found: Any = {
        "openai.chat": None,
        "openai.completions": None,
        "openai.responses": request.get("instructions"),
        "anthropic": request.get("system"),
        "bedrock.invoke": request.get("system"),
        "bedrock.converse": request.get("system"),
        "google": (request.get("systemInstruction") or {}).get("parts"),
        "google.interactions": request.get("system_instruction"),
        "xai": None,
    }[dialect]
    if isinstance(found, list):
        found = "\n".join(block["text"] for block in found)
    return " ".join(found.split()) if found else None


def chat_parts(message: dict[str, Any]) -> list[Part]:
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


def blocks(content: Any) -> list[Part]:
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


def converse_part(block: dict[str, Any]) -> Part:
    ((kind, value),) = block.items()
    if kind == "text":
        return ("text", value)
    if kind == "reasoningContent" and "reasoningText" in value:
        return ("thinking", value["reasoningText"]["text"])
    if kind == "toolUse":
        return ("call", value["toolUseId"], value["name"], canonical(value["input"]))
    if kind == "toolResult":
        texts = [item["text"] for item in value["content"] if "text" in item]
        result = "\n".join(texts) if len(texts) == len(value["content"]) else value["content"]
        return ("result", value["toolUseId"], canonical(result))
    if kind == "image" and "bytes" in value["source"]:
        return blob(f"image/{value['format']}", value["source"]["bytes"])
    return ("other",)


def _google_role(content: dict[str, Any]) -> str:
    return {"model": "assistant"}.get(content.get("role") or "user", content.get("role") or "user")


def google_part(given: dict[str, Any]) -> Part:
    part = _camel(given)
    if "text" in part:
        return ("thinking" if part.get("thought") else "text", part["text"])
    if call := part.get("functionCall"):
        return ("call", call.get("id"), call["name"], canonical(call.get("args") or {}))
    if result := part.get("functionResponse"):
        return ("result", result.get("id"), canonical(result.get("response")))
    if code := part.get("executableCode"):
        written = {"language": code.get("language"), "code": code.get("code")}
        return ("call", code.get("id"), "code_execution", canonical(written))
    if ran := part.get("codeExecutionResult"):
        output = {"outcome": ran.get("outcome"), "output": ran.get("output")}
        return ("result", ran.get("id"), canonical(output))
    if data := part.get("inlineData"):
        return blob(data.get("mimeType"), data["data"])
    if data := part.get("fileData"):
        return ("uri", data["fileUri"])
    return ("other",)


def _camel(part: dict[str, Any]) -> dict[str, Any]:
    """A part with camel-case keys, two levels deep: Google's SDK sends either spelling."""

    def spelt(mapping: dict[str, Any]) -> dict[str, Any]:
        return {re.sub("_([a-z])", lambda m: m[1].upper(), key): mapping[key] for key in mapping}

    return {k: spelt(v) if isinstance(v, dict) else v for k, v in spelt(part).items()}


def interaction_input(given: Any) -> list[Message]:
    """The messages of an interaction's input: a text, contents or steps."""
    if isinstance(given, str):
        given = [{"type": "text", "text": given}]
    if given and given[0]["type"] in ("text", "image", "audio", "video", "document"):
        given = [{"type": "user_input", "content": given}]
    return [(_step_role(step), said(step_parts(step))) for step in given]


def _step_role(step: dict[str, Any]) -> str:
    return {"user_input": "user", "function_result": "tool"}.get(step["type"], "assistant")


def step_parts(step: dict[str, Any]) -> list[Part]:
    kind = step["type"]
    if kind == "thought":
        return [("thinking", content["text"]) for content in step.get("summary", [])]
    if kind == "function_call":
        return [("call", step["id"], step["name"], canonical(step["arguments"]))]
    if kind == "function_result":
        return [("result", step["call_id"], canonical(_text_of(step["result"])))]
    if kind not in ("user_input", "model_output"):
        return [("other",)]
    parts: list[Part] = []
    for content in step.get("content", []):
        if content["type"] == "text":
            parts.append(("text", content["text"]))
        elif content.get("data"):
            parts.append(blob(content.get("mime_type"), content["data"]))
        else:
            parts.append(("uri", content["uri"]))
    return parts


def item_message(item: dict[str, Any]) -> Message:
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


def xai_message(message: dict[str, Any], content: list[dict[str, Any]]) -> Message:
    role = message.get("role", "ROLE_USER").removeprefix("ROLE_").lower()
    if role == "tool":
        result = "\n".join(item["text"] for item in content)
        call_id = message.get("tool_call_id") or message["tool_calls"][0]["id"]
        return (role, (("result", call_id, canonical(result)),))
    parts: list[Part] = [("thinking", message.get("reasoning_content", ""))]
    for item in content:
        if "text" in item:
            parts.append(("text", item["text"]))
        elif "image_url" in item:
            parts.append(address(item["image_url"]["image_url"]))
        else:
            parts.append(("other",))
    for call in message.get("tool_calls", []):
        function = call["function"]
        parts.append(("call", call["id"], function["name"], canonical(function["arguments"])))
    return (role, said(parts))


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

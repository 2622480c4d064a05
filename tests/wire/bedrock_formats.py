"""Bedrock's formats: ``Converse``, Claude's bodies through ``InvokeModel``, AWS's event streams."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from wire.anthropic_messages import anthropic_stream
from wire.common import Json, pieces
from wire.replies import Answer, Choice

EVENT_STREAM = "application/vnd.amazon.eventstream"


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of an event stream."""
    packed = b""
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        packed += struct.pack("!B", len(key)) + key + struct.pack("!BH", 7, len(text)) + text
    prelude = struct.pack("!II", 12 + len(packed) + len(payload) + 4, len(packed))
    prelude += struct.pack("!I", crc32(prelude))
    message = prelude + packed + payload
    return message + struct.pack("!I", crc32(message))


def event(name: str, body: Json) -> bytes:
    """An event, padded as Bedrock pads them."""
    headers = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return frame(headers, json.dumps({**body, "p": "abcdefgh"}, ensure_ascii=False).encode())


def chunk(body: Json) -> bytes:
    """An event of a model's own, as ``InvokeModelWithResponseStream`` wraps it."""
    inner = json.dumps(body, ensure_ascii=False).encode()
    return event("chunk", {"bytes": base64.b64encode(inner).decode()})


def bedrock_stream_error(message: str) -> bytes:
    headers = {
        ":exception-type": "modelStreamErrorException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return frame(headers, json.dumps({"message": message}).encode())


def bedrock_error(status: int, message: str) -> Json:
    return {"message": message}


def bedrock_headers(status: int) -> dict[str, str]:
    names = {400: "ValidationException", 429: "ThrottlingException"}
    # The wait before a retry, in milliseconds.
    return {
        "x-amzn-errortype": names.get(status, "InternalServerException"),
        "x-amz-retry-after": "1",
    }


def converse_blocks(choice: Choice) -> list[Json]:
    blocks: list[Json] = []
    if choice.thinking is not None:
        thought = {"text": choice.thinking, "signature": "c2ln"}
        blocks.append({"reasoningContent": {"reasoningText": thought}})
    if choice.text is not None:
        blocks.append({"text": choice.text})
    blocks += [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}}
        for call in choice.tool_calls
    ]
    return blocks


def _usage(answer: Answer) -> Json:
    total = answer.input_tokens + answer.output_tokens
    return {
        "inputTokens": answer.input_tokens,
        "outputTokens": answer.output_tokens,
        "totalTokens": total,
    }


def _reason(choice: Choice) -> str:
    return choice.finish or ("tool_use" if choice.tool_calls else "end_turn")


def converse_body(answer: Answer, asked: str) -> Json:
    choice = answer.choices[0]
    return {
        "metrics": {"latencyMs": 350},
        "output": {"message": {"content": converse_blocks(choice), "role": "assistant"}},
        "stopReason": _reason(choice),
        "usage": _usage(answer),
    }


def _deltas(block: Json, count: int) -> Iterator[Json]:
    if "toolUse" in block:
        for piece in pieces(json.dumps(block["toolUse"]["input"]), count):
            yield {"toolUse": {"input": piece}}
    elif "reasoningContent" in block:
        thought = block["reasoningContent"]["reasoningText"]
        for piece in pieces(thought["text"], count):
            yield {"reasoningContent": {"text": piece}}
        yield {"reasoningContent": {"signature": thought["signature"]}}
    else:
        for piece in pieces(block["text"], count):
            yield {"text": piece}


def converse_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    choice = answer.choices[0]
    yield event("messageStart", {"role": "assistant"})
    for index, block in enumerate(converse_blocks(choice)):
        at = {"contentBlockIndex": index}
        if use := block.get("toolUse"):
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            yield event("contentBlockStart", {**at, "start": start})
        for delta in _deltas(block, answer.pieces):
            yield event("contentBlockDelta", {**at, "delta": delta})
        yield event("contentBlockStop", at)
    yield event("messageStop", {"stopReason": _reason(choice)})
    yield event("metadata", {"metrics": {"latencyMs": 350}, "usage": _usage(answer)})


def invoke_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    for item in anthropic_stream(answer, asked):
        if item["type"] == "message_stop":
            item = {**item, "amazon-bedrock-invocationMetrics": _metrics(answer)}
        yield chunk(item)


def _metrics(answer: Answer) -> Json:
    return {
        "inputTokenCount": answer.input_tokens,
        "outputTokenCount": answer.output_tokens,
        "invocationLatency": 350,
        "firstByteLatency": 120,
    }


def joined(*events: Any) -> bytes:
    """A recorded stream of a model's own events, for ``Answer.raw``."""
    return b"".join(chunk(item) for item in events)

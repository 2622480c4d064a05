"""Anthropic's messages format."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wire.common import Json, answering_model, pieces, sse
from wire.replies import Answer, Choice


def _anthropic_blocks(choice: Choice) -> list[Json]:
    blocks: list[Json] = []
    if choice.thinking is not None:
        blocks.append({"type": "thinking", "thinking": choice.thinking, "signature": "c2ln"})
    if choice.text is not None:
        blocks.append({"type": "text", "text": choice.text, "citations": None})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        for call in choice.tool_calls
    ]
    return blocks


def anthropic_body(answer: Answer, asked: str) -> Json:
    choice = answer.choices[0]
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answering_model(answer, asked),
        "content": _anthropic_blocks(choice),
        "stop_reason": choice.finish or ("tool_use" if choice.tool_calls else "end_turn"),
        "stop_sequence": None,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens},
    }


def _anthropic_deltas(block: Json, count: int) -> tuple[Json, list[Json]]:
    """A block as it opens, and the deltas that fill it."""
    if block["type"] == "tool_use":
        deltas = [
            {"type": "input_json_delta", "partial_json": piece}
            for piece in pieces(json.dumps(block["input"]), count)
        ]
        return {**block, "input": {}}, deltas
    kind = block["type"]
    deltas = [{"type": f"{kind}_delta", kind: piece} for piece in pieces(block[kind], count)]
    if kind == "thinking":
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", "signature": ""}, deltas
    return {**block, "text": ""}, deltas


def anthropic_stream(answer: Answer, asked: str) -> Iterator[Json]:
    """The events of a streamed message, not yet in anybody's framing."""
    body = anthropic_body(answer, asked)
    usage = {**body["usage"], "output_tokens": 1}
    opened = {**body, "content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": opened}
    yield {"type": "ping"}
    for index, block in enumerate(body["content"]):
        start, deltas = _anthropic_deltas(block, answer.pieces)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": body["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": body["usage"]}
    yield {"type": "message_stop"}


def anthropic_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    for event in anthropic_stream(answer, asked):
        yield sse(event, event["type"])


def anthropic_error(status: int, message: str) -> Json:
    kinds = {400: "invalid_request_error", 429: "rate_limit_error"}
    return {
        "type": "error",
        "error": {"type": kinds.get(status, "api_error"), "message": message},
        "request_id": "req_0",
    }

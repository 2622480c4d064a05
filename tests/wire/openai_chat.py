"""OpenAI's chat completions format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from wire.common import CREATED, Json, answering_model, pieces, sse
from wire.replies import Answer, Choice


def _chat_finish(choice: Choice) -> str:
    return choice.finish or ("tool_calls" if choice.tool_calls else "stop")


def _chat_usage(answer: Answer) -> Json:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def _chat_message(choice: Choice) -> Json:
    message: Json = {"role": "assistant", "content": choice.text, "refusal": choice.refusal}
    if choice.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in choice.tool_calls
        ]
    return message


def chat_body(answer: Answer, asked: str) -> Json:
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": answering_model(answer, asked),
        "choices": [
            {
                "index": index,
                "message": _chat_message(choice),
                "logprobs": None,
                "finish_reason": _chat_finish(choice),
            }
            for index, choice in enumerate(answer.choices)
        ],
        "usage": _chat_usage(answer),
    }


def _chat_deltas(choice: Choice, count: int) -> Iterator[Json]:
    yield {"role": "assistant", "content": "" if choice.text is not None else None}
    for name, text in (("content", choice.text), ("refusal", choice.refusal)):
        for piece in pieces(text or "", count):
            yield {name: piece}
    for index, call in enumerate(choice.tool_calls):
        head = {"name": call.name, "arguments": ""}
        yield {
            "tool_calls": [{"index": index, "id": call.id, "type": "function", "function": head}]
        }
        for piece in pieces(json.dumps(call.arguments), count):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def chat_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    def chunk(choices: list[Json], **more: Any) -> bytes:
        return sse(
            {
                "id": answer.id,
                "object": "chat.completion.chunk",
                "created": CREATED,
                "model": answering_model(answer, asked),
                "choices": choices,
                **more,
            }
        )

    for index, choice in enumerate(answer.choices):
        for delta in _chat_deltas(choice, answer.pieces):
            yield chunk([{"index": index, "delta": delta, "finish_reason": None}])
        yield chunk([{"index": index, "delta": {}, "finish_reason": _chat_finish(choice)}])
    if (request.get("stream_options") or {}).get("include_usage"):
        yield chunk([], usage=_chat_usage(answer))
    yield sse("[DONE]")


def openai_error(status: int, message: str) -> Json:
    return {"error": {"message": message, "type": "wire_error", "param": None, "code": str(status)}}

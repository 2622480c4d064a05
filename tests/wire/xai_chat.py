"""xAI's chat format: its protocol buffers' JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wire.common import Json, answering_model, pieces, sse
from wire.replies import Answer, Choice


def _finish(choice: Choice) -> str:
    return choice.finish or ("REASON_TOOL_CALLS" if choice.tool_calls else "REASON_STOP")


def _tool_calls(choice: Choice) -> list[Json]:
    return [
        {
            "id": call.id,
            "type": "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL",
            "status": "TOOL_CALL_STATUS_COMPLETED",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for call in choice.tool_calls
    ]


def _head(answer: Answer, asked: str) -> Json:
    return {"id": answer.id, "model": answering_model(answer, asked)}


def _usage(answer: Answer) -> Json:
    reasoning = 3 if any(choice.thinking for choice in answer.choices) else 0
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "reasoning_tokens": reasoning,
        "total_tokens": answer.input_tokens + answer.output_tokens + reasoning,
    }


def xai_body(answer: Answer, asked: str) -> Json:
    outputs = [
        {
            "index": index,
            "finish_reason": _finish(choice),
            "message": {
                "role": "ROLE_ASSISTANT",
                "content": choice.text or "",
                "reasoning_content": choice.thinking or "",
                "tool_calls": _tool_calls(choice),
            },
        }
        for index, choice in enumerate(answer.choices)
    ]
    return {**_head(answer, asked), "outputs": outputs, "usage": _usage(answer)}


def xai_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    def chunk(index: int, delta: Json, **more: object) -> bytes:
        output = {"index": index, "delta": {"role": "ROLE_ASSISTANT", **delta}, **more}
        # Counts are of the whole so far, on every chunk.
        return sse({**_head(answer, asked), "outputs": [output], "usage": _usage(answer)})

    for index, choice in enumerate(answer.choices):
        for name, text in (("reasoning_content", choice.thinking), ("content", choice.text)):
            for piece in pieces(text or "", answer.pieces):
                yield chunk(index, {name: piece})
        for call in _tool_calls(choice):
            yield chunk(index, {"tool_calls": [call]})
        yield chunk(index, {}, finish_reason=_finish(choice))


def xai_error(status: int, message: str) -> Json:
    return {"error": {"code": status, "message": message}}

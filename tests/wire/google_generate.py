"""Google's generateContent format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wire.common import Json, answering_model, pieces, sse
from wire.replies import Answer, Choice


def _google_parts(choice: Choice) -> list[Json]:
    parts: list[Json] = []
    if choice.thinking is not None:
        parts.append({"text": choice.thinking, "thought": True})
    if choice.text is not None:
        parts.append({"text": choice.text})
    parts += [
        {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}
        for call in choice.tool_calls
    ]
    return parts


def _google_chunk(answer: Answer, asked: str, candidates: list[Json], output: int) -> Json:
    return {
        "candidates": candidates,
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": output,
            "totalTokenCount": answer.input_tokens + output,
        },
        "modelVersion": answering_model(answer, asked),
        "responseId": answer.id,
    }


def google_body(answer: Answer, asked: str) -> Json:
    candidates = [
        {
            "index": index,
            "content": {"role": "model", "parts": _google_parts(choice)},
            "finishReason": choice.finish or "STOP",
        }
        for index, choice in enumerate(answer.choices)
    ]
    return _google_chunk(answer, asked, candidates, answer.output_tokens)


def google_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    def chunk(index: int, parts: list[Json], output: int, **more: Any) -> bytes:
        candidate = {"index": index, "content": {"role": "model", "parts": parts}, **more}
        return sse(_google_chunk(answer, asked, [candidate], output), end="\r\n\r\n")

    for index, choice in enumerate(answer.choices):
        for part in _google_parts(choice):
            if "text" not in part:
                yield chunk(index, [part], 1)
                continue
            for piece in pieces(part["text"], answer.pieces):
                yield chunk(index, [{**part, "text": piece}], 1)
        yield chunk(
            index, [{"text": ""}], answer.output_tokens, finishReason=choice.finish or "STOP"
        )


def google_error(status: int, message: str) -> Json:
    names = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}
    name = names.get(status, "INTERNAL")
    return {"error": {"code": status, "message": message, "status": name}}

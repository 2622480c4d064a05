"""OpenAI's completions before there was chat."""

from __future__ import annotations

from collections.abc import Iterator

from wire.common import CREATED, Json, answering_model, pieces, sse
from wire.replies import Answer


def _body(answer: Answer, asked: str, choices: list[Json]) -> Json:
    return {
        "id": answer.id,
        "object": "text_completion",
        "created": CREATED,
        "model": answering_model(answer, asked),
        "choices": choices,
    }


def _usage(answer: Answer) -> Json:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def _choice(index: int, text: str, finish: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


def completions_body(answer: Answer, asked: str) -> Json:
    choices = [
        _choice(index, choice.text or "", choice.finish or "stop")
        for index, choice in enumerate(answer.choices)
    ]
    return {**_body(answer, asked, choices), "usage": _usage(answer)}


def completions_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    for index, choice in enumerate(answer.choices):
        for piece in pieces(choice.text or "", answer.pieces):
            yield sse(_body(answer, asked, [_choice(index, piece, None)]))
        yield sse(_body(answer, asked, [_choice(index, "", choice.finish or "stop")]))
    if (request.get("stream_options") or {}).get("include_usage"):
        yield sse({**_body(answer, asked, []), "usage": _usage(answer)})
    yield sse("[DONE]")

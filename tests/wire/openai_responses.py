"""OpenAI's Responses format."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wire.common import CREATED, Json, answering_model, pieces, sse
from wire.replies import Answer, Choice


def _responses_output(choice: Choice) -> list[Json]:
    items: list[Json] = []
    if choice.text is not None or choice.refusal is not None:
        content: list[Json] = []
        if choice.text is not None:
            content.append({"type": "output_text", "text": choice.text, "annotations": []})
        if choice.refusal is not None:
            content.append({"type": "refusal", "refusal": choice.refusal})
        items.append(
            {
                "id": "msg_0",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": content,
            }
        )
    items += [
        {
            "id": f"fc_{index}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": json.dumps(call.arguments),
        }
        for index, call in enumerate(choice.tool_calls)
    ]
    return items


def responses_body(answer: Answer, asked: str) -> Json:
    return {
        "id": answer.id,
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": answering_model(answer, asked),
        "output": [item for choice in answer.choices for item in _responses_output(choice)],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
    }


def _part_events(part: Json, place: Json, count: int) -> Iterator[Json]:
    """The events of one content part, from added to done."""
    name, key = ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
    extra: Json = {"logprobs": []} if name == "output_text" else {}
    yield {"type": "response.content_part.added", **place, "part": {**part, key: ""}}
    for piece in pieces(part[key], count):
        yield {"type": f"response.{name}.delta", **place, "delta": piece, **extra}
    yield {"type": f"response.{name}.done", **place, key: part[key], **extra}
    yield {"type": "response.content_part.done", **place, "part": part}


def _item_events(item: Json, index: int, count: int) -> Iterator[Json]:
    place: Json = {"item_id": item["id"], "output_index": index}
    is_call = item["type"] == "function_call"
    empty = {"arguments": ""} if is_call else {"content": []}
    opened = {**item, "status": "in_progress", **empty}
    yield {"type": "response.output_item.added", "output_index": index, "item": opened}
    if is_call:
        for piece in pieces(item["arguments"], count):
            yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        yield {
            "type": "response.function_call_arguments.done",
            **place,
            "name": item["name"],
            "arguments": item["arguments"],
        }
    else:
        for number, part in enumerate(item["content"]):
            yield from _part_events(part, {**place, "content_index": number}, count)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def responses_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    done = responses_body(answer, asked)
    opened = {**done, "status": "in_progress", "output": [], "usage": None}

    def run() -> Iterator[Json]:
        yield {"type": "response.created", "response": opened}
        yield {"type": "response.in_progress", "response": opened}
        for index, item in enumerate(done["output"]):
            yield from _item_events(item, index, answer.pieces)
        yield {"type": "response.completed", "response": done}

    for number, event in enumerate(run()):
        yield sse({**event, "sequence_number": number}, event["type"])


def responses_stream_error(message: str) -> bytes:
    event = {"type": "error", "code": "server_error", "message": message, "param": None}
    return sse({**event, "sequence_number": 99}, "error")

"""OpenAI's Responses format."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wire.common import CREATED, Json, answering_model, pieces, sse
from wire.replies import Answer, Choice


def _responses_output(choice: Choice) -> list[Json]:
    items: list[Json] = list(choice.items)
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
    finish = answer.choices[0].finish
    failed = finish == "failed"
    cut_short = finish if finish and not failed else None
    return {
        "id": answer.id,
        "object": "response",
        "created_at": CREATED,
        "status": "failed" if failed else "incomplete" if cut_short else "completed",
        "background": False,
        "error": {"code": "server_error", "message": answer.error} if failed else None,
        "incomplete_details": {"reason": cut_short} if cut_short else None,
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


_GROWING = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}
"""Which field of an item comes in pieces, and under which name."""
_COMES_LAST = ("results", "outputs", "output", "result", "encrypted_content")


def _item_events(item: Json, index: int, count: int) -> Iterator[Json]:
    place: Json = {"item_id": item["id"], "output_index": index}
    field, name = _GROWING.get(item["type"], (None, ""))
    empty: Json = {field: ""} if field else {}
    if item["type"] in ("message", "reasoning"):
        empty = {"content": []} if item["type"] == "message" else {"summary": []}
    begun = {key: value for key, value in item.items() if key not in _COMES_LAST}
    opened = {**begun, "status": "in_progress", **empty}
    yield {"type": "response.output_item.added", "output_index": index, "item": opened}
    if field:
        for piece in pieces(item[field], count):
            yield {"type": f"response.{name}.delta", **place, "delta": piece}
        done = {"name": item["name"]} if item["type"] == "function_call" else {}
        yield {"type": f"response.{name}.done", **place, **done, field: item[field]}
    elif item["type"] == "message":
        for number, part in enumerate(item["content"]):
            yield from _part_events(part, {**place, "content_index": number}, count)
    elif item["type"] == "reasoning":
        for number, part in enumerate(item["summary"]):
            for piece in pieces(part["text"], count):
                where = {**place, "summary_index": number}
                yield {"type": "response.reasoning_summary_text.delta", **where, "delta": piece}
    elif item["type"].endswith("_call"):
        yield {"type": f"response.{item['type']}.in_progress", **place}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def unfinished(done: Json, status: str) -> Json:
    """A response of which no more than a status is known yet."""
    empty = {"output": [], "usage": None, "error": None, "incomplete_details": None}
    return {**done, "status": status, **empty}


def responses_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    done = responses_body(answer, asked) | {"background": bool(request.get("background"))}
    opened = unfinished(done, "queued" if done["background"] else "in_progress")

    def run() -> Iterator[Json]:
        yield {"type": "response.created", "response": opened}
        yield {"type": "response.in_progress", "response": opened}
        for index, item in enumerate(done["output"]):
            yield from _item_events(item, index, answer.pieces)
        yield {"type": f"response.{done['status']}", "response": done}

    for number, event in enumerate(run()):
        yield sse({**event, "sequence_number": number}, event["type"])


def responses_stream_error(message: str) -> bytes:
    event = {"type": "error", "code": "server_error", "message": message, "param": None}
    return sse({**event, "sequence_number": 99}, "error")

"""Google's Interactions format."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wire.common import Json, answering_model, pieces, sse
from wire.replies import Answer, Choice


def _steps(choice: Choice) -> list[Json]:
    steps: list[Json] = []
    if choice.thinking is not None:
        summary = [{"type": "text", "text": choice.thinking}]
        steps.append({"type": "thought", "summary": summary, "signature": "c2ln"})
    if choice.text is not None:
        content = [{"type": "text", "text": choice.text}]
        steps.append({"type": "model_output", "content": content})
    steps += [
        {"type": "function_call", "id": call.id, "name": call.name, "arguments": call.arguments}
        for call in choice.tool_calls
    ]
    return steps


def _interaction(answer: Answer, asked: str, status: str) -> Json:
    return {
        "id": answer.id,
        "object": "interaction",
        "model": answering_model(answer, asked),
        "status": status,
        "created": "2026-09-22T00:00:00Z",
        "updated": "2026-09-22T00:00:00Z",
    }


def _ended(answer: Answer, asked: str) -> Json:
    choice = answer.choices[0]
    status = choice.finish or ("requires_action" if choice.tool_calls else "completed")
    thoughts = 3 if choice.thinking else 0
    usage = {
        "total_input_tokens": answer.input_tokens,
        "total_output_tokens": answer.output_tokens,
        "total_thought_tokens": thoughts,
        "total_tokens": answer.input_tokens + answer.output_tokens + thoughts,
    }
    return {**_interaction(answer, asked, status), "usage": usage}


def interactions_body(answer: Answer, asked: str) -> Json:
    return {**_ended(answer, asked), "steps": _steps(answer.choices[0])}


def _step_events(step: Json, index: int, count: int) -> Iterator[Json]:
    """The events of one step, from its start to its stop."""
    kind = step["type"]
    if kind == "function_call":
        opened = {**step, "arguments": {}}
        deltas = [
            {"type": "arguments_delta", "arguments": piece}
            for piece in pieces(json.dumps(step["arguments"]), count)
        ]
    elif kind == "thought":
        opened = {"type": kind}
        said = [{"type": "text", "text": it} for it in pieces(step["summary"][0]["text"], count)]
        deltas = [{"type": "thought_summary", "content": content} for content in said]
        deltas.append({"type": "thought_signature", "signature": step["signature"]})
    else:
        opened = {"type": kind}
        deltas = [{"type": "text", "text": it} for it in pieces(step["content"][0]["text"], count)]
    yield {"event_type": "step.start", "index": index, "step": opened}
    for delta in deltas:
        yield {"event_type": "step.delta", "index": index, "delta": delta}
    yield {"event_type": "step.stop", "index": index}


def interactions_events(answer: Answer, asked: str, request: Json) -> Iterator[bytes]:
    def run() -> Iterator[Json]:
        opened = _interaction(answer, asked, "in_progress")
        yield {"event_type": "interaction.created", "interaction": opened}
        status = {"interaction_id": answer.id, "status": "in_progress"}
        yield {"event_type": "interaction.status_update", **status}
        for index, step in enumerate(_steps(answer.choices[0])):
            yield from _step_events(step, index, answer.pieces)
        yield {"event_type": "interaction.completed", "interaction": _ended(answer, asked)}

    for event in run():
        yield sse(event, event["event_type"])
    yield sse("[DONE]", "done")


def interactions_error(status: int, message: str) -> Json:
    codes = {400: "invalid_request", 429: "rate_limit_exceeded"}
    return {"error": {"code": codes.get(status, "internal_error"), "message": message}}


def interactions_stream_error(message: str) -> bytes:
    return sse({"event_type": "error", **interactions_error(500, message)}, "error")

"""OpenAI's Responses API, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memori_instrumentation.capture.reading import (
    Api,
    Assembled,
    Json,
    Reply,
    Request,
    chosen,
    counts,
    items,
    mapping,
    number,
    string,
    text_part,
)
from memori_instrumentation.providers._openai_items import content_part, messages_of
from memori_storage.records import Message

PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "stream": "gen_ai.request.stream",
    "service_tier": "openai.request.service_tier",
}
_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_tokens_details.cached_tokens": "cache_read_tokens",
    "output_tokens_details.reasoning_tokens": "reasoning_tokens",
}


def read_request(body: Json) -> Request:
    given = body.get("input")
    if isinstance(given, str):
        messages = [Message("user", [text_part(given)])]
    else:
        messages = messages_of(items(given))
    instructions = body.get("instructions")
    if not isinstance(instructions, str):
        instructions = "\n".join(message.text for message in messages_of(items(instructions)))
    conversation = body.get("conversation")
    return Request(
        messages=[*_template(mapping(body.get("prompt"))), *messages],
        model=string(body.get("model")),
        system=instructions or None,
        previous_response_id=string(body.get("previous_response_id")),
        conversation_id=string(conversation) or string(mapping(conversation).get("id")),
        later=body.get("background") is True,
        attributes=chosen(body, PARAMETERS),
    )


def _template(prompt: Json) -> list[Message]:
    """A prompt that the provider keeps, by its id, and what is filled in."""
    if not prompt:
        return []
    filled = mapping(prompt.get("variables"))
    part = {
        "type": "prompt",
        "id": string(prompt.get("id")),
        "version": string(prompt.get("version")),
        "variables": {
            name: value if isinstance(value, str) else content_part(mapping(value))
            for name, value in filled.items()
        },
    }
    return [Message("developer", [part])]


_PENDING = frozenset({"queued", "in_progress"})
_ANSWERED = frozenset({"completed", "incomplete", "response.completed", "response.incomplete"})
"""Statuses, and events, of an answer that came to its end; "incomplete" is one that ended for a
reason of the model's."""


def read_reply(body: Json) -> Reply:
    status = string(body.get("status"))
    pending = status in _PENDING
    reason = string(mapping(body.get("incomplete_details")).get("reason"))
    if reason is None and not pending:
        reason = status
    messages = messages_of(items(body.get("output")))
    failure = mapping(body.get("error"))
    return Reply(
        messages=[Message(m.role, m.parts, reason) for m in messages],
        model=string(body.get("model")),
        id=string(body.get("id")),
        finish_reasons=[reason] if reason else [],
        usage=counts(body.get("usage"), _USAGE),
        complete=status in _ANSWERED or (status is None and bool(messages)),
        pending=pending,
        error=(str(failure.get("code")), str(failure.get("message"))) if failure else None,
    )


_BEGUN = frozenset({"response.created", "response.queued", "response.in_progress"})
_FINAL = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.done"}
)


def assemble(events: Iterable[Json]) -> Assembled:
    """The final event's response; of a stream cut short, what its events had brought."""
    body: dict[str, Any] = {}
    items_so_far: dict[int, _Item] = {}
    error: tuple[str, str] | None = None
    complete = False
    for event in events:
        kind = str(event.get("type"))
        if kind in _FINAL:
            body = dict(mapping(event.get("response")))
            complete = kind in _ANSWERED or string(body.get("status")) in _ANSWERED
            break
        if kind == "error":
            failure = mapping(event.get("error")) or event
            error = (str(failure.get("code") or "error"), str(failure.get("message")))
        elif kind in _BEGUN:
            body = dict(mapping(event.get("response")))
        else:
            items_so_far.setdefault(number(event.get("output_index")), _Item()).take(kind, event)
    if not body.get("output"):
        body["output"] = [items_so_far[index].whole() for index in sorted(items_so_far)]
    return Assembled(body, complete, error)


_TEXT = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        # What is spoken, in the words of today's APIs and of those before.
        "response.audio.transcript.delta",
        "response.output_audio_transcript.delta",
        "response.audio_transcript.delta",
        "response.text.delta",
    }
)
_THOUGHT = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_COMMAND = "response.shell_call_command.delta"
_FIELDS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
"""Which field of its item a delta goes on."""
_KNOWN = _TEXT | _THOUGHT | _FIELDS.keys() | {_COMMAND}


class _Item:
    """One output item as the events of a stream build it up."""

    def __init__(self) -> None:
        self._item: dict[str, Any] = {}
        self._deltas: dict[tuple[str, int], str] = {}

    def take(self, kind: str, event: Json) -> None:
        """Add what one event brought."""
        delta = event.get("delta")
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._item = dict(mapping(event.get("item")))
            if kind.endswith("done"):
                self._deltas.clear()
        elif kind in _KNOWN and isinstance(delta, str):
            index = event.get("content_index", event.get("summary_index"))
            place = kind, number(event.get("command_index") if kind == _COMMAND else index)
            self._deltas[place] = self._deltas.get(place, "") + delta

    def whole(self) -> Json:
        """The item, as far as it came."""
        item = dict(self._item) or {"type": "message", "role": "assistant"}
        for (kind, _), text in sorted(self._deltas.items()):
            if kind in _TEXT:
                item["content"] = [*items(item.get("content")), {"type": "text", "text": text}]
            elif kind in _THOUGHT:
                item["summary"] = [*items(item.get("summary")), {"text": text}]
            elif kind == _COMMAND:
                action = mapping(item.get("action"))
                item["action"] = {**action, "commands": [*(action.get("commands") or []), text]}
            else:
                item[_FIELDS[kind]] = text
        return item


API = Api("/responses", "chat", read_request, read_reply, assemble)
_FETCHED = Api(
    "/responses/*", "chat", read_request, read_reply, assemble, method="get", fetches=True
)
_CANCELLED = Api("/responses/*/cancel", "chat", read_request, read_reply, fetches=True)
APIS = (API, _FETCHED, _CANCELLED)
"""Calls, and what brings the answers of those that are answered later."""

"""Forms that no instrumentation of today writes, or writes seldom: read from spans made by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from foreign_spans import span
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Status, StatusCode

from memori_instrumentation._attribution import Attribution
from memori_instrumentation.capture.foreign import Heard, is_to_be_told, turn_of
from memori_storage.records import Turn


def read(told: ReadableSpan) -> Turn:
    """The turn of a span."""
    assert is_to_be_told(told)
    turn = turn_of(Heard.of_span(told), "memori", Attribution("ana"), "default")
    assert turn is not None
    return turn


def texts(turn: Turn) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in (*turn.input, *turn.output)]


def parts(turn: Turn) -> list[dict[str, Any]]:
    return [dict(part) for message in (*turn.input, *turn.output) for part in message.parts]


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"n": 1}'}}
TOOL_CALL = {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"n": 1}}
ANSWER = {"type": "tool_call_response", "id": "c1", "response": "Found."}


def as_given(events: dict[str, Any]) -> dict[str, Any]:
    return events


def as_json(events: dict[str, Any]) -> dict[str, Any]:
    """As Azure's SDK writes a body."""
    return {"gen_ai.system": "openai", "gen_ai.event.content": json.dumps(events)}


@pytest.mark.parametrize("body", [as_given, as_json])
def test_an_event_for_each_message(body: Any) -> None:
    def spelt(value: Any) -> Any:
        return json.dumps(value) if body is as_given else value

    turn = read(
        span(
            CHAT,
            events=[
                ("gen_ai.system.message", body({"content": "Be kind."})),
                ("gen_ai.user.message", body({"content": "Hi.", "role": "user"})),
                ("gen_ai.assistant.message", body({"tool_calls": spelt([CALL])})),
                ("gen_ai.tool.message", body({"id": "c1", "content": "Found."})),
                (
                    "gen_ai.choice",
                    body(
                        {
                            "index": 0,
                            "finish_reason": "stop",
                            "message": spelt({"role": "assistant", "content": "Done."}),
                        }
                    ),
                ),
                ("something.else", {"content": "No."}),
            ],
        )
    )
    assert texts(turn) == [
        ("system", "Be kind."),
        ("user", "Hi."),
        ("assistant", ""),
        ("tool", "Found."),
        ("assistant", "Done."),
    ]
    assert parts(turn)[2:4] == [TOOL_CALL, ANSWER]
    assert turn.output[0].finish_reason == "stop"


@pytest.mark.parametrize("on", ["events", "attributes"])
def test_an_event_for_the_prompt_and_one_for_the_completion(on: str) -> None:
    prompt = {"gen_ai.prompt": json.dumps([{"role": "user", "content": "Hi."}])}
    answer = {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "Hello."}])}
    if on == "events":
        events = [("gen_ai.content.prompt", prompt), ("gen_ai.content.completion", answer)]
        told = span(CHAT, events=events)
    else:
        told = span({**CHAT, **prompt, **answer})
    assert texts(read(told)) == [("user", "Hi."), ("assistant", "Hello.")]


def test_plain_text_as_prompt_and_completion() -> None:
    told = span({**CHAT, "gen_ai.prompt": "Hi.", "gen_ai.completion": "Hello."})
    assert texts(read(told)) == [("user", "Hi."), ("assistant", "Hello.")]


def test_the_details_in_an_event_of_the_span() -> None:
    details = {
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": "Hi."}]}]
        ),
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be kind."}]),
    }
    turn = read(span(CHAT, events=[("gen_ai.client.inference.operation.details", details)]))
    assert texts(turn) == [("user", "Hi.")]
    assert (turn.system, turn.status) == ("Be kind.", "incomplete")


def test_openllmetrys_indexed_attributes() -> None:
    told = span(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "Anthropic",
            "gen_ai.request.model": "m",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be kind.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": json.dumps(
                [
                    {"type": "text", "text": "Look."},
                    {"type": "image_url", "image_url": {"url": "https://x/i.png"}},
                ]
            ),
            "gen_ai.prompt.2.role": "assistant",
            "gen_ai.prompt.2.tool_calls.0.id": "c1",
            "gen_ai.prompt.2.tool_calls.0.name": "look",
            "gen_ai.prompt.2.tool_calls.0.arguments": '{"n": 1}',
            "gen_ai.prompt.3.role": "tool",
            "gen_ai.prompt.3.tool_call_id": "c1",
            "gen_ai.prompt.3.content": "Found.",
            **{f"gen_ai.prompt.{n}.role": "user" for n in range(4, 12)},
            **{f"gen_ai.prompt.{n}.content": f"{n}" for n in range(4, 12)},
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "[not JSON",
            "gen_ai.completion.0.finish_reason": "stop",
            "gen_ai.usage.prompt_tokens": 3,
            "gen_ai.usage.completion_tokens": 4,
        }
    )
    turn = read(told)
    assert texts(turn)[:2] == [("system", "Be kind."), ("user", "Look.")]
    # In the order of their numbers, not of their names.
    assert [text for _, text in texts(turn)][4:] == [*map(str, range(4, 12)), "[not JSON"]
    assert TOOL_CALL in parts(turn)
    assert ANSWER in parts(turn)
    uri = {"type": "uri", "modality": "image", "mime_type": None, "uri": "https://x/i.png"}
    assert uri in parts(turn)
    assert turn.usage == {"input_tokens": 3, "output_tokens": 4}


def test_openinferences_contents() -> None:
    one, two = "llm.input_messages.0.message", "llm.input_messages.1.message"
    contents = f"{one}.contents"
    turn = read(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "google",
                "llm.model_name": "m",
                f"{one}.role": "user",
                f"{contents}.0.message_content.type": "text",
                f"{contents}.0.message_content.text": "Look.",
                f"{contents}.1.message_content.type": "image",
                f"{contents}.1.message_content.image.image.url": "data:image/png;base64,aGk=",
                f"{contents}.2.message_content.type": "reasoning",
                f"{contents}.2.message_content.text": "Hm.",
                f"{two}.role": "tool",
                f"{two}.tool_call_id": "c1",
                f"{two}.content": "Found.",
                "llm.output_messages.0.message.role": "model",
                "llm.output_messages.0.message.function_call_name": "look",
                "llm.output_messages.0.message.function_call_arguments_json": '{"n": 1}',
                "llm.token_count.prompt": 3,
                "llm.token_count.prompt_details.cache_read": 2,
                "output.value": json.dumps({"id": "r-1"}),
            }
        )
    )
    kinds = [part["type"] for part in parts(turn)]
    assert kinds == ["text", "blob", "reasoning", "tool_call_response", "tool_call"]
    assert "content" not in parts(turn)[1]
    assert parts(turn)[3:] == [ANSWER, {**TOOL_CALL, "id": None}]
    assert turn.output[0].role == "assistant"
    assert (turn.response_id, turn.provider, turn.model) == ("r-1", "gcp.gemini", "m")
    assert turn.usage == {"input_tokens": 3, "cache_read_tokens": 2}


def test_openinferences_completions() -> None:
    told = span(
        {
            "openinference.span.kind": "LLM",
            "llm.prompts.0.prompt.text": "Once",
            "llm.choices.0.completion.text": " upon a time",
        }
    )
    assert texts(read(told)) == [("user", "Once"), ("assistant", " upon a time")]


def test_what_openinference_hides_is_not_said() -> None:
    told = span(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "__REDACTED__",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "Hello.",
        }
    )
    assert texts(read(told)) == [("user", ""), ("assistant", "Hello.")]


def test_what_the_span_had_no_room_for_is_left_out() -> None:
    """The SDK keeps 128 attributes of a span; what came first goes first."""
    provider = TracerProvider()
    told = provider.get_tracer("x").start_span("chat")
    for n in range(100):
        told.set_attribute(f"llm.input_messages.{n}.message.role", "user")
        told.set_attribute(f"llm.input_messages.{n}.message.content", f"{n}")
    told.set_attribute("llm.output_messages.0.message.content", "Hello.")
    told.set_attribute("openinference.span.kind", "LLM")
    told.end()
    turn = read(told)  # type: ignore[arg-type]
    assert [text for _, text in texts(turn)] == [*map(str, range(37, 100)), "Hello."]


def test_logfires_events() -> None:
    events = [
        {"event.name": "gen_ai.system.message", "content": "Be kind.", "role": "system"},
        {"event.name": "gen_ai.user.message", "content": "Hi.", "role": "user"},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"content": "Hello."}},
    ]
    told = span({**CHAT, "events": json.dumps(events), "logfire.span_type": "span"})
    assert texts(read(told)) == [("system", "Be kind."), ("user", "Hi."), ("assistant", "Hello.")]


def test_logfires_raw_request_of_anthropic() -> None:
    request = {"model": "m", "system": "Be kind.", "messages": [{"role": "user", "content": "Hi."}]}
    told = span(
        {
            "request_data": json.dumps(request),
            "response_data": json.dumps({"combined_chunk_content": "Hello.", "chunk_count": 2}),
            "logfire.span_type": "log",
            "duration": 0.5,
        },
        start=10**10,
        end=10**10,
    )
    turn = read(told)
    assert (texts(turn), turn.system) == ([("user", "Hi."), ("assistant", "Hello.")], "Be kind.")
    assert (turn.ended_at - turn.started_at).total_seconds() == 0.5


def test_vercels_older_names() -> None:
    prompt = [
        {"role": "user", "content": [{"type": "text", "text": "Hi."}]},
        {
            "role": "assistant",
            "content": [
                {"type": "reasoning", "text": "Hm."},
                {"type": "tool-call", "toolCallId": "c1", "toolName": "look", "args": {"n": 1}},
            ],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "c1", "result": "Found."}],
        },
    ]
    turn = read(
        span(
            {
                "ai.operationId": "ai.streamText.doStream",
                "ai.model.id": "m",
                "ai.model.provider": "google.generative-ai",
                "ai.prompt.messages": json.dumps(prompt),
                "ai.result.text": "Done.",
                "ai.finishReason": "stop",
                "ai.usage.promptTokens": 3,
                "ai.usage.completionTokens": 4,
            }
        )
    )
    assert TOOL_CALL in parts(turn)
    assert ANSWER in parts(turn)
    assert [message.role for message in turn.input] == ["user", "assistant", "tool"]
    assert (turn.provider, turn.output[0].text) == ("gcp.gemini", "Done.")
    assert turn.usage == {"input_tokens": 3, "output_tokens": 4}


def test_bytes_and_unknown_parts_in_todays_conventions() -> None:
    blob = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="}
    odd = {"type": "server_tool_call", "name": "search", "server_tool_call": {"query": "x"}}
    messages = [{"role": "user", "parts": [blob, odd]}]
    turn = read(span({**CHAT, "gen_ai.input.messages": json.dumps(messages)}))
    first, second = parts(turn)
    assert (first["size"], first["mime_type"], "content" in first) == (2, "image/png", False)
    assert second == {"type": "server_tool_call", "content": odd}


def test_a_memory_block_is_not_stored_as_said() -> None:
    from memori_instrumentation.blocks import CLOSE, OPEN, PREAMBLE

    block = f"{OPEN}\n{PREAMBLE}\n- Lives in Lisbon.\n{CLOSE}\n"
    messages = [{"role": "user", "parts": [{"type": "text", "content": f"{block}Hi."}]}]
    system = [{"type": "text", "content": f"Be kind.\n{block}"}]
    turn = read(
        span(
            {
                **CHAT,
                "gen_ai.input.messages": json.dumps(messages),
                "gen_ai.system_instructions": json.dumps(system),
            }
        )
    )
    assert (texts(turn), turn.system) == ([("user", "Hi.")], "Be kind.")


def test_an_error_keeps_what_was_asked() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hi."}]}]
    raised = ("exception", {"exception.type": "APIError", "exception.message": "no such thing"})
    told = span(
        {**CHAT, "gen_ai.input.messages": json.dumps(messages)},
        events=[raised],
        status=Status(StatusCode.ERROR),
    )
    turn = read(told)
    assert (turn.status, turn.error_type, turn.error_message) == (
        "error",
        "APIError",
        "no such thing",
    )


NO_CALLS: list[dict[str, Any]] = [
    {"gen_ai.operation.name": "invoke_agent"},
    {"gen_ai.operation.name": "execute_tool"},
    {"gen_ai.operation.name": "embeddings"},
    {"openinference.span.kind": "CHAIN"},
    {"openinference.span.kind": "AGENT"},
    {"openinference.span.kind": "EMBEDDING"},
    {"traceloop.span.kind": "workflow", "gen_ai.operation.name": "chat"},
    {"ai.operationId": "ai.generateText"},
    {"ai.operationId": "ai.toolCall"},
    {"gen_ai.operation.name": "chat", "logfire.span_type": "pending_span"},
    {},
]


@pytest.mark.parametrize("attributes", NO_CALLS, ids=str)
def test_other_spans_are_no_calls(attributes: dict[str, Any]) -> None:
    content = {
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": []}]),
        "llm.input_messages.0.message.content": "Hi.",
        "ai.prompt.messages": "[]",
        "events": "[]",
    }
    assert not is_to_be_told(span({**content, **attributes}))


@pytest.mark.parametrize(
    "odd",
    [
        {"gen_ai.input.messages": "{"},
        {"gen_ai.input.messages": 5},
        {"gen_ai.input.messages": json.dumps([1, None, {"parts": 5}, {"role": 7}])},
        {"gen_ai.prompt.x.y": "Hi.", "gen_ai.prompt.0": "Hi.", "gen_ai.prompt.0.content": "Hi."},
        {"gen_ai.prompt.²": "Hi.", "gen_ai.prompt." + "0." * 5_000 + "content": "Hi."},
        {"llm.input_messages.0.message": "Hi.", "llm.output_messages.0.message.contents.0": 1},
        {"request_data": "[]", "response_data": "7", "events": '{"a": 1}'},
        {"ai.prompt.messages": '["x"]', "ai.response.toolCalls": "7"},
    ],
    ids=lambda odd: str(odd)[:40],
)
def test_odd_content_raises_nothing(odd: dict[str, Any]) -> None:
    turn_of(Heard.of_span(span({**CHAT, **odd})), "memori", Attribution("ana"), "s")

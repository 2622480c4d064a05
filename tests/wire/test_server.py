"""The server against the plain SDKs, not instrumented: what is scripted is what they read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors

from wire import bedrock, oracle, oracle_replies
from wire.clients import (
    ANTHROPIC_MODEL,
    GOOGLE_MODEL,
    OPENAI_MODEL,
    anthropic_client,
    async_openai_client,
    google_client,
    http_library,
    openai_client,
)
from wire.dialects import dialect_of
from wire.offers import offered
from wire.replies import Answer, Choice, ToolCall, text
from wire.server import WireServer

ASK: list[Any] = [{"role": "user", "content": "Где я живу?"}]
RICH = Answer(
    choices=(
        Choice(
            text="Ты живёшь в Риге. 😀",
            tool_calls=(ToolCall("look", {"a": 1}), ToolCall("go", {"b": ["é"]}, "call_1")),
        ),
    )
)


@pytest.fixture
def server() -> Any:
    with WireServer() as running:
        yield running


def chat(url: str, stream: bool) -> Any:
    client = openai_client(url)
    if not stream:
        return client.chat.completions.create(model=OPENAI_MODEL, messages=ASK).choices[0].message
    # Where older releases have it too.
    with client.beta.chat.completions.stream(model=OPENAI_MODEL, messages=ASK) as events:
        return events.get_final_completion().choices[0].message


def responses(url: str, stream: bool) -> Any:
    client = openai_client(url)
    if not stream:
        return client.responses.create(model=OPENAI_MODEL, input=ASK)
    with client.responses.stream(model=OPENAI_MODEL, input=ASK) as events:
        return events.get_final_response()


def messages(url: str, stream: bool, make: Any = anthropic_client) -> Any:
    client = make(url)
    if not stream:
        return client.messages.create(model=ANTHROPIC_MODEL, messages=ASK, max_tokens=99)
    with client.messages.stream(model=ANTHROPIC_MODEL, messages=ASK, max_tokens=99) as events:
        return events.get_final_message()


def google(url: str, stream: bool) -> list[Any]:
    client = google_client(url)  # referenced to the end: a collected client closes itself
    ask: Any = {"model": GOOGLE_MODEL, "contents": "Где я живу?"}
    if not stream:
        return [client.models.generate_content(**ask)]
    return list(client.models.generate_content_stream(**ask))


def interaction(url: str, stream: bool) -> tuple[str, list[tuple[str, Any]]]:
    """Text and tool calls of an interaction."""
    client = google_client(url)
    ask: Any = {"model": GOOGLE_MODEL, "input": "Где я живу?"}
    if not stream:
        steps = client.interactions.create(**ask).steps
        said = "".join(c.text for s in steps if s.type == "model_output" for c in s.content)
        return said, [(s.name, s.arguments) for s in steps if s.type == "function_call"]
    said, names, pieces = "", dict[int, str](), dict[int, str]()
    for event in client.interactions.create(**ask, stream=True):
        if event.event_type == "step.start" and event.step.type == "function_call":
            names[event.index] = event.step.name
        elif event.event_type == "step.delta" and event.delta.type == "text":
            said += event.delta.text
        elif event.event_type == "step.delta" and event.delta.type == "arguments_delta":
            pieces[event.index] = pieces.get(event.index, "") + event.delta.arguments
    return said, [(name, json.loads(pieces[index])) for index, name in names.items()]


def converse(url: str, stream: bool) -> tuple[str, list[tuple[str, Any]]]:
    client = bedrock.client(url, False)
    given = bedrock.ARGUMENTS["converse"]([("user", "Где я живу?")], {})
    if not stream:
        blocks = client.converse(**given)["output"]["message"]["content"]
        uses = [block["toolUse"] for block in blocks if "toolUse" in block]
        said = "".join(block.get("text", "") for block in blocks)
        return said, [(use["name"], use["input"]) for use in uses]
    said, names, inputs = "", [], {}
    for event in client.converse_stream(**given)["stream"]:
        if "contentBlockStart" in event:
            names.append(event["contentBlockStart"]["start"]["toolUse"]["name"])
        if "contentBlockDelta" in event:
            index, delta = (event["contentBlockDelta"][k] for k in ("contentBlockIndex", "delta"))
            said += delta.get("text", "")
            inputs[index] = inputs.get(index, "") + delta.get("toolUse", {}).get("input", "")
    return said, list(zip(names, (json.loads(it) for it in inputs.values() if it), strict=True))


def read_by_sdk(name: str, url: str, stream: bool) -> tuple[str, list[tuple[str, Any]]]:
    """Text and tool calls of a reply, as the SDK gives them."""
    if name == "openai.chat":
        found = chat(url, stream)
        calls = [(c.function.name, json.loads(c.function.arguments)) for c in found.tool_calls]
        return found.content, calls
    if name == "openai.responses":
        found = responses(url, stream)
        return found.output_text, [
            (item.name, json.loads(item.arguments))
            for item in found.output
            if item.type == "function_call"
        ]
    if name == "bedrock.converse":
        return converse(url, stream)
    if name in ("anthropic", "bedrock.invoke"):
        make = anthropic_client if name == "anthropic" else bedrock.anthropic_client
        blocks = messages(url, stream, make).content
        said = "".join(block.text for block in blocks if block.type == "text")
        return said, [(b.name, b.input) for b in blocks if b.type == "tool_use"]
    if name == "google.interactions":
        return interaction(url, stream)
    parts = [part for chunk in google(url, stream) for part in chunk.candidates[0].content.parts]
    calls = [(p.function_call.name, p.function_call.args) for p in parts if p.function_call]
    return "".join(part.text for part in parts if part.text), calls


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "name",
    [
        "openai.chat",
        "openai.responses",
        "anthropic",
        "google",
        "google.interactions",
        "bedrock.converse",
        "bedrock.invoke",
    ],
)
def test_sdks_read_what_is_scripted(
    server: WireServer, name: str, stream: bool, packed: bool
) -> None:
    server.script(Answer(choices=RICH.choices, gzip=packed))
    said, calls = read_by_sdk(name, server.url, stream)
    assert said == "Ты живёшь в Риге. 😀"
    assert calls == [("look", {"a": 1}), ("go", {"b": ["é"]})]
    (received,) = server.journal
    assert dialect_of(received.path).name == name  # type: ignore[union-attr]
    # The oracle, reading the same bytes on its own, agrees with the SDK.
    assert oracle.sent(name, received.json) == [("user", (("text", "Где я живу?"),))]
    reply = oracle_replies.replied(name, received.answered, stream)
    assert oracle.flat(reply.messages) == [
        ("assistant", ("text", "Ты живёшь в Риге. 😀")),
        ("assistant", ("call", "call_0", "look", '{"a": 1}')),
        ("assistant", ("call", "call_1", "go", '{"b": ["é"]}')),
    ]
    assert reply.id == (None if name == "bedrock.converse" else "reply-1")
    if name != "openai.chat" or not stream:
        assert (reply.input_tokens, reply.output_tokens) == (11, 7)


def test_several_choices_and_refusals(server: WireServer) -> None:
    server.script(Answer(choices=(Choice(text="one"), Choice(text=None, refusal="no"))))
    reply = openai_client(server.url).chat.completions.create(model="m", messages=ASK, n=2)
    assert [(c.message.content, c.message.refusal) for c in reply.choices] == [
        ("one", None),
        (None, "no"),
    ]


@pytest.mark.parametrize("status", [400, 429, 500])
def test_error_statuses_raise_the_sdks_errors(server: WireServer, status: int) -> None:
    server.script(*[Answer(status=status, error="too bad")] * 3)
    with pytest.raises(openai.APIStatusError, match="too bad"):
        chat(server.url, False)
    with pytest.raises(anthropic.APIStatusError, match="too bad"):
        messages(server.url, False)
    with pytest.raises(errors.APIError, match="too bad"):
        google(server.url, False)
    assert [received.status for received in server.journal] == [status] * 3


def test_error_event_inside_a_stream(server: WireServer) -> None:
    server.script(*[Answer(error_after=3, error="fell over")] * 4)
    for ask, kind in (
        (chat, openai.APIError),
        (messages, anthropic.APIError),
        (google, errors.APIError),
    ):
        if ask is google and not offered("google.genai.errors:APIError.raise_error"):
            continue  # the SDK hands it to the reader
        with pytest.raises(kind, match="fell over"):
            ask(server.url, True)
    # OpenAI's SDK hands the Responses API's error event to the reader instead of raising it.
    client = openai_client(server.url)
    *_, last = client.responses.create(model=OPENAI_MODEL, input=ASK, stream=True)
    assert (last.type, last.message) == ("error", "fell over")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_connection_cut_midway(server: WireServer, stream: bool) -> None:
    server.script(Answer(cut_after=3))
    with pytest.raises((openai.APIConnectionError, http_library("openai").RemoteProtocolError)):
        chat(server.url, stream)


def test_retries_are_requests_of_their_own(server: WireServer) -> None:
    server.script(Answer(status=429, headers={"retry-after-ms": "1"}), text("at last"))
    client = openai_client(server.url, max_retries=1)
    reply = client.chat.completions.create(model="m", messages=ASK)
    assert reply.choices[0].message.content == "at last"
    assert [received.status for received in server.journal] == [429, 200]


async def test_slow_first_byte_can_be_cancelled(server: WireServer) -> None:
    server.script(text("too late", first_byte_after=2))
    client = async_openai_client(server.url)
    call = client.chat.completions.create(model="m", messages=ASK)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(call, 0.2)


def test_named_answers_and_replay(server: WireServer) -> None:
    recorded = b'{"id": "r", "object": "chat.completion", "model": "m", "choices": []}'
    headers = server.name("recorded", Answer(raw=recorded))
    client = openai_client(server.url)
    reply = client.chat.completions.create(model="m", messages=ASK, extra_headers=headers)
    assert reply.id == "r"
    assert server.journal[0].answered == recorded


def test_connections_are_kept_alive(server: WireServer) -> None:
    client = openai_client(server.url)
    for _ in range(3):
        client.chat.completions.create(model="m", messages=ASK)
    pool: Any = client._client._transport
    assert len(pool._pool.connections) == 1


def test_other_endpoints_answer_too(server: WireServer) -> None:
    client = openai_client(server.url)
    assert client.embeddings.create(model="e", input="x", encoding_format="float").data
    counted = anthropic_client(server.url).messages.count_tokens(model="m", messages=ASK)
    assert counted.input_tokens == 3

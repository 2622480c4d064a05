"""What requests carry beyond plain text: images, tool results, odd but legal arguments."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google.genai import types

from wire.check import differences
from wire.clients import GOOGLE_MODEL, OPENAI_MODEL
from wire.memory import Memory
from wire.replies import Answer, Choice, ToolCall
from wire.sdks import SDKS, Sdk, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

PICTURE = bytes(range(256)) * 400
ENCODED = base64.b64encode(PICTURE).decode()
DATA_URL = f"data:image/png;base64,{ENCODED}"
BY_NAME = {sdk.name: sdk for sdk in SDKS}


def with_picture(sdk: Sdk) -> dict[str, Any]:
    """Arguments that send words and a picture."""
    chat: Any = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": DATA_URL}},
    ]
    items: Any = [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": DATA_URL},
    ]
    source = {"type": "base64", "media_type": "image/png", "data": ENCODED}
    blocks: Any = [{"type": "text", "text": "Look"}, {"type": "image", "source": source}]
    parts = [types.Part(text="Look"), types.Part.from_bytes(data=PICTURE, mime_type="image/png")]
    return {
        "openai-chat": {"messages": [{"role": "user", "content": chat}]},
        "openai-responses": {"input": [{"role": "user", "content": items}]},
        "anthropic": {"messages": [{"role": "user", "content": blocks}]},
        "anthropic-beta": {"messages": [{"role": "user", "content": blocks}]},
        "google": {"contents": [types.Content(role="user", parts=parts)]},
        "xai": _xai_given("looking") if sdk.name == "xai" else {},
    }[sdk.name]


def _xai_given(what: str) -> dict[str, Any]:
    """Arguments of xAI's ``chat.create``, whose messages are protocol buffers."""
    from xai_sdk.chat import chat_pb2, image, text, tool_result, user

    if what == "looking":
        return {"messages": [user("Look", image(DATA_URL))]}
    function = chat_pb2.FunctionCall(name=CALL.name, arguments=json.dumps(CALL.arguments))
    call = chat_pb2.ToolCall(id=CALL.id, function=function)
    asking = chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, content=[text("")], tool_calls=[call])
    return {"messages": [user("Weather?"), asking, tool_result("21 degrees", CALL.id)]}


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "google-chats"])
async def test_pictures_are_kept_as_references(
    name: str, asynchronous: bool, server: WireServer, memory: Memory, tmp_path: Path
) -> None:
    sdk = BY_NAME[name]
    client = sdk.client(server.url, asynchronous)
    await resolve(sdk.create(client, **with_picture(sdk)))
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    parts = [part for row in found.messages for part in row["parts"]]
    (picture,) = (part for part in parts if part["type"] == "blob")
    assert picture == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "size": len(PICTURE),
        "sha256": hashlib.sha256(PICTURE).hexdigest(),
    }
    for file in tmp_path.glob("memori.db*"):
        assert ENCODED[1000:1100].encode() not in file.read_bytes()


CALL = ToolCall("look_up", {"city": "Lisbon"}, "call_7")


def tool_conversation(sdk: Sdk) -> dict[str, Any]:
    """A question, the model's tool call as its SDK wants it back, and the tool's answer."""
    question, result = "Weather?", "21 degrees"
    function = {"name": "look_up", "arguments": '{"city": "Lisbon"}'}
    use = {"type": "tool_use", "id": "call_7", "name": "look_up", "input": {"city": "Lisbon"}}
    answer = {"type": "tool_result", "tool_use_id": "call_7", "content": result}
    item = {"type": "function_call", "call_id": "call_7", **function}
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [answer]},
    ]
    return {
        "openai-chat": {
            "messages": [
                {"role": "user", "content": question},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "call_7", "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": "call_7", "content": result},
            ]
        },
        "openai-responses": {
            "input": [
                {"role": "user", "content": question},
                item,
                {"type": "function_call_output", "call_id": "call_7", "output": result},
            ]
        },
        "anthropic": {"messages": messages},
        "anthropic-beta": {"messages": messages},
        "google": {
            "contents": [
                {"role": "user", "parts": [{"text": question}]},
                {
                    "role": "model",
                    "parts": [
                        {
                            "function_call": {
                                "id": "call_7",
                                "name": "look_up",
                                "args": {"city": "Lisbon"},
                            }
                        }
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {
                            "function_response": {
                                "id": "call_7",
                                "name": "look_up",
                                "response": {"result": result},
                            }
                        }
                    ],
                },
            ]
        },
        "xai": _xai_given("calling a tool") if sdk.name == "xai" else {},
    }[sdk.name]


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "google-chats"])
async def test_a_tool_round_trip(
    name: str, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """Question, call, result, answer: four messages over two calls, each kept once."""
    sdk = BY_NAME[name]
    client = sdk.client(server.url, asynchronous)
    server.script(Answer(choices=(Choice(text=None, tool_calls=(CALL,)),)))
    await resolve(sdk.create(client, [("user", "Weather?")]))
    await resolve(sdk.create(client, **tool_conversation(sdk)))
    found = memory.kept()
    assert len(found.turns) == 2
    kinds = [part["type"] for row in found.messages for part in row["parts"]]
    assert kinds == ["text", "tool_call", "tool_call_response", "text"]
    call, result = (row["parts"][0] for row in found.messages[1:3])
    assert (call["id"], call["name"], call["arguments"]) == (CALL.id, CALL.name, CALL.arguments)
    assert result["id"] == CALL.id
    assert "21 degrees" in str(result["response"])
    if name != "google":  # whose results are objects, and are no text
        assert found.messages[2]["text"] == "21 degrees"


async def test_sentinels_are_as_good_as_left_out(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    chat, messages = BY_NAME["openai-chat"], BY_NAME["anthropic"]
    for given in ({"temperature": openai.NOT_GIVEN}, {"temperature": openai.omit}):
        await resolve(chat.create(chat.client(server.url, asynchronous), **given))
    await resolve(messages.create(messages.client(server.url, asynchronous), system=anthropic.omit))
    assert [turn["system"] for turn in memory.kept().turns] == [None] * 3
    assert all("gen_ai.request.temperature" not in (s.attributes or {}) for s in memory.spans())


async def test_request_parameters_are_on_the_span(
    stainless: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    given: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9}
    if stainless.provider == "anthropic":
        given = {"max_tokens": 99, "stop_sequences": ["END"]}
    await resolve(stainless.create(stainless.client(server.url, asynchronous), **given))
    (span,) = memory.spans()
    attributes = dict(span.attributes or {})
    found = {name: attributes.get(f"gen_ai.request.{name}") for name in given}
    assert found == {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}


async def test_messages_given_once_or_changed_after_the_call(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    chat, messages = BY_NAME["openai-chat"], BY_NAME["anthropic"]
    once: Any = ({"role": "user", "content": text} for text in ["from a generator"])
    await resolve(chat.create(chat.client(server.url, asynchronous), messages=once))
    once = ({"role": "user", "content": text} for text in ["from another"])
    await resolve(messages.create(messages.client(server.url, asynchronous), messages=once))
    mutable = [{"role": "user", "content": "as sent"}]
    await resolve(chat.create(chat.client(server.url, asynchronous), messages=mutable))
    mutable[0]["content"] = "changed"
    said = [row["text"] for row in memory.kept().messages if row["role"] == "user"]
    assert said == ["from a generator", "from another", "as sent"]


async def test_positional_arguments(asynchronous: bool, server: WireServer, memory: Memory) -> None:
    """Where the SDK allows them: its generic ``post``, and Google's chats."""
    sdk = BY_NAME["openai-chat"]
    client = sdk.client(server.url, asynchronous)
    body = {"model": OPENAI_MODEL, "messages": [{"role": "user", "content": "Posted"}]}
    await resolve(client.post("/chat/completions", cast_to=object, body=body))
    chats = BY_NAME["google-chats"]
    google = chats.client(server.url, asynchronous)
    await resolve(google.face.chats.create(model=GOOGLE_MODEL).send_message("Sent"))
    said = [row["text"] for row in memory.kept().messages if row["role"] == "user"]
    assert said == ["Posted", "Sent"]


async def test_system_instructions_are_kept_with_the_turn(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    given: dict[str, dict[str, Any]] = {
        "openai-responses": {"instructions": "Be brief."},
        "anthropic": {"system": [{"type": "text", "text": "Be brief."}]},
        "google": {"config": {"system_instruction": "Be brief."}},
    }
    for name, more in given.items():
        sdk = BY_NAME[name]
        client = sdk.client(server.url, asynchronous)
        await resolve(sdk.create(client, **more))
    assert [turn["system"] for turn in memory.kept().turns] == ["Be brief."] * 3


def weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: 21 degrees"


async def test_automatic_function_calling_is_a_turn_for_each_model_call(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    sdk = BY_NAME["google"]
    client = sdk.client(server.url, asynchronous)
    call = ToolCall("weather", {"city": "Lisbon"}, "call_7")
    server.script(Answer(choices=(Choice(text=None, tool_calls=(call,)),)))
    reply = await resolve(sdk.create(client, config={"tools": [weather]}))
    assert reply.text
    found = memory.kept()
    assert len(found.turns) == len(server.journal) == 2
    kinds = [part["type"] for row in found.messages for part in row["parts"]]
    assert kinds == ["text", "tool_call", "tool_call_response", "text"]

"""What requests carry beyond plain text: images, tool results, odd but legal arguments."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from wire.check import differences
from wire.content import CALL, ENCODED, PICTURE, QUESTION, RESULT
from wire.memory import Memory, assert_remembered
from wire.replies import Answer, Choice, ToolCall
from wire.sdks import SDKS, Sdk, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

BY_NAME = {sdk.name: sdk for sdk in SDKS}


@pytest.mark.mode("picture")
async def test_pictures_are_kept_as_references(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory, tmp_path: Path
) -> None:
    assert sdk.picture is not None
    client = sdk.client(server.url, asynchronous)
    await resolve(sdk.create(client, **sdk.picture()))
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


@pytest.mark.mode("tools")
async def test_a_tool_round_trip(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """Question, call, result, answer: four messages over two calls, each kept once."""
    assert sdk.tool_round is not None
    client = sdk.client(server.url, asynchronous)
    server.script(Answer(choices=(Choice(text=None, tool_calls=(CALL,)),)))
    await resolve(sdk.create(client, [("user", QUESTION)]))
    await resolve(sdk.create(client, **sdk.tool_round()))
    found = memory.kept()
    assert len(found.turns) == 2
    kinds = [part["type"] for row in found.messages for part in row["parts"]]
    assert kinds == ["text", "tool_call", "tool_call_response", "text"]
    call, result = (row["parts"][0] for row in found.messages[1:3])
    assert (call["id"], call["name"], call["arguments"]) == (CALL.id, CALL.name, CALL.arguments)
    assert result["id"] == CALL.id
    assert RESULT in str(result["response"])
    if sdk.provider != "gcp.gemini":  # whose results are objects, and are no text
        assert found.messages[2]["text"] == RESULT


@pytest.mark.mode("unset")
async def test_sentinels_are_as_good_as_left_out(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    assert sdk.unset is not None
    await resolve(sdk.unset(sdk.client(server.url, asynchronous)))
    found = memory.kept()
    assert len(found.turns) == len(server.journal) > 0
    assert {turn["system"] for turn in found.turns} == {None}
    assert {turn["status"] for turn in found.turns} == {"complete"}
    assert all("gen_ai.request.temperature" not in (s.attributes or {}) for s in memory.spans())


@pytest.mark.mode("positional")
async def test_positional_arguments(
    sdk: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """Where the SDK allows them, be it in its generic ``post``."""
    assert sdk.positional is not None
    await resolve(sdk.positional(sdk.client(server.url, asynchronous)))
    found = assert_remembered(memory, sdk, server)
    assert found.messages[0]["text"] == "Hi"


async def test_request_parameters_are_on_the_span(
    stainless: Sdk, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    given: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9}
    if stainless.provider != "openai":
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


async def test_system_instructions_are_kept_with_the_turn(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    given: dict[str, dict[str, Any]] = {
        "openai-responses": {"instructions": "Be brief."},
        "anthropic": {"system": [{"type": "text", "text": "Be brief."}]},
        "google": {"config": {"system_instruction": "Be brief."}},
        "bedrock-converse": {"system": [{"text": "Be brief."}]},
        "bedrock-invoke": {"system": "Be brief."},
    }
    for name, more in given.items():
        sdk = BY_NAME[name]
        client = sdk.client(server.url, asynchronous)
        await resolve(sdk.create(client, **more))
    assert [turn["system"] for turn in memory.kept().turns] == ["Be brief."] * 5


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

"""What Anthropic's messages carry beyond words: its own tools, citations, threads, platforms."""

from __future__ import annotations

import base64
import json
from typing import Any

import anthropic
import pytest

from wire.check import Kept, texts
from wire.clients import ANTHROPIC_MODEL
from wire.common import sse
from wire.memory import Memory
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import SDKS, each, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

Json = dict[str, Any]
BETA = next(sdk for sdk in SDKS if sdk.name == "anthropic-beta")
PDF = base64.b64encode(bytes(range(256)) * 40).decode()

CITATION: Json = {
    "type": "web_search_result_location",
    "url": "https://a.example",
    "title": "Weather",
    "cited_text": "It is sunny.",
    "encrypted_index": "b3BhcXVl",
}
BLOCKS: list[Json] = [
    {"type": "thinking", "thinking": "I should look.", "signature": "c2lnbmVk"},
    {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
    {"type": "server_tool_use", "id": "s-1", "name": "web_search", "input": {"query": "weather"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "s-1",
        "content": [
            {
                "type": "web_search_result",
                "url": "https://a.example",
                "title": "Weather",
                "encrypted_content": "b3BhcXVl",
                "page_age": None,
            }
        ],
    },
    {"type": "server_tool_use", "id": "s-2", "name": "web_fetch", "input": {"url": "https://b"}},
    {
        "type": "web_fetch_tool_result",
        "tool_use_id": "s-2",
        "content": {
            "type": "web_fetch_result",
            "url": "https://b",
            "retrieved_at": "2026-09-22T00:00:00Z",
            "content": {
                "type": "document",
                "title": "B",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            },
        },
    },
    {"type": "server_tool_use", "id": "s-3", "name": "code_execution", "input": {"code": "1"}},
    {
        "type": "code_execution_tool_result",
        "tool_use_id": "s-3",
        "content": {
            "type": "code_execution_result",
            "stdout": "1\n",
            "stderr": "",
            "return_code": 0,
            "content": [{"type": "code_execution_output", "file_id": "file-1"}],
        },
    },
    {"type": "mcp_tool_use", "id": "m-1", "name": "look", "server_name": "x", "input": {"a": 1}},
    {
        "type": "mcp_tool_result",
        "tool_use_id": "m-1",
        "is_error": False,
        "content": [{"type": "text", "text": "Found."}],
    },
    {"type": "container_upload", "file_id": "file-2"},
    {"type": "compaction", "content": "So far: weather.", "encrypted_content": "b3BhcXVl"},
    {"type": "text", "text": "It is sunny.", "citations": [CITATION]},
]
KINDS = [
    "reasoning",
    "reasoning",
    *["tool_call", "tool_call_response"] * 4,
    "file",
    "compaction",
    "text",
]


def message(blocks: list[Json], stop: str = "end_turn", **more: Any) -> Json:
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": ANTHROPIC_MODEL,
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 11,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 3},
        },
        **more,
    }


def deltas(block: Json) -> tuple[Json, list[Json]]:
    """A block as it opens, and what fills it, of every kind that there is."""
    kind = block["type"]
    if kind == "text":
        pieces = [{"type": "text_delta", "text": it} for it in ("It is ", "sunny.")]
        cited = [{"type": "citations_delta", "citation": it} for it in block["citations"]]
        return {**block, "text": "", "citations": []}, [*cited, *pieces]
    if kind == "thinking":
        said = {"type": "thinking_delta", "thinking": block["thinking"]}
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [said, signed]
    if kind == "compaction":
        return {"type": kind, "content": None}, [{**block, "type": "compaction_delta"}]
    if kind.endswith("tool_use"):
        given = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        return {**block, "input": {}}, [given]
    return block, []


def events(reply: Json) -> Answer:
    """A reply as the stream of its events."""
    run: list[Json] = [
        {"type": "message_start", "message": {**reply, "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(reply["content"]):
        opened, moves = deltas(block)
        run.append({"type": "content_block_start", "index": index, "content_block": opened})
        run += [{"type": "content_block_delta", "index": index, "delta": it} for it in moves]
        run.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": reply["stop_reason"], "stop_sequence": None}
    run += [
        {"type": "message_delta", "delta": end, "usage": reply["usage"]},
        {"type": "message_stop"},
    ]
    return Answer(raw=b"".join(sse(event, event["type"]) for event in run))


def whole(reply: Json) -> Answer:
    return Answer(raw=json.dumps(reply).encode())


def answer_of(found: Kept) -> Json:
    """The one message of the model's."""
    (row,) = (row for row in found.messages if row["role"] == "assistant")
    return row


@pytest.mark.parametrize("way", ["whole", "streamed", "helper"])
async def test_blocks_of_every_kind(
    way: str, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """They read the same streamed or not, and sent back they are the message that is known."""
    client = BETA.client(server.url, asynchronous)
    server.script((whole if way == "whole" else events)(message(BLOCKS)))
    if way == "whole":
        content = (await resolve(BETA.create(client))).content
    elif way == "streamed":
        async for _ in each(await resolve(BETA.stream(client))):
            pass
        content = BLOCKS
    else:
        from wire.sdks import entered

        assert BETA.helper is not None
        async with entered(BETA.helper(client)) as stream:
            content = (await resolve(stream.get_final_message())).content
    found = memory.kept()
    row = answer_of(found)
    assert [part["type"] for part in row["parts"]] == KINDS
    assert row["text"] == "It is sunny."
    results = [part["response"] for part in row["parts"] if part["type"] == "tool_call_response"]
    searched, fetched, ran, asked = results
    assert searched[0]["content"]["url"] == "https://a.example"
    assert (fetched["url"], fetched["content"]["type"]) == ("https://b", "blob")
    assert fetched["content"]["size"] == 256 * 40
    assert (ran["stdout"], asked) == ("1\n", "Found.")
    cited = {key: value for key, value in CITATION.items() if key != "encrypted_index"}
    assert row["parts"][-1]["citations"] == [cited]
    stored = json.dumps(row["parts"])
    assert not [it for it in ("b3BhcXVl", "c2lnbmVk", "cmVkYWN0ZWQ", PDF[:99]) if it in stored]
    assert found.turns[0]["usage"]["reasoning_tokens"] == 3
    history = [
        {"role": "user", "content": "I live in Lisbon."},
        {"role": "assistant", "content": content},
        {"role": "user", "content": "And?"},
    ]
    await resolve(BETA.create(client, messages=history))
    assert len(memory.kept().messages) == 4


@pytest.mark.parametrize("stop", ["pause_turn", "refusal", "model_context_window_exceeded"])
async def test_why_it_stopped(
    stop: str, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(whole(message([], stop, container={"id": "c-1", "expires_at": "2027-01-01"})))
    await resolve(BETA.create(BETA.client(server.url, asynchronous)))
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["finish_reasons"]) == ("complete", [stop])


async def test_documents_are_no_words_of_the_users(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    plain = {"type": "text", "media_type": "text/plain", "data": "I hate cats."}
    documents: list[Json] = [
        {"type": "document", "source": plain},
        {"type": "document", "source": {"type": "content", "content": "I hate dogs."}},
        {
            "type": "search_result",
            "source": "https://a.example",
            "title": "A",
            "content": [{"type": "text", "text": "I hate birds."}],
        },
        {"type": "text", "text": "Sum it up."},
    ]
    given = [{"role": "user", "content": documents}]
    await resolve(BETA.create(BETA.client(server.url, asynchronous), messages=given))
    row = next(row for row in memory.kept().messages if row["role"] == "user")
    kinds = ["blob", "blob", "search_result", "text"]
    assert [part["type"] for part in row["parts"]] == kinds
    assert row["text"] == "Sum it up."


async def test_a_model_that_takes_over(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    handed = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": {}}
    server.script(events(message([handed, BLOCKS[-1]])))
    async for _ in each(await resolve(BETA.stream(BETA.client(server.url, asynchronous)))):
        pass
    (turn,) = memory.kept().turns
    assert turn["response_model"] == "b"


def look(city: str) -> str:
    """Look at a city.

    Args:
        city: Its name.
    """
    return f"{city}: 21 degrees"


async def async_look(city: str) -> str:
    """Look at a city.

    Args:
        city: Its name.
    """
    return look(city)


async def test_the_tool_runner_is_a_turn_for_each_request(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    name = "async_look" if asynchronous else "look"
    call = ToolCall(name, {"city": "Lisbon"}, "call_7")
    server.script(Answer(choices=(Choice(text=None, tool_calls=(call,)),)), text("21 degrees."))
    tool: Any = anthropic.beta_async_tool(async_look) if asynchronous else anthropic.beta_tool(look)
    client = BETA.client(server.url, asynchronous)
    runner = client.beta.messages.tool_runner(
        model=ANTHROPIC_MODEL,
        max_tokens=99,
        tools=[tool],
        messages=[{"role": "user", "content": "Weather?"}],
    )
    assert len([reply async for reply in each(runner)]) == 2
    found = memory.kept()
    assert len(found.turns) == len(server.journal) == 2
    kinds = [part["type"] for row in found.messages for part in row["parts"]]
    assert kinds == ["text", "tool_call", "tool_call_response", "text"]


async def test_a_thread_whose_history_is_at_anthropics(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = BETA.client(server.url, asynchronous)
    server.script(*[text("All right.", id=f"msg-{number}") for number in range(3)])
    thread = client.beta.messages.thread(model=ANTHROPIC_MODEL, max_tokens=99, messages=[])
    for _ in range(3):
        await resolve(thread.send({"role": "user", "content": "Yes"}))
    assert len(server.journal[-1].json["messages"]) == 1
    found = memory.kept()
    assert texts(found.messages) == [("user", "Yes"), ("assistant", "All right.")] * 3
    previous = sorted(str(turn["previous_response_id"]) for turn in found.turns)
    assert previous == ["None", "msg-0", "msg-1"]


async def test_platforms_have_names(asynchronous: bool, server: WireServer, memory: Memory) -> None:
    kind = "Async" if asynchronous else ""
    vertex = getattr(anthropic, f"{kind}AnthropicVertex")
    foundry = getattr(anthropic, f"{kind}AnthropicFoundry")
    ask = {"model": ANTHROPIC_MODEL, "max_tokens": 9}
    hello: Any = [{"role": "user", "content": "Hi"}]
    client = vertex(
        region="r", project_id="p", access_token="t", base_url=f"{server.url}/v1", max_retries=0
    )
    server.default = lambda received: text("Hello.")
    await resolve(client.messages.create(**ask, messages=hello))
    client = foundry(api_key="k", base_url=f"{server.url}/anthropic", max_retries=0)
    await resolve(client.messages.create(**ask, messages=hello))
    assert server.journal[0].path.endswith(f"/models/{ANTHROPIC_MODEL}:rawPredict")
    turns = memory.kept().turns
    assert sorted(turn["provider"] for turn in turns) == ["anthropic", "gcp.vertex_ai"]
    assert {turn["model"] for turn in turns} == {ANTHROPIC_MODEL}

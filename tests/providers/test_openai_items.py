"""What requests and replies of the Responses API are made of, beside plain messages."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from wire.check import texts
from wire.clients import OPENAI_MODEL, async_openai_client, openai_client
from wire.memory import Memory
from wire.replies import Answer, Choice
from wire.sdks import each, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

Part = dict[str, Any]
PICTURE = bytes(range(200))
ENCODED = base64.b64encode(PICTURE).decode()
BLOB = {
    "type": "blob",
    "modality": "image",
    "mime_type": "image/webp",
    "size": len(PICTURE),
    "sha256": hashlib.sha256(PICTURE).hexdigest(),
}
PNG = {**BLOB, "mime_type": "image/png"}
REFERENCE = {"size": BLOB["size"], "sha256": BLOB["sha256"]}


def hosted(name: str, call: Part, answer: Part | None = None, *, kind: str | None = None) -> Any:
    """The parts of a tool that the provider runs."""
    kind = kind or name
    parts = [
        {
            "type": "server_tool_call",
            "id": "it_1",
            "name": name,
            "server_tool_call": {"type": kind, **call},
        }
    ]
    if answer is not None:
        response = {"id": "it_1", "server_tool_call_response": {"type": kind, **answer}}
        parts.append({"type": "server_tool_call_response", **response})
    return parts


def called(name: str, arguments: Any) -> list[Part]:
    """The part of a tool that the app runs."""
    return [{"type": "tool_call", "id": "call_1", "name": name, "arguments": arguments}]


SEARCH = {"type": "search", "query": "Lisbon", "sources": [{"type": "url", "url": "https://l.pt"}]}
ITEMS: dict[str, tuple[Part, list[Part]]] = {
    "web_search_call": ({"action": SEARCH}, hosted("web_search", {"action": SEARCH})),
    "file_search_call": (
        {"queries": ["a"], "results": [{"file_id": "f1", "text": "found"}]},
        hosted(
            "file_search",
            {"queries": ["a"]},
            {"results": [{"file_id": "f1", "text": "found"}]},
        ),
    ),
    "code_interpreter_call": (
        {
            "code": "print(1)",
            "container_id": "c1",
            "outputs": [
                {"type": "logs", "logs": "1"},
                {"type": "image", "url": f"data:image/png;base64,{ENCODED}"},
            ],
        },
        hosted(
            "code_interpreter",
            {"code": "print(1)", "container_id": "c1"},
            {"outputs": [{"type": "logs", "logs": "1"}, {"type": "image", "url": REFERENCE}]},
        ),
    ),
    "image_generation_call": (
        {"result": ENCODED, "output_format": "webp", "revised_prompt": "A tram"},
        hosted(
            "image_generation",
            {"output_format": "webp", "revised_prompt": "A tram"},
            {"result": BLOB},
        ),
    ),
    "mcp_call": (
        {"name": "roll", "arguments": '{"dice": 2}', "server_label": "dmcp", "output": "7"},
        hosted(
            "roll",
            {"name": "roll", "arguments": '{"dice": 2}', "server_label": "dmcp"},
            {"output": "7"},
            kind="mcp",
        ),
    ),
    "mcp_list_tools": (
        {"server_label": "dmcp", "tools": [{"name": "roll", "input_schema": {"a": "b"}}]},
        [
            {
                "type": "mcp_list_tools",
                "content": {
                    "id": "it_1",
                    "type": "mcp_list_tools",
                    "status": "completed",
                    "server_label": "dmcp",
                    "tools": ["roll"],
                },
            }
        ],
    ),
    "mcp_approval_request": (
        {"name": "roll", "arguments": "{}", "server_label": "dmcp"},
        [{"type": "tool_call", "id": "it_1", "name": "roll", "arguments": {}}],
    ),
    "computer_call": (
        {"call_id": "call_1", "action": {"type": "click", "x": 1}, "pending_safety_checks": []},
        called("computer", {"action": {"type": "click", "x": 1}, "pending_safety_checks": []}),
    ),
    "shell_call": (
        {"call_id": "call_1", "action": {"commands": ["ls"]}},
        called("shell", {"action": {"commands": ["ls"]}}),
    ),
    "custom_tool_call": (
        {"call_id": "call_1", "name": "sql", "input": "SELECT 1"},
        called("sql", "SELECT 1"),
    ),
    "function_call": (
        {"call_id": "call_1", "name": "look", "arguments": '{"a": 1}'},
        called("look", {"a": 1}),
    ),
    "reasoning": (
        {"summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "s3cret"},
        [{"type": "reasoning", "content": "Hm."}],
    ),
    "compaction": ({"encrypted_content": "s3cret"}, [{"type": "compaction", "id": "it_1"}]),
    "brand_new": (
        {"fresh": True},
        [
            {
                "type": "brand_new",
                "content": {
                    "id": "it_1",
                    "type": "brand_new",
                    "status": "completed",
                    "fresh": True,
                },
            }
        ],
    ),
}


def item_of(kind: str) -> Part:
    return {"id": "it_1", "type": kind, "status": "completed", **ITEMS[kind][0]}


def client_of(server: WireServer, asynchronous: bool) -> Any:
    return (async_openai_client if asynchronous else openai_client)(server.url)


async def ask(client: Any, *, stream: bool = False, **more: Any) -> Any:
    """A call, read to its end."""
    given = {"model": OPENAI_MODEL, "input": "Go on.", "stream": stream, **more}
    reply = await resolve(client.responses.create(**given))
    if stream:
        async for _ in each(reply):
            pass
    return reply


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", ITEMS)
async def test_items_of_a_reply(
    kind: str, stream: bool, server: WireServer, memory: Memory, tmp_path: Path
) -> None:
    server.script(Answer((Choice("Done.", items=(item_of(kind),)),)))
    await ask(client_of(server, stream), stream=stream)
    question, reply = memory.kept().messages
    assert (question["role"], reply["role"]) == ("user", "assistant")
    assert reply["parts"] == [*ITEMS[kind][1], {"type": "text", "content": "Done."}]
    assert reply["text"] == "Done."
    for file in tmp_path.glob("memori.db*"):
        assert ENCODED[:100].encode() not in file.read_bytes()
        assert b"s3cret" not in file.read_bytes()


@pytest.mark.parametrize("kind", ITEMS)
async def test_items_sent_back_are_the_ones_that_came(
    kind: str, server: WireServer, memory: Memory
) -> None:
    """As the SDK gives them, and without what a client may leave out."""
    server.script(Answer((Choice("Done.", items=(item_of(kind),)),)), Answer())
    client = client_of(server, False)
    reply = await ask(client)
    again = [{"role": "user", "content": "Go on."}, *reply.output]
    await ask(client, input=[*again, {"role": "user", "content": "And?"}])
    texts_kept = [row["text"] for row in memory.kept().messages]
    assert texts_kept == ["Go on.", "Done.", "And?", Choice().text]


# What is there of an item when two of three deltas, or the item without its results, have come.
BEGUN: dict[str, list[Part]] = {
    "function_call": called("look", '{"a":'),
    "custom_tool_call": called("sql", "SELEC"),
    "mcp_call": hosted(
        "roll", {"name": "roll", "arguments": '{"dice"', "server_label": "dmcp"}, kind="mcp"
    ),
    "code_interpreter_call": hosted("code_interpreter", {"code": "print", "container_id": "c1"}),
    "reasoning": [{"type": "reasoning", "content": "Hm"}],
    **{
        kind: ITEMS[kind][1][:1]
        for kind in (
            "web_search_call",
            "file_search_call",
            "image_generation_call",
            "computer_call",
            "shell_call",
        )
    },
}


@pytest.mark.parametrize("kind", BEGUN)
async def test_a_stream_cut_in_the_middle_of_an_item(
    kind: str, server: WireServer, memory: Memory
) -> None:
    item = item_of(kind)
    cut_after = 3 if BEGUN[kind] == ITEMS[kind][1][:1] else 5
    server.script(Answer((Choice(None, items=(item,)),), pieces=3, cut_after=cut_after))
    with pytest.raises(Exception, match=r"(?i)peer closed|connection"):
        await ask(client_of(server, False), stream=True)
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["incomplete"]
    assert found.messages[1]["parts"] == BEGUN[kind]


async def test_a_shell_command_cut_short(server: WireServer, memory: Memory) -> None:
    item = {"id": "it_1", "type": "shell_call", "call_id": "call_1", "status": "in_progress"}
    place = {"output_index": 0, "sequence_number": 1}
    delta = {"type": "response.shell_call_command.delta", **place}
    events: list[Part] = [
        {"type": "response.output_item.added", **place, "item": {**item, "action": {}}},
        {**delta, "command_index": 0, "delta": "ls "},
        {**delta, "command_index": 0, "delta": "-l"},
        {**delta, "command_index": 1, "delta": "pw"},
    ]
    raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    server.script(Answer(raw=raw.encode()))
    await ask(client_of(server, False), stream=True)
    (_, reply) = memory.kept().messages
    assert reply["parts"] == called("shell", {"action": {"commands": ["ls -l", "pw"]}})


async def test_citations_stay_with_their_text(server: WireServer, memory: Memory) -> None:
    sources = [
        {"type": "url_citation", "url": "https://l.pt", "title": "L", "start_index": 0},
        {"type": "file_citation", "file_id": "f1", "filename": "l.txt", "index": 3},
    ]
    said = {"type": "output_text", "text": "Lisbon.", "annotations": sources, "logprobs": [{}]}
    message = {"id": "m", "type": "message", "role": "assistant", "content": [said]}
    server.script(Answer((Choice(None, items=(message,)),)))
    await ask(client_of(server, False))
    (part,) = memory.kept().messages[1]["parts"]
    assert part == {
        "type": "text",
        "content": "Lisbon.",
        "citations": [
            {"type": "url_citation", "url": "https://l.pt", "title": "L"},
            {"type": "file_citation", "file_id": "f1", "filename": "l.txt"},
        ],
    }


async def test_items_of_a_request(server: WireServer, memory: Memory, tmp_path: Path) -> None:
    url = f"data:image/png;base64,{ENCODED}"
    given: list[Any] = [
        {"type": "item_reference", "id": "msg_9"},
        {"type": "computer_call_output", "call_id": "c1", "output": {
            "type": "computer_screenshot", "image_url": url}},
        {"type": "shell_call_output", "call_id": "c2", "output": [
            {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
        {"type": "local_shell_call_output", "id": "c3", "output": '{"out": 1}'},
        {"type": "custom_tool_call_output", "call_id": "c4", "output": [
            {"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": url}]},
        {"type": "mcp_approval_response", "approval_request_id": "it_1", "approve": True},
        {"role": "user", "content": [
            {"type": "input_audio", "input_audio": {"data": ENCODED, "format": "wav"}},
            {"type": "input_file", "file_id": "f1"},
            {"type": "input_file", "file_url": "https://l.pt/a.pdf"},
            {"type": "input_file", "filename": "a", "file_data": f"data:a/b;base64,{ENCODED}"},
            {"type": "input_image", "file_id": "f2"},
            {"type": "input_text", "text": "Look."}]},
    ]  # fmt: skip
    await ask(client_of(server, False), input=given)
    rows = memory.kept().messages
    shell = {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
    assert [(row["role"], row["parts"]) for row in rows[:5]] == [
        ("tool", [{"type": "tool_call_response", "id": id, "response": response}])
        for id, response in (
            ("c1", PNG),
            ("c2", [{"type": "unknown", "content": shell}]),
            ("c3", '{"out": 1}'),
            ("c4", [{"type": "text", "content": "a"}, PNG]),
            ("it_1", {"approve": True}),
        )
    ]
    audio, *files, picture, said = rows[5]["parts"]
    assert audio == {**BLOB, "modality": "audio", "mime_type": "audio/wav"}
    assert [part["type"] for part in files] == ["file", "uri", "blob"]
    assert picture == {"type": "file", "modality": "image", "file_id": "f2"}
    assert said == {"type": "text", "content": "Look."}
    for file in tmp_path.glob("memori.db*"):
        assert ENCODED[:100].encode() not in file.read_bytes()


async def test_a_prompt_kept_by_the_provider(server: WireServer, memory: Memory) -> None:
    prompt = {
        "id": "pmpt_1",
        "version": "2",
        "variables": {
            "city": "Lisbon",
            "map": {"type": "input_image", "image_url": f"data:image/png;base64,{ENCODED}"},
        },
    }
    client = client_of(server, False)
    for said in ("Hello.", "And?"):
        await ask(client, prompt=prompt, input=said, instructions="Be brief.")
    found = memory.kept()
    assert [turn["system"] for turn in found.turns] == ["Be brief."] * 2
    template, *rest = found.messages
    (part,) = template["parts"]
    assert part == {
        "type": "prompt",
        "id": "pmpt_1",
        "version": "2",
        "variables": {"city": "Lisbon", "map": PNG},
    }
    assert template["role"] == "developer"
    assert [role for role, _ in texts(rest)] == ["user", "assistant"] * 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("choice", "status", "finish", "error"),
    [
        (Choice("You live in", finish="max_output_tokens"), "complete", "max_output_tokens", None),
        (Choice(None, finish="failed"), "error", "failed", "server_error"),
        (Choice("You", finish="failed"), "incomplete", "failed", "server_error"),
        (Choice(None, refusal="No."), "complete", "completed", None),
    ],
    ids=["incomplete", "failed", "failed midway", "refused"],
)
async def test_ends(
    choice: Choice,
    status: str,
    finish: str,
    error: str | None,
    stream: bool,
    asynchronous: bool,
    server: WireServer,
    memory: Memory,
) -> None:
    server.script(Answer((choice,)))
    await ask(client_of(server, asynchronous), stream=stream)
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["error_type"]) == (status, error)
    assert turn["finish_reasons"] == [finish]
    said = choice.text or choice.refusal
    assert texts(found.messages)[1:] == ([("assistant", said)] if said else [])

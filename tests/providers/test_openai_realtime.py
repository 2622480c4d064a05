"""OpenAI's Realtime API over its WebSocket: a turn for each response, with what was said before."""

from __future__ import annotations

import asyncio
import base64
import gc
import importlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from memori_instrumentation import attribution
from wire.check import texts
from wire.clients import async_openai_client, openai_client
from wire.memory import ENTITY, Memory
from wire.sdks import each, entered, resolve
from wire.sockets import Said, SocketServer

pytestmark = pytest.mark.usefixtures("user")

MODEL = "gpt-realtime"
SOUND = base64.b64encode(bytes(range(256)) * 40).decode()
CUT = r"(?i)close frame|connection"


@pytest.fixture(scope="module")
def sockets() -> Iterator[SocketServer]:
    with SocketServer() as running:
        yield running


@pytest.fixture
def server(sockets: SocketServer) -> SocketServer:
    sockets.clear()
    return sockets


def today(server: SocketServer, asynchronous: bool) -> Any:
    make = async_openai_client if asynchronous else openai_client
    return make(server.url).realtime.connect(model=MODEL)


def in_beta(server: SocketServer, asynchronous: bool) -> Any:
    make = async_openai_client if asynchronous else openai_client
    client = make(server.url, websocket_base_url=f"{server.url}/v1".replace("http", "ws"))
    return client.beta.realtime.connect(model=MODEL)


@pytest.fixture(params=[today, in_beta], ids=["today", "beta"])
def connect(request: pytest.FixtureRequest) -> Callable[[SocketServer, bool], Any]:
    found: Callable[[SocketServer, bool], Any] = request.param
    return found


async def say(connection: Any, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    await resolve(connection.conversation.item.create(item=item))


async def speak(connection: Any) -> None:
    await resolve(connection.input_audio_buffer.append(audio=SOUND))
    await resolve(connection.input_audio_buffer.commit())


async def answer(connection: Any, **response: Any) -> list[str]:
    """Ask for a response and read it to its end; the types of what came."""
    given = {"response": response} if response else {}
    await resolve(connection.response.create(**given))
    return await until(connection, "response.done")


async def until(connection: Any, kind: str) -> list[str]:
    types: list[str] = []
    while kind not in types:
        types.append((await resolve(connection.recv())).type)
    return types


@asynccontextmanager
async def opened(
    connect: Callable[[SocketServer, bool], Any], server: SocketServer, asynchronous: bool
) -> AsyncIterator[Any]:
    async with entered(connect(server, asynchronous)) as connection:
        yield connection


async def test_a_conversation(
    connect: Any, asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.instructions = "Be brief."
    server.script(Said("Hello Ann."), Said("Twice so."), Said("Of course."))
    async with opened(connect, server, asynchronous) as connection:
        await say(connection, "I am Ann.")
        await answer(connection)
        await say(connection, "Yes.")
        await say(connection, "Yes.")
        assert "response.done" in await answer(connection)
        assert len(memory.kept().turns) == 2  # while the connection is open
        await answer(connection, instructions="Be long.", temperature=0.7)
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete"] * 3
    assert texts(found.messages) == [
        ("user", "I am Ann."),
        ("assistant", "Hello Ann."),
        ("user", "Yes."),
        ("user", "Yes."),
        ("assistant", "Twice so."),
        ("assistant", "Of course."),
    ]
    ids = [row["id"] for row in found.messages]
    assert [row["parent_id"] for row in found.messages] == [None, *ids[:-1]]
    assert [turn["system"] for turn in found.turns] == ["Be brief.", "Be brief.", "Be long."]
    for turn in found.turns:
        assert (turn["provider"], turn["operation"]) == ("openai", "chat")
        assert (turn["model"], turn["conversation_id"]) == (f"{MODEL}-0001", "conv_1")
        assert turn["usage"] == {"input_tokens": 11, "output_tokens": 7}
        assert turn["finish_reasons"] == ["completed"]
        assert turn["started_at"] <= turn["first_chunk_at"] <= turn["ended_at"]
    spans = memory.spans()
    assert [span.name for span in spans] == [f"chat {MODEL}-0001"] * 3
    attributes = dict(spans[-1].attributes or {})
    assert attributes["server.address"] == "127.0.0.1"
    assert attributes["server.port"] == server.port
    assert attributes["gen_ai.request.temperature"] == 0.7
    assert attributes["gen_ai.response.id"] == found.turns[-1]["response_id"]
    assert [turn["span_id"] for turn in found.turns] == [
        f"{span.get_span_context().span_id:016x}" for span in spans
    ]


@pytest.mark.parametrize("late", [False, True], ids=["transcript before", "transcript after"])
async def test_what_is_spoken(
    late: bool,
    connect: Any,
    asynchronous: bool,
    server: SocketServer,
    memory: Memory,
    tmp_path: Path,
) -> None:
    server.transcribe_late = late
    server.transcripts.extend(["I live in Lisbon.", None, "Bye."])
    server.script(*(Said(said, audio=True) for said in ("Nice.", "Pardon?", "Bye, then.")))
    async with opened(connect, server, asynchronous) as connection:
        for _ in range(3):
            await speak(connection)
            await answer(connection)
        if late:
            await until(connection, "conversation.item.input_audio_transcription.completed")
    found = memory.kept()
    assert texts(found.messages) == [
        ("user", "I live in Lisbon."),
        ("assistant", "Nice."),
        ("user", ""),
        ("assistant", "Pardon?"),
        ("user", "Bye."),
        ("assistant", "Bye, then."),
    ]
    (unheard,) = found.messages[2]["parts"]
    assert (unheard["type"], unheard["modality"]) == ("file", "audio")
    for file in tmp_path.glob("memori.db*"):
        assert SOUND[:60].encode() not in file.read_bytes()
        assert b"UklGRgUklGRg" not in file.read_bytes()


async def test_sound_that_is_not_transcribed(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("Nice.", audio=True))
    async with opened(today, server, asynchronous) as connection:
        content: Any = [{"type": "input_audio", "audio": SOUND}]
        item: Any = {"type": "message", "role": "user", "content": content}
        await resolve(connection.conversation.item.create(item=item))
        await speak(connection)
        await answer(connection)
    first, second, _ = memory.kept().messages
    assert [part["type"] for part in first["parts"]] == ["blob"]
    assert (first["parts"][0]["modality"], first["parts"][0]["size"]) == ("audio", 256 * 40)
    assert [part["type"] for part in second["parts"]] == ["file"]


async def test_function_calls(
    connect: Any, asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    call = {"name": "look", "arguments": '{"city": "Lisbon"}'}
    server.script(Said(None, call=call), Said("Sunny."))
    async with opened(connect, server, asynchronous) as connection:
        await say(connection, "Weather?")
        await answer(connection)
        output: Any = {"type": "function_call_output", "call_id": "call_1", "output": "21 degrees"}
        await resolve(connection.conversation.item.create(item=output))
        await answer(connection)
    found = memory.kept()
    assert len(found.turns) == 2
    kinds = [part["type"] for row in found.messages for part in row["parts"]]
    assert kinds == ["text", "tool_call", "tool_call_response", "text"]
    (asked,) = found.messages[1]["parts"]
    assert (asked["name"], asked["arguments"]) == ("look", {"city": "Lisbon"})
    assert found.messages[2]["text"] == "21 degrees"


async def test_interrupted(
    connect: Any, asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("I was go", audio=True, status="cancelled", reason="turn_detected"))
    async with opened(connect, server, asynchronous) as connection:
        await say(connection, "Hello.")
        await answer(connection)
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["finish_reasons"]) == ("incomplete", ["turn_detected"])
    assert texts(found.messages) == [("user", "Hello."), ("assistant", "I was go")]


async def test_apart_from_the_conversation(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    """A response with an input of its own leaves the conversation alone."""
    server.script(Said("small talk"), Said("Hello."))
    async with opened(today, server, asynchronous) as connection:
        await say(connection, "Hi.")
        content = [{"type": "input_text", "text": "Classify."}]
        item = {"type": "message", "role": "user", "content": content}
        reference = {"type": "item_reference", "id": "item_1"}
        await answer(connection, conversation="none", input=[reference, item])
        await answer(connection)
    found = memory.kept()
    assert [turn["conversation_id"] for turn in found.turns] == [None, "conv_1"]
    said = {row["turn_id"]: [] for row in found.messages}
    for row in found.messages:
        said[row["turn_id"]].append(row["text"])
    assert list(said.values()) == [["Classify.", "small talk"], ["Hi.", "Hello."]]


async def test_a_refused_response_is_no_turn(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said(refused="conversation_already_has_active_response"), Said("Hello."))
    async with opened(today, server, asynchronous) as connection:
        await say(connection, "Hi.")
        await resolve(connection.response.create())
        await until(connection, "error")
        await answer(connection)
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete"]
    assert texts(found.messages) == [("user", "Hi."), ("assistant", "Hello.")]


async def test_a_deleted_item_was_not_said(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("Hello."))
    async with opened(today, server, asynchronous) as connection:
        content: Any = [{"type": "input_text", "text": "Oops."}]
        item: Any = {"id": "mine", "type": "message", "role": "user", "content": content}
        await resolve(connection.conversation.item.create(item=item))
        await say(connection, "Hi.")
        await resolve(connection.conversation.item.delete(item_id="mine"))
        await answer(connection)
    assert texts(memory.kept().messages) == [("user", "Hi."), ("assistant", "Hello.")]


@pytest.mark.parametrize("cut_after", [0, 5])
async def test_connection_cut(
    cut_after: int, connect: Any, asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("One two three.", cut_after=cut_after))
    with pytest.raises(Exception, match=CUT) as raised:  # noqa: PT012 - leaving raises, too
        async with opened(connect, server, asynchronous) as connection:
            await say(connection, "I live in Lisbon.")
            await answer(connection)
    assert type(raised.value).__module__.startswith(("websockets", "openai"))
    found = memory.kept()
    (turn,) = found.turns
    assert turn["status"] == ("incomplete" if cut_after else "error")
    assert "ConnectionClosedError" in turn["error_type"]
    question, *reply = texts(found.messages)
    assert question == ("user", "I live in Lisbon.")
    assert [role for role, _ in reply] == (["assistant"] if cut_after else [])
    assert all("One two three.".startswith(said) for _, said in reply)
    (span,) = memory.spans()
    assert (span.attributes or {})["error.type"]


@pytest.mark.parametrize("leaving", ["close", "exception"])
async def test_left_in_the_middle(
    leaving: str, connect: Any, asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("One two three.", cut_after=None))

    async def leave() -> None:
        async with opened(connect, server, asynchronous) as connection:
            await say(connection, "I live in Lisbon.")
            await resolve(connection.response.create())
            kind = "response.text.delta" if connect is in_beta else "response.output_text.delta"
            await until(connection, kind)
            if leaving == "exception":
                raise LookupError("mine")
            await resolve(connection.close())

    if leaving == "exception":
        with pytest.raises(LookupError, match="mine"):
            await leave()
    else:
        await leave()
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["error_type"]) == ("incomplete", None)
    (_, (role, said)) = texts(found.messages)
    assert role == "assistant"
    assert said
    assert "One two three.".startswith(said)


async def test_cancelled_while_waiting(server: SocketServer, memory: Memory) -> None:
    """Which ends nothing: the connection may be read again."""
    server.script(Said("Hello."))
    async with opened(today, server, True) as connection:
        await connection.recv()  # that the session is there
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.05)
        await say(connection, "Hi.")
        await answer(connection)
    assert texts(memory.kept().messages) == [("user", "Hi."), ("assistant", "Hello.")]


async def test_read_as_bytes_sent_raw_and_iterated(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("Hello."), Said("Again."))
    async with opened(today, server, asynchronous) as connection:
        await say(connection, "Hi.")
        await resolve(connection.send_raw(json.dumps({"type": "response.create"})))
        while b"response.done" not in await resolve(connection.recv_bytes()):
            pass
        await resolve(connection.send({"type": "response.create"}))
        async for event in each(connection):
            if event.type == "response.done":
                break
    said = [("user", "Hi."), ("assistant", "Hello."), ("assistant", "Again.")]
    assert texts(memory.kept().messages) == said


async def test_sent_before_the_connection_is_there(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("Hello."))
    manager = today(server, asynchronous)
    content = [{"type": "input_text", "text": "Hi."}]
    item = {"type": "message", "role": "user", "content": content}
    manager.send({"type": "conversation.item.create", "item": item})
    manager.send({"type": "response.create"})
    async with entered(manager) as connection:
        await until(connection, "response.done")
    assert texts(memory.kept().messages) == [("user", "Hi."), ("assistant", "Hello.")]


async def test_a_connection_made_again(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    """The SDK can; it is a new conversation of the server's."""
    server.script(Said("One two three.", cut_after=5), Said("Hello."))
    make = async_openai_client if asynchronous else openai_client
    manager = make(server.url).realtime.connect(
        model=MODEL, on_reconnecting=lambda event: None, initial_delay=0.01
    )
    types: list[str] = []
    async with entered(manager) as connection:
        await say(connection, "Hi.")
        await resolve(connection.response.create())
        async for event in each(connection):
            types.append(event.type)
            if types.count("session.created") == 2 and event.type == "session.created":
                await say(connection, "Hi again.")
                await resolve(connection.response.create())
            if event.type == "response.done":
                break
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["incomplete", "complete"]
    said = texts(found.messages)
    assert said[0] == ("user", "Hi.")
    assert said[2:] == [("user", "Hi again."), ("assistant", "Hello.")]


async def test_attribution_is_that_of_the_request(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    server.script(Said("Hello Ann."), Said("Hello Bo."), Said("Hello nobody."))
    async with opened(today, server, asynchronous) as connection:
        for who in ("ann", "bo"):
            with attribution(entity=who, session=f"of {who}"):
                await say(connection, f"I am {who}.")
                await answer(connection)
        with suppress_instrumentation():
            await say(connection, "I am nobody.")
            await answer(connection)
    for who in ("ann", "bo"):
        found = memory.kept(who)
        assert [turn["session"] for turn in found.turns] == [f"of {who}"]
        assert found.messages[0]["text"] == f"I am {who}."
    assert memory.kept(ENTITY).turns == []


async def test_suppressed(asynchronous: bool, server: SocketServer, memory: Memory) -> None:
    server.script(Said("Hello."))
    with suppress_instrumentation():
        async with opened(today, server, asynchronous) as connection:
            await say(connection, "Hi.")
            await answer(connection)
    assert memory.kept().turns == []
    assert memory.spans() == []


async def test_types_are_the_sdks_own(
    connect: Any, asynchronous: bool, server: SocketServer, uninstrumented: Memory
) -> None:
    async def shapes() -> list[Any]:
        server.script(Said("Hello."))
        async with opened(connect, server, asynchronous) as connection:
            await say(connection, "Hi.")
            types = await answer(connection)
            return [type(connection), type(connection._connection), types]

    plain = await shapes()
    uninstrumented.instrument()
    assert await shapes() == plain
    assert len(uninstrumented.kept().turns) == 1


async def test_switched_off_in_the_middle(
    connect: Any, asynchronous: bool, server: SocketServer, uninstrumented: Memory
) -> None:
    server.script(Said("Hello."), Said("Unheard."))
    uninstrumented.instrument()
    async with opened(connect, server, asynchronous) as connection:
        await say(connection, "Hi.")
        await answer(connection)
        await say(connection, "Wait.")
        uninstrumented.uninstrument()
        assert "response.done" in await answer(connection)
    async with opened(connect, server, asynchronous) as connection:
        assert "recv" not in vars(connection._connection)
    uninstrumented.instrument()
    assert texts(uninstrumented.kept().messages) == [("user", "Hi."), ("assistant", "Hello.")]


async def test_a_connection_that_is_refused(
    asynchronous: bool, server: SocketServer, memory: Memory
) -> None:
    client = (async_openai_client if asynchronous else openai_client)("http://127.0.0.1:9")
    with pytest.raises(OSError):  # noqa: PT011 - whichever the system raises
        async with entered(client.realtime.connect(model=MODEL)):
            pass
    assert memory.kept().turns == []


async def test_azure(asynchronous: bool, server: SocketServer, memory: Memory) -> None:
    server.script(Said("Hello."))
    make = openai.AsyncAzureOpenAI if asynchronous else openai.AzureOpenAI
    client = make(
        azure_endpoint=server.url.replace("http", "ws"),
        api_key="wire",
        api_version="2025-04-01-preview",
        websocket_base_url=f"{server.url}/openai".replace("http", "ws"),
    )
    async with entered(client.realtime.connect(model="my-realtime")) as connection:
        await say(connection, "Hi.")
        await answer(connection)
    (turn,) = memory.kept().turns
    assert turn["provider"] == "azure.ai.openai"
    assert server.paths[0].startswith("/openai/realtime")


MODULES = (
    "openai.resources.realtime.realtime",
    "openai.resources.responses.responses",
    "openai.resources.beta.responses.responses",
    "openai.resources.beta.realtime.realtime",
)


def managers() -> dict[str, Any]:
    """What the classes that make connections have, to be compared by identity."""
    return {
        f"{module}.{name}.{key}": value
        for module in MODULES
        for name, owner in vars(importlib.import_module(module)).items()
        if name.endswith("ConnectionManager")
        for key, value in vars(owner).items()
    }


def test_everything_is_put_back(uninstrumented: Memory) -> None:
    before = managers()
    uninstrumented.instrument()
    changed = [name for name, value in managers().items() if before[name] is not value]
    assert len(changed) == 2 * 3 + 4
    uninstrumented.uninstrument()
    after = managers()
    assert [name for name, value in after.items() if before[name] is not value] == []


PROGRAM = """
import sys, openai
from memori_instrumentation import MemoriInstrumentor, attribution
database, url = sys.argv[1:]
MemoriInstrumentor().instrument(database=database, extractor="none", embedder="none", worker=False)
client = openai.OpenAI(base_url=url + "/v1", api_key="k")
with attribution(entity="user-1"):
    connection = client.realtime.connect(model="m").enter()
    content = [{"type": "input_text", "text": "I live in Lisbon."}]
    item = {"type": "message", "role": "user", "content": content}
    connection.conversation.item.create(item=item)
    connection.response.create()
    while connection.recv().type != "response.output_text.delta":
        pass
"""


def test_a_program_that_ends_with_an_open_connection(
    server: SocketServer, uninstrumented: Memory
) -> None:
    server.script(Said("One two three."))
    program = [sys.executable, "-c", PROGRAM, uninstrumented.database, server.url]
    done = subprocess.run(program, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = uninstrumented.kept(ENTITY)
    assert [turn["status"] for turn in found.turns] == ["incomplete"]
    (question, (_, said)) = texts(found.messages)
    assert question == ("user", "I live in Lisbon.")
    assert said
    assert "One two three.".startswith(said)


async def test_a_connection_left_alone(server: SocketServer, memory: Memory) -> None:
    """It is over when nothing holds it any more."""
    server.script(Said("One two three.", cut_after=5))
    connection = await today(server, True).enter()
    await say(connection, "I live in Lisbon.")
    await resolve(connection.response.create())
    await until(connection, "response.output_text.delta")
    assert memory.kept().turns == []
    del connection
    for _ in range(100):
        gc.collect()
        await asyncio.sleep(0.01)
        if memory.kept().turns:
            break
    (turn,) = memory.kept().turns
    assert turn["status"] == "incomplete"

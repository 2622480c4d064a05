"""Gemini's Live API over a real socket: a turn for each of the model's, and no sound kept."""

from __future__ import annotations

import asyncio
import base64
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.genai import errors, types
from opentelemetry.instrumentation.utils import suppress_instrumentation

from memori_instrumentation import attribution
from wire.check import texts
from wire.live_server import CUT, WAIT, Closed, LiveServer, content, done, text
from wire.memory import ENTITY, Memory

MODEL = "gemini-live-3-flash"
CONFIG: Any = {"response_modalities": ["TEXT"], "system_instruction": "Be brief."}
SOUND = base64.b64encode(bytes(range(256)) * 50).decode()


@pytest.fixture
async def live() -> AsyncIterator[LiveServer]:
    async with LiveServer("session-7") as running:
        yield running


def connect(live: LiveServer, config: Any = CONFIG) -> Any:
    return live.client().aio.live.connect(model=MODEL, config=config)


async def test_the_enterprise_platform(live: LiveServer, memory: Memory) -> None:
    live.script([text("Hello."), done()])
    with attribution(entity=ENTITY):
        client = live.client(vertexai=True)
        async with client.aio.live.connect(model=MODEL, config=CONFIG) as session:
            await session.send_client_content(turns=user("Hi"))
            await heard(session)
    (turn,) = memory.kept().turns
    assert (turn["provider"], turn["model"]) == ("gcp.vertex_ai", MODEL)


def user(said: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=said)])


async def heard(session: Any) -> list[types.LiveServerMessage]:
    """The messages of one of the model's turns."""
    return [message async for message in session.receive()]


async def test_a_conversation(live: LiveServer, memory: Memory) -> None:
    live.script(
        [text("You live "), text("in Lisbon."), done(promptTokenCount=11, responseTokenCount=7)],
        [text("Yes."), content(generationComplete=True), done()],
    )
    with attribution(entity=ENTITY, session="s"):
        async with connect(live) as session:
            await session.send_client_content(turns=user("Where do I live?"))
            messages = await heard(session)
            assert "".join(message.text or "" for message in messages) == "You live in Lisbon."
            await session.send_realtime_input(text="Are you sure?")
            assert await heard(session)
    found = memory.kept()
    assert texts(found.messages) == [
        ("user", "Where do I live?"),
        ("assistant", "You live in Lisbon."),
        ("user", "Are you sure?"),
        ("assistant", "Yes."),
    ]
    first, second = found.turns
    assert [turn["status"] for turn in found.turns] == ["complete", "complete"]
    assert first["usage"] == {"input_tokens": 11, "output_tokens": 7}
    for turn in (first, second):
        assert (turn["model"], turn["provider"]) == (MODEL, "gcp.gemini")
        assert (turn["system"], turn["conversation_id"]) == ("Be brief.", "session-7")
        assert turn["finish_reasons"] == ["STOP"]
    one, two = memory.spans()
    attributes = dict(one.attributes or {})
    assert one.name == two.name == f"generate_content {MODEL}"
    assert attributes["server.port"] == live.port
    assert attributes["gen_ai.response.time_to_first_chunk"]


def rows(memory: Memory) -> list[tuple[str, list[str]]]:
    """Role and kinds of parts of the stored messages, in order."""
    found = sorted(memory.kept().messages, key=lambda row: int(row["position"]))
    return [(row["role"], [part["type"] for part in row["parts"]]) for row in found]


@pytest.mark.usefixtures("user")
async def test_a_tool_call_ends_a_turn_and_its_answer_begins_one(
    live: LiveServer, memory: Memory
) -> None:
    call = {"id": "call-1", "name": "look_up", "args": {"city": "Lisbon"}}
    live.script(
        [text("Wait."), {"toolCall": {"functionCalls": [call]}}],
        [text("21 degrees."), done()],
    )
    async with connect(live) as session:
        await session.send_client_content(turns=user("Weather?"))
        receiving = session.receive()
        while not (await anext(receiving)).tool_call:
            pass
        answer = types.FunctionResponse(id="call-1", name="look_up", response={"degrees": 21})
        await session.send_tool_response(function_responses=answer)
        assert [message async for message in receiving]
    assert rows(memory) == [
        ("user", ["text"]),
        ("assistant", ["text", "tool_call"]),
        ("tool", ["tool_call_response"]),
        ("assistant", ["text"]),
    ]
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete", "complete"]
    parts = [part for row in found.messages for part in row["parts"]]
    assert {"type": "tool_call", "id": "call-1", "name": "look_up"}.items() <= parts[2].items()
    assert parts[3]["response"] == {"degrees": 21}


def sound(**more: Any) -> Any:
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": SOUND}}
    return content(modelTurn={"parts": [part]}, **more)


@pytest.mark.usefixtures("user")
async def test_sound_is_kept_as_its_transcripts(
    live: LiveServer, memory: Memory, tmp_path: Path
) -> None:
    live.script(
        [
            content(inputTranscription={"text": "Where do"}),
            sound(),
            content(inputTranscription={"text": " I live?"}),
            content(outputTranscription={"text": "In "}),
            sound(),
            content(outputTranscription={"text": "Lisbon."}),
            sound(turnComplete=True),
        ]
    )
    async with connect(live, {"response_modalities": ["AUDIO"]}) as session:
        for _ in range(3):
            blob = types.Blob(data=b"\0\1" * 800, mime_type="audio/pcm;rate=16000")
            await session.send_realtime_input(audio=blob)
        await session.send_realtime_input(audio_stream_end=True)
        messages = await heard(session)
        assert sum(bool(message.data) for message in messages) == 3
    found = memory.kept()
    assert texts(found.messages) == [("user", "Where do I live?"), ("assistant", "In Lisbon.")]
    assert [turn["status"] for turn in found.turns] == ["complete"]
    for file in tmp_path.glob("memori.db*"):
        assert SOUND[1000:1100].encode() not in file.read_bytes()


@pytest.mark.usefixtures("user")
async def test_being_interrupted(live: LiveServer, memory: Memory) -> None:
    """What the user says in the middle of an answer belongs to the next one."""
    live.script(
        [
            text("Once upon a"),
            WAIT,
            content(interrupted=True),
            done(),
            text("All right."),
            done(),
        ]
    )
    async with connect(live) as session:
        await session.send_client_content(turns=user("Tell me a story"))
        receiving = session.receive()
        assert (await anext(receiving)).text == "Once upon a"
        await session.send_client_content(turns=user("Stop"))
        assert [message async for message in receiving]
        assert await heard(session)
    found = memory.kept()
    assert texts(found.messages) == [
        ("user", "Tell me a story"),
        ("assistant", "Once upon a"),
        ("user", "Stop"),
        ("assistant", "All right."),
    ]
    assert [turn["status"] for turn in found.turns] == ["incomplete", "complete"]
    assert found.turns[0]["finish_reasons"] == ["INTERRUPTED"]


@pytest.mark.usefixtures("user")
async def test_saying_the_same_again_is_another_message(live: LiveServer, memory: Memory) -> None:
    """Without a session id of the server's, too, a socket is one conversation."""
    live._session_id = None
    live.script(*[[text("All right."), done()]] * 3)
    async with connect(live) as session:
        for _ in range(3):
            await session.send_client_content(turns=user("Yes"))
            await heard(session)
    found = memory.kept()
    assert texts(found.messages) == [("user", "Yes"), ("assistant", "All right.")] * 3
    assert len({turn["conversation_id"] for turn in found.turns}) == 1


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("end", [CUT, Closed(1011), Closed(1000)], ids=["cut", "1011", "1000"])
@pytest.mark.parametrize("said", [[], [text("In Lis")]], ids=["before", "midway"])
async def test_a_connection_that_breaks_off(
    end: Any, said: list[Any], live: LiveServer, memory: Memory
) -> None:
    live.script([*said, end])
    async with connect(live) as session:
        await session.send_client_content(turns=user("Where do I live?"))
        with pytest.raises(errors.APIError):
            await heard(session)
    found = memory.kept()
    expected = [("user", "Where do I live?"), *[("assistant", "In Lis")] * len(said)]
    assert texts(found.messages) == expected
    (turn,) = found.turns
    broken = end != Closed(1000)
    assert turn["status"] == ("error" if broken and not said else "incomplete")
    assert (turn["error_type"] or "").endswith("ConnectionClosedError") is broken


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("way", ["leave", "close", "drop"])
async def test_a_session_left_in_the_middle(way: str, live: LiveServer, memory: Memory) -> None:
    live.script([text("In Lis"), WAIT])
    if way == "leave":
        async with connect(live) as session:
            await session.send_client_content(turns=user("Where do I live?"))
            await anext(session.receive())
    else:
        manager: Any = connect(live)
        session = await manager.__aenter__()
        await session.send_client_content(turns=user("Where do I live?"))
        await anext(session.receive())
        if way == "close":
            await session.close()
        else:
            session._ws.transport.abort()
            await session._ws.wait_closed()
            del session, manager
            for _ in range(3):
                gc.collect()
                await asyncio.sleep(0.01)
    found = memory.kept()
    assert texts(found.messages) == [("user", "Where do I live?"), ("assistant", "In Lis")]
    assert [turn["status"] for turn in found.turns] == ["incomplete"]
    assert len(memory.spans()) == 1


@pytest.mark.usefixtures("user")
async def test_giving_up_to_wait_is_no_end(live: LiveServer, memory: Memory) -> None:
    live.script([WAIT, text("At last."), done()])
    async with connect(live) as session:
        await session.send_client_content(turns=user("Hello?"), turn_complete=True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(heard(session), 0.05)
        await session.send_realtime_input(activity_start={})
        assert await heard(session)
    found = memory.kept()
    assert texts(found.messages) == [("user", "Hello?"), ("assistant", "At last.")]
    assert [turn["status"] for turn in found.turns] == ["complete"]


async def test_whose_turn_it_is(live: LiveServer, memory: Memory) -> None:
    """Who the turn begins for; in a task that was told nothing, who the socket was opened for."""
    live.script(*[[text("Hello."), done()]] * 2)
    with attribution(entity=ENTITY, session="s"):
        manager = connect(live)
        session = await manager.__aenter__()
    await session.send_client_content(turns=user("Hi from one"))
    await heard(session)
    with attribution(entity="user-2", session="s"):
        await session.send_client_content(turns=user("Hi from two"))
        await heard(session)
    await manager.__aexit__(None, None, None)
    for entity, said in ((ENTITY, "Hi from one"), ("user-2", "Hi from two")):
        expected = [("user", said), ("assistant", "Hello.")]
        assert texts(memory.kept(entity).messages) == expected


@pytest.mark.usefixtures("user")
async def test_instructions_that_change(live: LiveServer, memory: Memory) -> None:
    live.script(*[[text("Hello."), done()]] * 2)
    async with connect(live) as session:
        await session.send_client_content(turns=user("Hi"))
        await heard(session)
        await session.send_context_update(system_instruction="Be long.")
        await session.send_client_content(turns=user("Hi again"))
        await heard(session)
    assert [turn["system"] for turn in memory.kept().turns] == ["Be brief.", "Be long."]


@pytest.mark.usefixtures("user")
async def test_history_that_is_sent_along(live: LiveServer, memory: Memory) -> None:
    live.script([text("Ann."), done()])
    turns = [
        user("I am Ann"),
        types.Content(role="model", parts=[types.Part(text="Hello, Ann.")]),
        user("Who am I?"),
    ]
    async with connect(live) as session:
        await session.send_client_content(turns=turns[:2], turn_complete=False)
        await session.send_client_content(turns=turns[2:])
        await heard(session)
    assert texts(memory.kept().messages) == [
        ("user", "I am Ann"),
        ("assistant", "Hello, Ann."),
        ("user", "Who am I?"),
        ("assistant", "Ann."),
    ]


@pytest.mark.usefixtures("user")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_the_old_way_to_send(live: LiveServer, memory: Memory) -> None:
    live.script([text("Hello."), done()])
    async with connect(live) as session:
        await session.send(input="Hi", end_of_turn=True)
        await heard(session)
    assert texts(memory.kept().messages) == [("user", "Hi"), ("assistant", "Hello.")]


@pytest.mark.usefixtures("user")
async def test_what_is_not_captured(live: LiveServer, memory: Memory) -> None:
    """A suppressed session, and one in which nobody said anything."""
    live.script([text("Hello."), done()])
    with suppress_instrumentation():
        async with connect(live) as session:
            await session.send_client_content(turns=user("Hi"))
            await heard(session)
    async with connect(live) as session:
        blob = types.Blob(data=b"\0\1" * 800, mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)
    assert memory.kept().turns == []
    assert memory.spans() == []


@pytest.mark.usefixtures("user")
async def test_nothing_is_left_behind(live: LiveServer, uninstrumented: Memory) -> None:
    """A session that outlives the instrumentation goes on; the next one is the SDK's own."""
    from google.genai import live as module

    original = module.ws_connect
    live.script(*[[text("Hello."), done()]] * 3)
    uninstrumented.instrument()
    assert module.ws_connect is not original
    async with connect(live) as session:
        await session.send_client_content(turns=user("Hi"))
        await heard(session)
        uninstrumented.uninstrument()
        await session.send_client_content(turns=user("Still there?"))
        assert await heard(session)
        patched = session._ws
    assert module.ws_connect is original
    async with connect(live) as session:
        assert type(session._ws) is type(patched)
        assert {"send", "recv", "close"}.isdisjoint(vars(session._ws))
        await session.send_client_content(turns=user("Hi"))
        assert await heard(session)
    assert texts(uninstrumented.kept().messages) == [("user", "Hi"), ("assistant", "Hello.")]


@pytest.mark.usefixtures("user")
async def test_many_sessions_at_once(live: LiveServer, memory: Memory) -> None:
    live.script(*[[text("Hello."), done()]] * 10)

    async def talk(number: int) -> None:
        with attribution(entity=f"user-{number}"):
            async with connect(live) as session:
                await session.send_client_content(turns=user(f"I am {number}"))
                await heard(session)

    await asyncio.gather(*[talk(number) for number in range(10)])
    for number in range(10):
        said = texts(memory.kept(f"user-{number}").messages)
        assert said == [("user", f"I am {number}"), ("assistant", "Hello.")]

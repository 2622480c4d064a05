"""The Responses API over its WebSocket: a turn for each response, as over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from memori_instrumentation import attribution
from wire.check import differences, texts
from wire.clients import OPENAI_MODEL, async_openai_client, openai_client
from wire.memory import Memory
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import each, entered, resolve
from wire.sockets import SocketServer

pytestmark = pytest.mark.usefixtures("user")

ASKED: dict[str, Any] = {"model": OPENAI_MODEL, "input": "I live in Lisbon."}
FINAL = ("response.completed", "response.incomplete", "response.failed", "error")


@pytest.fixture(scope="module")
def sockets() -> Iterator[SocketServer]:
    with SocketServer() as running:
        yield running


@pytest.fixture
def server(sockets: SocketServer) -> SocketServer:
    sockets.clear()
    return sockets


@pytest.fixture(params=[False, True], ids=["responses", "beta"])
def resource(request: pytest.FixtureRequest, server: SocketServer, asynchronous: bool) -> Any:
    client = (async_openai_client if asynchronous else openai_client)(server.url)
    return client.beta.responses if request.param else client.responses


async def answer(connection: Any, **more: Any) -> list[str]:
    """Ask, and read to the end of the answer; the types of what came."""
    await resolve(connection.response.create(**{**ASKED, **more}))
    types: list[str] = []
    while not types or types[-1] not in FINAL:
        types.append((await resolve(connection.recv())).type)
    return types


async def test_one_call(resource: Any, server: SocketServer, memory: Memory) -> None:
    server.script(text("Lisbon, then."))
    async with entered(resource.connect()) as connection:
        await answer(connection, instructions="Be brief.")
        found = memory.kept()  # while the connection is open
    assert differences(server.exchanges[-1], found) == []
    (turn,) = found.turns
    assert (turn["system"], turn["model"]) == ("Be brief.", OPENAI_MODEL)
    assert turn["started_at"] <= turn["first_chunk_at"] <= turn["ended_at"]
    (span,) = memory.spans()
    attributes = dict(span.attributes or {})
    assert attributes["gen_ai.response.id"] == turn["response_id"]
    assert attributes["server.port"] == server.port
    assert turn["span_id"] == f"{span.get_span_context().span_id:016x}"


async def test_a_conversation(resource: Any, server: SocketServer, memory: Memory) -> None:
    call = ToolCall("look", {"city": "Lisbon"}, "call_7")
    server.script(
        text("Fine.", id="r0"),
        Answer((Choice(None, tool_calls=(call,)),), id="r1"),
        text("Sunny.", id="r2"),
    )
    async with entered(resource.connect()) as connection:
        await answer(connection)
        await answer(connection, previous_response_id="r0")
        output = {"type": "function_call_output", "call_id": "call_7", "output": "21"}
        await answer(connection, previous_response_id="r1", input=[output])
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete"] * 3
    assert [row["text"] for row in found.messages] == [
        "I live in Lisbon.",
        "Fine.",
        "I live in Lisbon.",
        "",
        "21",
        "Sunny.",
    ]
    ids = [row["id"] for row in found.messages]
    assert [row["parent_id"] for row in found.messages] == [None, *ids[:-1]]


@pytest.mark.parametrize("cut_after", [0, 6])
async def test_connection_cut(
    cut_after: int, resource: Any, server: SocketServer, memory: Memory
) -> None:
    server.script(text("One two three.", cut_after=cut_after))
    with pytest.raises(Exception, match=r"(?i)close frame|connection"):
        async with entered(resource.connect()) as connection:
            await answer(connection)
    found = memory.kept()
    (turn,) = found.turns
    assert turn["status"] == ("incomplete" if cut_after else "error")
    assert "ConnectionClosedError" in turn["error_type"]
    question, *reply = texts(found.messages)
    assert question == ("user", "I live in Lisbon.")
    assert bool(reply) is (cut_after > 0)
    assert all("One two three.".startswith(said) for _, said in reply)


async def test_left_in_the_middle(resource: Any, server: SocketServer, memory: Memory) -> None:
    server.script(text("One two three."))
    async with entered(resource.connect()) as connection:
        await resolve(connection.response.create(**ASKED))
        async for event in each(connection):
            if event.type == "response.output_text.delta":
                break
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["error_type"]) == ("incomplete", None)


async def test_errors_and_failures(resource: Any, server: SocketServer, memory: Memory) -> None:
    server.script(
        Answer(status=400, error="no such thing"),
        Answer((Choice(None, finish="failed"),), id="r1", error="fell over"),
        text("At last.", id="r2"),
    )
    async with entered(resource.connect()) as connection:
        for number in range(3):
            await answer(connection, input=f"Number {number}")
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["error", "error", "complete"]
    assert [turn["error_message"] for turn in found.turns[:2]] == ["no such thing", "fell over"]
    said = [row["text"] for row in found.messages]
    assert said == ["Number 0", "Number 1", "Number 2", "At last."]


@pytest.mark.skipif(
    find_spec("openai.lib.responses_websocket") is None, reason="an older release has no sessions"
)
async def test_lanes(asynchronous: bool, server: SocketServer, memory: Memory) -> None:
    """Several conversations over one connection, through the SDK's session, which sends past its
    own connection."""
    from openai.lib.responses_websocket import (
        AsyncResponsesWebSocketSession,
        ResponsesWebSocketLimits,
        ResponsesWebSocketSession,
    )

    limits = ResponsesWebSocketLimits(
        max_lanes=8,
        max_events_per_lane=500,
        max_events=2000,
        max_bytes_per_lane=1 << 20,
        max_bytes=1 << 22,
    )
    server.script(*(text(f"Answer {number}", id=f"r{number}") for number in range(3)))
    client = (async_openai_client if asynchronous else openai_client)(server.url)
    kind = AsyncResponsesWebSocketSession if asynchronous else ResponsesWebSocketSession
    async with (
        entered(client.responses.connect()) as connection,
        entered(kind(connection, limits=limits)) as session,
    ):
        lanes = [session.lane(f"lane-{number}") for number in range(3)]
        for number, lane in enumerate(lanes):
            with attribution(session=f"s{number}"):
                request = {"type": "response.create", **ASKED, "input": f"Question {number}"}
                await resolve(lane.send(request))
        for number, lane in enumerate(lanes):
            response = await resolve(lane.get_final_response())
            assert response.output_text == f"Answer {number}"
    found = memory.kept()
    assert sorted(turn["session"] for turn in found.turns) == ["s0", "s1", "s2"]
    for number in range(3):
        rows = [row["text"] for row in found.messages if row["session"] == f"s{number}"]
        assert rows == [f"Question {number}", f"Answer {number}"]


async def test_steering(asynchronous: bool, server: SocketServer, memory: Memory) -> None:
    """What is said while an answer is made is the request of the one that takes its place."""
    steered = Answer((Choice("One two", finish="steered"),), id="r0")
    server.script(steered, text("Three.", id="r1"))
    client = (async_openai_client if asynchronous else openai_client)(server.url)
    async with entered(client.responses.connect()) as connection:
        await answer(connection)
        steer = {"type": "response.steer", "previous_response_id": "r0", "input": "Be quick."}
        await resolve(connection.send(steer))
        async for event in each(connection):
            if event.type == "response.completed":
                break
    found = memory.kept()
    assert [turn["finish_reasons"] for turn in found.turns] == [["steered"], ["completed"]]
    assert found.turns[1]["previous_response_id"] == "r0"
    assert [row["text"] for row in found.messages] == [
        "I live in Lisbon.",
        "One two",
        "Be quick.",
        "Three.",
    ]


def test_sent_and_read_on_different_threads(server: SocketServer, memory: Memory) -> None:
    count = 30
    server.script(*(text(f"Answer {number}", id=f"r{number}") for number in range(count)))
    with openai_client(server.url).responses.connect() as connection:
        finals: list[str] = []

        def read() -> None:
            while len(finals) < count:
                event = connection.recv()
                if event.type in FINAL:
                    finals.append(event.type)

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(count):
            connection.response.create(model=OPENAI_MODEL, input=f"Question {number}")
        reader.join(30)
    found = memory.kept()
    assert len(found.turns) == count
    by_turn: dict[str, list[str]] = {}
    for row in found.messages:
        by_turn.setdefault(row["turn_id"], []).append(row["text"])
    assert list(by_turn.values()) == [[f"Question {n}", f"Answer {n}"] for n in range(count)]


async def test_many_connections_at_once(server: SocketServer, memory: Memory) -> None:
    client = async_openai_client(server.url)
    server.script(*(text("Fine.", id=f"r{number}") for number in range(20)))

    async def talk(number: int) -> None:
        with attribution(entity=f"user {number}"):
            async with client.responses.connect() as connection:
                for _ in range(2):
                    await answer(connection, input=f"I am {number}.")

    await asyncio.gather(*(talk(number) for number in range(10)))
    for number in range(10):
        found = memory.kept(f"user {number}")
        assert len(found.turns) == 2
        assert {row["text"] for row in found.messages} == {f"I am {number}.", "Fine."}

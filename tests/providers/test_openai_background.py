"""Responses that are made in the background: stored when asked for, completed when fetched."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any

import openai
import pytest

from memori_instrumentation import attribution
from wire.check import Kept, differences, texts
from wire.clients import OPENAI_MODEL, async_openai_client, openai_client
from wire.memory import ENTITY, Memory
from wire.replies import Answer, Choice, Received, text
from wire.sdks import each, entered, resolve, step
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

SAID = "You live in Lisbon, which is in Portugal. " * 4
ASKED: dict[str, Any] = {"model": OPENAI_MODEL, "input": "I live in Lisbon.", "background": True}


def client_of(server: WireServer, asynchronous: bool) -> Any:
    return (async_openai_client if asynchronous else openai_client)(server.url)


def fetched(server: WireServer) -> Received:
    """The creation in the journal, as if it had been answered with what was fetched last."""
    create = next(it for it in server.journal if it.method == "POST" and it.body)
    request = {**create.json, "stream": server.journal[-1].answered[:1] != b"{"}
    body = json.dumps(request).encode()
    return dataclasses.replace(create, body=body, answered=server.journal[-1].answered)


def assert_pending(found: Kept) -> None:
    """One turn with what the user said."""
    (turn,) = found.turns
    assert (turn["status"], turn["finish_reasons"]) == ("incomplete", [])
    assert texts(found.messages) == [("user", "I live in Lisbon.")]


def assert_complete(server: WireServer, found: Kept) -> None:
    assert differences(fetched(server), found) == []
    (turn,) = found.turns
    assert turn["finish_reasons"] == ["completed"]
    assert turn["response_model"] == f"{OPENAI_MODEL}-0001"


async def test_polled(asynchronous: bool, server: WireServer, memory: Memory) -> None:
    client = client_of(server, asynchronous)
    server.script(text(SAID, id="resp_1", polls=2))
    begun = await resolve(client.responses.create(**ASKED))
    assert begun.status == "queued"
    assert_pending(memory.kept())
    statuses = []
    for _ in range(5):
        response = await resolve(client.responses.retrieve("resp_1"))
        statuses.append(response.status)
    assert statuses == ["in_progress"] * 2 + ["completed"] * 3
    found = memory.kept()
    assert_complete(server, found)
    (span,) = memory.spans()  # polling is no call of a model
    assert span.attributes is not None
    assert span.attributes["gen_ai.response.id"] == "resp_1"
    assert found.turns[0]["span_id"] == f"{span.get_span_context().span_id:016x}"


async def test_fetched_as_a_stream(asynchronous: bool, server: WireServer, memory: Memory) -> None:
    client = client_of(server, asynchronous)
    server.script(text(SAID, id="resp_1", polls=9))
    await resolve(client.responses.create(**ASKED))
    stream = await resolve(client.responses.retrieve("resp_1", stream=True, starting_after=4))
    events = [event async for event in each(stream)]
    assert events[0].sequence_number == 5
    assert_complete(server, memory.kept())


async def test_streamed_from_the_start(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = client_of(server, asynchronous)
    server.script(text(SAID, id="resp_1"))
    stream = await resolve(client.responses.create(**ASKED, stream=True))
    async for _ in each(stream):
        pass
    before = memory.kept()
    assert differences(server.journal[-1], before) == []
    await resolve(client.responses.retrieve("resp_1"))
    assert memory.kept() == before


@pytest.mark.parametrize("close", [True, False], ids=["closed", "abandoned"])
async def test_a_stream_left_early_and_taken_up_again(
    close: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = client_of(server, asynchronous)
    server.script(text(SAID, id="resp_1", pieces=20, between_events=0.02))
    stream = await resolve(client.responses.create(**ASKED, stream=True))
    iterator = aiter(stream) if asynchronous else iter(stream)
    for _ in range(9):
        event = await step(iterator)
    if close:
        await resolve(stream.close())
        (turn,) = memory.kept().turns
        assert turn["status"] == "incomplete"
        (_, partial) = texts(memory.kept().messages)
        assert SAID.startswith(partial[1])
    # Taken up in the middle, and cut again; then to the end. An abandoned stream is still open.
    server.background.cut_after = 3
    after = {"stream": True, "starting_after": event.sequence_number}
    with pytest.raises(Exception, match=r"(?i)peer closed|connection|incomplete"):
        async for _ in each(await resolve(client.responses.retrieve("resp_1", **after))):
            pass
    async for _ in each(await resolve(client.responses.retrieve("resp_1", **after))):
        pass
    memory.flush()
    if not close:
        await resolve(stream.close())
    assert_complete(server, memory.kept())


async def test_the_sdks_stream_helper(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = client_of(server, asynchronous)
    server.script(text(SAID, id="resp_1", pieces=20))
    async with entered(client.responses.stream(**ASKED)) as stream:
        async for event in each(stream):
            if event.type == "response.output_text.delta":
                break
    assert len(memory.kept().turns) == 1
    async with entered(client.responses.stream(response_id="resp_1", starting_after=0)) as stream:
        async for _ in each(stream):
            pass
    assert_complete(server, memory.kept())


async def test_cancelled(asynchronous: bool, server: WireServer, memory: Memory) -> None:
    client = client_of(server, asynchronous)
    server.script(text(SAID, id="resp_1", polls=9))
    await resolve(client.responses.create(**ASKED))
    assert (await resolve(client.responses.cancel("resp_1"))).status == "cancelled"
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["finish_reasons"]) == ("incomplete", ["cancelled"])
    assert texts(found.messages) == [("user", "I live in Lisbon.")]
    await resolve(client.responses.retrieve("resp_1"))
    assert memory.kept() == found


@pytest.mark.parametrize(
    ("finish", "status", "error"),
    [("failed", "error", "server_error"), ("max_output_tokens", "complete", None)],
)
async def test_ends_of_other_kinds(
    finish: str,
    status: str,
    error: str | None,
    asynchronous: bool,
    server: WireServer,
    memory: Memory,
) -> None:
    client = client_of(server, asynchronous)
    said = None if error else "You live in"
    server.script(Answer((Choice(said, finish=finish),), "resp_1", polls=1))
    await resolve(client.responses.create(**ASKED))
    for _ in range(3):
        await resolve(client.responses.retrieve("resp_1"))
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["error_type"]) == (status, error)
    assert turn["finish_reasons"] == [finish]
    assert texts(found.messages)[1:] == ([("assistant", said)] if said else [])


async def test_other_responses_are_kept_off(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """One that nobody saw asked for has no question of ours; one that came at once is there."""
    client = client_of(server, asynchronous)
    server.background.begin(text(SAID, id="resp_9"), OPENAI_MODEL)  # by somebody else
    await resolve(client.responses.retrieve("resp_9"))
    assert memory.kept().turns == []
    answer = text(SAID, id="resp_1")
    server.script(answer)
    await resolve(client.responses.create(**{**ASKED, "background": False}))
    before = memory.kept()
    server.background.begin(answer, OPENAI_MODEL)
    await resolve(client.responses.retrieve("resp_1"))
    assert memory.kept() == before
    with pytest.raises(openai.NotFoundError):
        await resolve(client.responses.retrieve("resp_0"))
    assert memory.kept() == before


async def test_the_conversation_goes_on_after_the_answer(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = client_of(server, asynchronous)
    server.script(text("One.", id="resp_1"), text("Two.", id="resp_2"))
    await resolve(client.responses.create(**ASKED))
    await resolve(client.responses.retrieve("resp_1"))
    more = {**ASKED, "input": "And then?", "previous_response_id": "resp_1", "background": False}
    await resolve(client.responses.create(**more))
    found = memory.kept()
    said = ["I live in Lisbon.", "One.", "And then?", "Two."]
    assert [row["text"] for row in found.messages] == said
    ids = [row["id"] for row in found.messages]
    assert [row["parent_id"] for row in found.messages] == [None, *ids[:-1]]


POLLING = """
import os, openai
from memori_instrumentation import MemoriInstrumentor
MemoriInstrumentor().instrument(extractor="none", embedder="none")
client = openai.OpenAI(base_url=os.environ["WIRE"] + "/v1", api_key="sk")
for _ in range(3):
    print(client.responses.retrieve("resp_1").status)
"""


def test_fetched_by_another_process(server: WireServer, memory: Memory) -> None:
    """One that was told nothing of whose it is."""
    client = openai_client(server.url)
    server.script(text(SAID, id="resp_1", polls=1))
    client.responses.create(**ASKED)
    assert_pending(memory.kept())
    done = subprocess.run(
        [sys.executable, "-c", POLLING],
        env={**os.environ, "WIRE": server.url, "MEMORI_DATABASE_URL": memory.database},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["in_progress", "completed", "completed"]
    assert "memori" not in done.stderr
    assert_complete(server, memory.kept())


def test_other_peoples_polling_completes_the_askers_turn(
    server: WireServer, memory: Memory
) -> None:
    client = openai_client(server.url)
    server.script(text(SAID, id="resp_1"))
    client.responses.create(**ASKED)
    with attribution(entity="somebody else", session="t"):
        client.responses.retrieve("resp_1")
    assert_complete(server, memory.kept(ENTITY))
    assert memory.kept("somebody else") == Kept()


def test_fetching_while_capture_is_off(server: WireServer, uninstrumented: Memory) -> None:
    client = openai_client(server.url)
    server.script(text(SAID, id="resp_1"))
    uninstrumented.instrument()
    client.responses.create(**ASKED)
    uninstrumented.uninstrument()
    assert client.responses.retrieve("resp_1").output_text == SAID
    uninstrumented.instrument()
    assert_pending(uninstrumented.kept())
    client.responses.retrieve("resp_1")
    assert_complete(server, uninstrumented.kept())

"""Conversations that the provider keeps: requests name what they go on from, and say no more."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from memori_instrumentation import attribution
from wire.check import Kept, texts
from wire.clients import OPENAI_MODEL, async_openai_client, openai_client
from wire.memory import ENTITY, Memory
from wire.replies import text
from wire.sdks import each, resolve
from wire.server import WireServer

CONVERSATION = {"id": "conv_1"}
LINKS: dict[str, Any] = {
    "response": lambda number: {"previous_response_id": f"r{number - 1}"} if number else {},
    "conversation": lambda number: {"conversation": CONVERSATION},
    "conversation's id": lambda number: {"conversation": "conv_1"},
}


async def say(
    client: Any, number: int, server: WireServer, *, stream: bool = False, **more: Any
) -> None:
    """A call that says the same as every other, and its answer, which does too."""
    server.script(text("Fine.", id=f"r{number}"))
    given = {"model": OPENAI_MODEL, "input": "Yes.", "stream": stream, **more}
    reply = await resolve(client.responses.create(**given))
    if stream:
        async for _ in each(reply):
            pass


def assert_one_conversation(found: Kept, turns: int) -> None:
    """Each turn's messages after those of the one before."""
    assert len(found.turns) == turns
    assert len({row["session"] for row in found.messages}) == 1
    assert texts(found.messages) == [("user", "Yes."), ("assistant", "Fine.")] * turns
    rows = sorted(found.messages, key=lambda row: int(row["position"]))
    ids = [row["id"] for row in rows]
    assert [row["parent_id"] for row in rows] == [None, *ids[:-1]]
    by_turn = [row["id"] for row in found.turns for _ in range(2)]
    assert [row["turn_id"] for row in rows] == by_turn


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("session", ["s", None], ids=["session", "no session"])
async def test_turns_follow_each_other(
    session: str | None,
    link: str,
    stream: bool,
    asynchronous: bool,
    server: WireServer,
    memory: Memory,
) -> None:
    client = (async_openai_client if asynchronous else openai_client)(server.url)
    with attribution(entity=ENTITY, session=session):
        for number in range(4):
            await say(client, number, server, stream=stream, **LINKS[link](number))
            if number == 1:
                memory.flush()
    found = memory.kept()
    assert_one_conversation(found, 4)
    if session is None and link != "response":
        assert {row["session"] for row in found.messages} == {"conv_1"}


async def test_a_branch_goes_off_where_it_says(server: WireServer, memory: Memory) -> None:
    client = openai_client(server.url)
    with attribution(entity=ENTITY, session="s"):
        for number in range(3):
            await say(client, number, server, **LINKS["response"](number))
        await say(client, 9, server, previous_response_id="r0", input="No.")
    rows = sorted(memory.kept().messages, key=lambda row: int(row["position"]))
    assert rows[-2]["text"] == "No."
    assert rows[-2]["parent_id"] == rows[1]["id"]


async def test_a_failed_call_leaves_the_conversation_where_it_was(
    server: WireServer, memory: Memory
) -> None:
    client = openai_client(server.url)
    with attribution(entity=ENTITY, session="s"):
        await say(client, 0, server)
        server.script(text("", status=500))
        with pytest.raises(Exception, match="wrong"):
            client.responses.create(model=OPENAI_MODEL, input="Lost?", previous_response_id="r0")
        await say(client, 1, server, previous_response_id="r0")
    rows = sorted(memory.kept().messages, key=lambda row: int(row["position"]))
    assert [row["text"] for row in rows] == ["Yes.", "Fine.", "Lost?", "Yes.", "Fine."]
    assert rows[2]["parent_id"] == rows[3]["parent_id"] == rows[1]["id"]


GOING_ON = """
import os, openai
from memori_instrumentation import MemoriInstrumentor, attribution
MemoriInstrumentor().instrument(extractor="none", embedder="none")
client = openai.OpenAI(base_url=os.environ["WIRE"] + "/v1", api_key="sk")
with attribution(entity="user-1", session=os.environ.get("SESSION")):
    stream = client.responses.create(
        model="gpt-5-mini", input="Yes.", previous_response_id="r1", stream=True
    )
    for _ in stream:
        pass
"""


@pytest.mark.parametrize("session", ["s", None], ids=["session", "no session"])
async def test_another_process_goes_on(
    session: str | None, server: WireServer, memory: Memory
) -> None:
    client = openai_client(server.url)
    env = {"WIRE": server.url, "MEMORI_DATABASE_URL": memory.database}
    with attribution(entity=ENTITY, session=session):
        for number in range(2):
            await say(client, number, server, **LINKS["response"](number))
        memory.flush()
        server.script(text("Fine.", id="r2"))
        subprocess.run(
            [sys.executable, "-c", GOING_ON],
            env={**os.environ, **env, **({"SESSION": session} if session else {})},
            check=True,
        )
        await say(client, 3, server, **LINKS["response"](3))
    assert_one_conversation(memory.kept(), 4)

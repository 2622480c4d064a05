"""What frameworks make of OpenAI's Responses API beside plain calls: background, WebSocket, history
kept by the provider."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.providers.openai import OpenAIProvider

from wire.check import texts
from wire.clients import OPENAI_MODEL, async_openai_client
from wire.memory import Memory
from wire.offers import offered
from wire.replies import Answer, Choice, ToolCall, text
from wire.server import WireServer
from wire.sockets import SocketServer

pytestmark = pytest.mark.usefixtures("user")

HELLO = "I live in Lisbon."
SAID = "Lisbon it is, then."


def agent(url: str, **settings: Any) -> Agent:
    provider = OpenAIProvider(openai_client=async_openai_client(url))
    model = OpenAIResponsesModel(OPENAI_MODEL, provider=provider)
    return Agent(model, model_settings=OpenAIResponsesModelSettings(**settings))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_pydantic_ai_in_the_background(
    stream: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text(SAID, id="resp_1", polls=1))
    asking = agent(server.url, openai_background=True)
    if stream:
        async with asking.run_stream(HELLO) as result:
            assert await result.get_output() == SAID
    else:
        assert (await asking.run(HELLO)).output == SAID
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["status"], turn["framework"]) == ("complete", "pydantic-ai")
    assert texts(found.messages) == [("user", HELLO), ("assistant", SAID)]
    assert len(memory.spans()) == 1


async def test_pydantic_ai_over_a_websocket(memory: Memory) -> None:
    with SocketServer() as server:
        call = ToolCall("look", {"city": "Lisbon"}, "call_7")
        calling = Answer((Choice(None, tool_calls=(call,)),), id="r0")
        server.script(calling, text(SAID, id="r1"))
        asking = agent(server.url, openai_transport="websocket")

        @asking.tool_plain
        def look(city: str) -> str:
            return f"{city}: 21 degrees"

        assert (await asking.run(HELLO)).output == SAID
        assert server.paths == ["/v1/responses"]
        assert len(server.received) == 2
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["pydantic-ai"] * 2
    assert [(row["role"], row["text"]) for row in found.messages] == [
        ("user", HELLO),
        ("assistant", ""),
        ("tool", "Lisbon: 21 degrees"),
        ("assistant", SAID),
    ]
    assert len(memory.spans()) == 2


if not offered("pydantic_ai.models.openai:_websocket_holder"):
    del test_pydantic_ai_over_a_websocket


async def test_langchain_naming_the_response_before(server: WireServer, memory: Memory) -> None:
    model = ChatOpenAI(
        model=OPENAI_MODEL,
        base_url=f"{server.url}/v1",
        api_key="sk-wire",
        use_responses_api=True,
        use_previous_response_id=True,
    )
    history: list[Any] = []
    for number in range(3):
        server.script(text("Fine.", id=f"resp_{number}"))
        history.append(("user", "Yes."))
        history.append(await model.ainvoke(history))
    assert [received.json.get("previous_response_id") for received in server.journal] == [
        None,
        "resp_0",
        "resp_1",
    ]
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["langchain"] * 3
    assert texts(found.messages) == [("user", "Yes."), ("assistant", "Fine.")] * 3

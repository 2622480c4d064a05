"""LangChain's ChatXAI, which talks to xAI through OpenAI's SDK: known by its host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_xai import ChatXAI
from test_langchain import WAYS
from test_langchain_rounds import CALLS, weather

from wire.check import differences
from wire.clients import redirecting
from wire.memory import Memory
from wire.replies import Answer, text
from wire.server import WireServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("user"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


def grok(server: WireServer) -> ChatXAI:
    """A model at xAI's own address, whose requests reach the loopback server all the same."""
    given: Any = {
        "xai_api_key": "sk-wire",
        "max_retries": 0,
        "http_client": redirecting("openai", server, False),
        "http_async_client": redirecting("openai", server, True),
    }
    return ChatXAI(model="grok-5", **given)


@pytest.mark.parametrize("asked", WAYS.values(), ids=WAYS)
async def test_is_xais_and_one_turn(
    asked: Callable[[BaseChatModel], Any], server: WireServer, memory: Memory
) -> None:
    await asked(grok(server))
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    (turn,) = found.turns
    assert (turn["provider"], turn["framework"]) == ("x_ai", "langchain")
    (span,) = memory.spans()
    attributes = span.attributes or {}
    assert attributes["gen_ai.provider.name"] == "x_ai"
    assert attributes["server.address"] == "api.x.ai"


async def test_an_agent_with_a_tool(server: WireServer, memory: Memory) -> None:
    server.script(CALLS, text("Sunny."))
    await create_agent(grok(server), [weather]).ainvoke(
        {"messages": [("user", "How is the weather?")]}
    )
    found = memory.kept()
    assert [turn["provider"] for turn in found.turns] == ["x_ai", "x_ai"]
    kinds = [[part[0] for part in parts] for _, parts in found.said]
    assert kinds == [["text"], ["call"], ["result"], ["text"]]


async def test_a_failure(server: WireServer, memory: Memory) -> None:
    server.script(Answer(status=400))
    with pytest.raises(Exception, match="wrong"):
        grok(server).invoke("hi")
    (turn,) = memory.kept().turns
    assert (turn["provider"], turn["framework"], turn["status"]) == ("x_ai", "langchain", "error")

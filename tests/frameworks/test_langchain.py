"""LangChain over the real SDKs and over models of its users' own: each call of a model is one
turn, with the framework named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_models import CHATS, OWN, SAID, Chat, Whole

from wire.check import texts
from wire.memory import Memory, assert_remembered
from wire.offers import offered
from wire.server import WireServer

# langchain-openai shares HTTP clients between models, so the tests must share an event loop.
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]

HELLO = "I live in Lisbon."
WAYS: dict[str, Callable[[BaseChatModel], Any]] = {}
"""Every way to ask a model :data:`HELLO`, as a coroutine function."""


def way(function: Callable[[BaseChatModel], Any]) -> Callable[[BaseChatModel], Any]:
    WAYS[function.__name__] = function
    return function


@way
async def invoke(model: BaseChatModel) -> None:
    assert model.invoke(HELLO).text


@way
async def ainvoke(model: BaseChatModel) -> None:
    assert (await model.ainvoke([HumanMessage(HELLO)])).text


@way
async def stream(model: BaseChatModel) -> None:
    assert "".join(chunk.text for chunk in model.stream([("user", HELLO)]))


@way
async def astream(model: BaseChatModel) -> None:
    assert "".join([chunk.text async for chunk in model.astream(HELLO)])


@way
async def batch(model: BaseChatModel) -> None:
    assert len(model.batch([HELLO])) == 1


@way
async def abatch(model: BaseChatModel) -> None:
    assert len(await model.abatch([HELLO])) == 1


@way
async def generate(model: BaseChatModel) -> None:
    assert model.generate([[HumanMessage(HELLO)]]).generations


@way
async def chain(model: BaseChatModel) -> None:
    prompt = ChatPromptTemplate.from_messages([("user", "I live in {place}.")])
    assert (prompt | model | StrOutputParser()).invoke({"place": "Lisbon"})


@way
async def chain_astream(model: BaseChatModel) -> None:
    prompt = ChatPromptTemplate.from_messages([("user", "I live in {place}.")])
    pieces = (prompt | model | StrOutputParser()).astream({"place": "Lisbon"})
    assert "".join([piece async for piece in pieces])


@way
async def astream_events(model: BaseChatModel) -> None:
    assert [event async for event in model.astream_events(HELLO, version="v2")]


async def stream_events_v3(model: BaseChatModel) -> None:
    assert model.stream_events(HELLO, version="v3").output.text


async def astream_events_v3(model: BaseChatModel) -> None:
    assert (await (await model.astream_events(HELLO, version="v3")).output).text


if offered("langchain_core.language_models:BaseChatModel.stream_events"):
    way(stream_events_v3)
    way(astream_events_v3)


@way
async def agent(model: BaseChatModel) -> None:
    assert create_agent(model).invoke({"messages": [("user", HELLO)]})["messages"][-1].text


@way
async def agent_astream(model: BaseChatModel) -> None:
    steps = create_agent(model).astream({"messages": [("user", HELLO)]}, stream_mode="messages")
    assert [step async for step in steps]


@pytest.fixture(params=WAYS, ids=str)
def asked(request: pytest.FixtureRequest) -> Callable[[BaseChatModel], Any]:
    return WAYS[request.param]


@pytest.fixture(params=CHATS, ids=lambda chat: chat.sdk.name)
def chat(request: pytest.FixtureRequest) -> Chat:
    found: Chat = request.param
    return found


@pytest.mark.usefixtures("user")
async def test_over_an_sdk(
    chat: Chat, asked: Callable[[BaseChatModel], Any], server: WireServer, memory: Memory
) -> None:
    await asked(chat.make(server.url))
    found = assert_remembered(memory, chat.sdk, server)
    assert found.turns[0]["framework"] == "langchain"


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("own", OWN, ids=lambda own: own.__name__)
async def test_over_a_model_of_ones_own(
    own: type[Whole], asked: Callable[[BaseChatModel], Any], memory: Memory
) -> None:
    if asked.__name__.endswith("_v3") and own is Whole:
        return  # LangChain offers it for models that stream
    model = own()
    await asked(model)
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["framework"], turn["status"]) == ("langchain", "complete")
    assert (turn["provider"], turn["model"]) == (own.__name__.lower(), model.model_name)
    assert texts(found.messages) == [("user", HELLO), ("assistant", SAID)]
    (span,) = memory.spans()
    context = span.get_span_context()
    assert context is not None
    assert turn["span_id"] == f"{context.span_id:016x}"
    assert span.name == f"chat {model.model_name}"


async def test_what_a_model_of_ones_own_tells(memory: Memory, user: None) -> None:
    Whole().invoke(HELLO)
    (turn,) = memory.kept().turns
    assert (turn["usage"], turn["response_id"]) == ({"input_tokens": 3, "output_tokens": 5}, "r-1")
    assert turn["finish_reasons"] == ["stop"]


async def test_all_kinds_of_content(memory: Memory, user: None) -> None:
    call = {"name": "look", "args": {"at": "sky"}, "id": "c1"}
    Whole().invoke(
        [
            SystemMessage("Be kind."),
            HumanMessage(
                [
                    {"type": "text", "text": "See"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "file", "url": "https://example.com/a.pdf"},
                ]
            ),
            AIMessage("Looking.", tool_calls=[call]),
            ToolMessage("blue", tool_call_id="c1"),
            HumanMessage("So?"),
        ]
    )
    assert memory.kept().said[:-1] == [
        ("system", (("text", "Be kind."),)),
        (
            "user",
            (
                ("text", "See"),
                ("blob", "image/png", 3, hashlib.sha256(bytes(3)).hexdigest()),
                ("uri", "https://example.com/a.pdf"),
            ),
        ),
        ("assistant", (("text", "Looking."), ("call", "c1", "look", '{"at": "sky"}'))),
        ("tool", (("result", "c1", "blue"),)),
        ("user", (("text", "So?"),)),
    ]

"""What LangChain makes of several calls: agents with tools, structured output, whose session it is,
streams that are left, failures, models inside models."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_models import CHATS, SAID, Asynchronous, Chat, Failing, Streaming, Whole
from langgraph.checkpoint.memory import InMemorySaver
from opentelemetry.instrumentation.utils import suppress_instrumentation

from memori_instrumentation import attribution
from memori_instrumentation.capture import call, scope
from wire.check import texts
from wire.memory import ENTITY, Memory, assert_remembered
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import PLACE_JSON, Place
from wire.server import WireServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = text("One two three four five. " * 9, pieces=20, between_events=0.02)


@pytest.fixture(params=CHATS, ids=lambda chat: chat.sdk.name)
def chat(request: pytest.FixtureRequest) -> Chat:
    found: Chat = request.param
    return found


@pytest.fixture(params=[Streaming, Asynchronous], ids=lambda own: own.__name__)
def own(request: pytest.FixtureRequest) -> type[Streaming]:
    found: type[Streaming] = request.param
    return found


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


CALLS = Answer(choices=(Choice(text=None, tool_calls=(ToolCall("weather", {"city": "Lisbon"}),)),))


async def test_an_agent_with_a_tool(
    chat: Chat, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(CALLS, text("Sunny."))
    agent = create_agent(chat.make(server.url), [weather])
    await agent.ainvoke({"messages": [("user", "How is the weather?")]})
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["langchain", "langchain"]
    kinds = [[part[0] for part in parts] for _, parts in found.said]
    assert kinds == [["text"], ["call"], ["result"], ["text"]]
    assert len(memory.spans()) == 2


async def test_tools_bound(chat: Chat, server: WireServer, memory: Memory, user: None) -> None:
    server.script(CALLS)
    reply = chat.make(server.url).bind_tools([weather]).invoke("How is the weather?")
    assert [call["name"] for call in reply.tool_calls] == ["weather"]
    assert_remembered(memory, chat.sdk, server)


async def test_structured_output(
    chat: Chat, server: WireServer, memory: Memory, user: None
) -> None:
    server.default = lambda received: (
        Answer(choices=(Choice(text=None, tool_calls=(ToolCall("Place", {"city": "Lisbon"}),)),))
        if {"tools", "toolConfig"} & received.json.keys()
        else text(PLACE_JSON)
    )
    place = chat.make(server.url).with_structured_output(Place).invoke("Where do I live?")
    assert place == Place(city="Lisbon")
    assert_remembered(memory, chat.sdk, server)


async def test_a_batch_is_a_turn_each(
    chat: Chat, server: WireServer, memory: Memory, user: None
) -> None:
    model = chat.make(server.url)
    sessions: list[Any] = [{"configurable": {"thread_id": f"t{i}"}} for i in range(6)]
    with attribution(entity="user-2"):
        model.batch([f"number {i}" for i in range(3)], sessions[:3])
        await model.abatch([f"number {i}" for i in range(3, 6)], sessions[3:])
    turns = memory.kept("user-2").turns
    # The block's session is the caller's own word: it wins over the framework's thread.
    assert [(turn["session"], turn["framework"]) for turn in turns] == [("s", "langchain")] * 6


@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
@pytest.mark.parametrize("over_sdk", [False, True], ids=["own", "sdk"])
async def test_a_thread_is_a_session(
    streamed: bool, over_sdk: bool, server: WireServer, memory: Memory
) -> None:
    model = CHATS[0].make(server.url) if over_sdk else Streaming()
    config: Any = {"configurable": {"thread_id": "thread-1"}}
    with attribution(entity=ENTITY):
        if streamed:
            list(model.stream("hi", config))
            assert [piece async for piece in model.astream("hello", config)]
        else:
            model.invoke("hi", config)
            await model.ainvoke("hello", config)
    assert {turn["session"] for turn in memory.kept().turns} == {"thread-1"}


async def test_a_langgraph_thread_is_a_session(server: WireServer, memory: Memory) -> None:
    agent = create_agent(CHATS[0].make(server.url), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "thread-1"}}
    with attribution(entity=ENTITY):
        agent.invoke({"messages": [("user", "I live in Lisbon.")]}, config)
        await agent.ainvoke({"messages": [("user", "And in Porto.")]}, config)
    found = memory.kept()
    assert [turn["session"] for turn in found.turns] == ["thread-1", "thread-1"]
    assert [role for role, _ in texts(found.messages)] == ["user", "assistant"] * 2


@pytest.mark.parametrize("over_sdk", [False, True], ids=["own", "sdk"])
@pytest.mark.parametrize(
    "metadata",
    [
        {"memori.entity.id": ENTITY, "memori.process.id": "p", "memori.session.id": "m"},
        {"memori_entity": ENTITY, "memori_process": "p", "memori_session": "m"},
    ],
    ids=["keys", "names"],
)
async def test_metadata_attributes(
    metadata: dict[str, str], over_sdk: bool, server: WireServer, memory: Memory
) -> None:
    model = CHATS[0].make(server.url) if over_sdk else Streaming()
    config: Any = {"metadata": metadata, "configurable": {"thread_id": "other"}}
    model.invoke("one", config)
    list(model.stream("two", config))
    await (model | (lambda reply: reply)).ainvoke("three", config)
    found = memory.kept().turns
    assert {(turn["process"], turn["session"]) for turn in found} == {("p", "m")}
    assert len(found) == 3


@pytest.mark.parametrize("unusable", ["", "  ", "\0", "\ud800", "x" * 20_000])
async def test_ids_that_cannot_be(
    unusable: str, uninstrumented: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    uninstrumented.instrument()
    config: Any = {"metadata": {"memori_process": unusable, "memori_session": 7}}
    with attribution(entity=ENTITY):
        Whole().invoke("hi", config)
    (turn,) = uninstrumented.kept().turns
    assert (turn["process"], turn["session"]) == (None, "7")
    told = [record for record in caplog.records if record.name.startswith("memori")]
    assert bool(told) is bool(unusable)


async def test_the_callers_word_wins(server: WireServer, memory: Memory) -> None:
    config: Any = {"metadata": {"memori_entity": "other", "memori_process": "p"}}
    with attribution(entity=ENTITY):
        CHATS[0].make(server.url).invoke("hi", config)
        Whole().invoke("hi", config)
    assert [turn["process"] for turn in memory.kept().turns] == ["p", "p"]


async def test_a_stream_is_whose_it_was_made_for(server: WireServer, memory: Memory) -> None:
    for model in (CHATS[0].make(server.url), Streaming()):
        with attribution(entity=ENTITY):
            stream = model.stream("hi")
        with attribution(entity="other"):
            assert list(stream)
    assert len(memory.kept().turns) == 2
    assert memory.kept("other").turns == []


async def test_consumers_are_outside(
    own: type[Streaming], server: WireServer, memory: Memory, user: None
) -> None:
    """Nothing of a stream is in force where its pieces are read."""
    for _ in own().stream("hi"):
        assert scope.current() is None
    async for _ in own().astream("hi"):
        assert scope.current() is None
    for _ in own().stream("outer"):
        Whole().invoke("inner")
        break
    asked = [said for role, said in texts(memory.kept().messages) if role == "user"]
    assert sorted(asked) == ["hi", "inner", "outer"]


async def settled() -> None:
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0.01)
    gc.collect()


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "dropped"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_streams_left(
    chat: Chat, closed: bool, asynchronous: bool, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(SLOW)
    model = chat.make(server.url)
    stream: Any
    if asynchronous:
        stream = model.astream("I live in Lisbon.")
        for _ in range(4):
            await anext(stream)
        if closed:
            await stream.aclose()
    else:
        stream = model.stream("I live in Lisbon.")
        for _ in range(4):
            next(stream)
        if closed:
            stream.close()
    del stream
    await settled()
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["framework"]) == ("incomplete", "langchain")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_own_streams_left(
    own: type[Streaming], asynchronous: bool, memory: Memory, user: None
) -> None:
    stream: Any = own().astream("hi") if asynchronous else own().stream("hi")
    first = await anext(stream) if asynchronous else next(stream)
    assert first.text == "Lisbon "
    del stream
    await settled()
    found = memory.kept()
    assert texts(found.messages) == [("user", "hi"), ("assistant", "Lisbon ")]
    assert [turn["status"] for turn in found.turns] == ["incomplete"]


async def test_a_stream_never_begun_is_no_call(memory: Memory, user: None) -> None:
    Streaming().stream("hi")
    Streaming().astream("hi")
    gc.collect()
    assert memory.kept().turns == []


async def test_failures(chat: Chat, server: WireServer, memory: Memory, user: None) -> None:
    server.script(Answer(status=400), Answer(status=400))
    model = chat.make(server.url)
    for ask in (model.invoke, lambda it: list(model.stream(it))):
        with pytest.raises(Exception, match="wrong"):
            ask("hi")
    turns = memory.kept().turns
    assert [(turn["status"], turn["framework"]) for turn in turns] == [("error", "langchain")] * 2


async def test_failures_of_ones_own(memory: Memory, user: None) -> None:
    with pytest.raises(ValueError, match="luck"):
        Failing().invoke("hi")
    with pytest.raises(ValueError, match="luck"):
        await Failing().ainvoke("hello")
    found = memory.kept()
    assert [turn["error_type"] for turn in found.turns] == ["ValueError", "ValueError"]
    assert [turn["status"] for turn in found.turns] == ["error", "error"]


async def test_a_cancelled_call(server: WireServer, memory: Memory, user: None) -> None:
    server.script(Answer(first_byte_after=0.5))
    task = asyncio.ensure_future(CHATS[0].make(server.url).ainvoke("hi"))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [turn["status"] for turn in memory.kept().turns] == ["incomplete"]


class Delegating(BaseChatModel):
    """Asks other models, one after the other until one answers."""

    models: list[Any]

    @property
    def _llm_type(self) -> str:
        return "delegating"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        for model in self.models:
            try:
                reply = model.invoke(messages)
            except Exception:
                continue
            return ChatResult(generations=[ChatGeneration(message=reply)])
        return ChatResult(generations=[ChatGeneration(message=AIMessage("out of my head"))])


async def test_a_model_inside_a_model(server: WireServer, memory: Memory, user: None) -> None:
    Delegating(models=[CHATS[0].make(server.url)]).invoke("one")
    Delegating(models=[Whole()]).invoke("two")
    Delegating(models=[]).invoke("three")
    turns = memory.kept().turns
    assert [turn["provider"] for turn in turns] == ["openai", "whole", "delegating"]


async def test_falling_back_from_an_sdk(server: WireServer, memory: Memory, user: None) -> None:
    server.script(Answer(status=500))
    Delegating(models=[CHATS[0].make(server.url)]).invoke("one")
    server.script(Answer(status=500))
    CHATS[0].make(server.url).with_fallbacks([Whole()]).invoke("two")
    found = memory.kept()
    assert sorted((turn["provider"], turn["status"]) for turn in found.turns) == [
        ("delegating", "complete"),
        ("openai", "error"),
        ("openai", "error"),
        ("whole", "complete"),
    ]
    replies = [said for role, said in texts(found.messages) if role == "assistant"]
    assert replies == ["out of my head", SAID]


async def test_a_cached_answer_is_a_turn(server: WireServer, memory: Memory, user: None) -> None:
    model = CHATS[0].make(server.url, cache=InMemoryCache())
    model.invoke("I live in Lisbon.")
    model.invoke("I live in Lisbon.")
    assert len(server.journal) == 1
    assert [turn["framework"] for turn in memory.kept().turns] == ["langchain", "langchain"]


async def test_nothing_stays_open(memory: Memory, user: None) -> None:
    for number in range(60):
        stream: Any = Streaming().stream(f"number {number}")
        next(stream)
        if number % 2:
            stream.close()
        Asynchronous().astream("never begun")
        Whole().invoke(f"and {number}")
    del stream
    await settled()
    assert len(memory.kept().turns) == 120
    assert not call._open


async def test_suppressed(server: WireServer, memory: Memory, user: None) -> None:
    with suppress_instrumentation():
        CHATS[0].make(server.url).invoke("hi")
        Whole().invoke("hi")
        list(Streaming().stream("hi"))
    assert memory.kept().turns == []


async def test_what_comes_back_is_langchains_own(own: type[Streaming], memory: Memory) -> None:
    model = own()
    assert inspect.isgenerator(model.stream("hi"))
    assert inspect.isasyncgen(model.astream("hi"))
    assert inspect.isgeneratorfunction(model.stream)
    assert type(model)._astream is BaseChatModel._astream or own is Asynchronous
    assert Whole._stream is BaseChatModel._stream


def _thrown(stream: Any) -> Iterator[Any]:
    next(stream)
    yield stream.throw(KeyError("from outside"))


async def test_what_is_thrown_in_arrives(memory: Memory, user: None) -> None:
    with pytest.raises(KeyError, match="from outside"):
        next(_thrown(Streaming().stream("hi")))
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["error_type"]) == ("incomplete", "KeyError")


async def test_uninstrumented(server: WireServer, memory: Memory, user: None) -> None:
    kept_bound = Whole().invoke
    memory.uninstrument()
    kept_bound("hi")
    list(Streaming().stream("hi"))
    CHATS[0].make(server.url).invoke("hi")
    assert memory.kept().turns == []
    assert not hasattr(BaseChatModel.stream, "__wrapped__")

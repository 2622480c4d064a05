"""Pydantic AI over the real SDKs and over models without one: each request to a model is one turn,
with the framework named."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent, BinaryContent, ImageUrl, ModelRequest
from pydantic_ai.direct import model_request, model_request_stream, model_request_sync
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.test import TestModel
from pydantic_models import MODELS, OWN, SAID, Asked, answering

from memori_instrumentation import attribution
from memori_instrumentation.capture import call, scope
from wire.check import texts
from wire.memory import ENTITY, Memory, assert_remembered
from wire.offers import offered
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import Place
from wire.server import WireServer

HELLO = "I live in Lisbon."
WAYS: dict[str, Callable[[Model[Any]], Any]] = {}
"""Every way to ask a model :data:`HELLO`."""


def way(function: Callable[[Model[Any]], Any]) -> Callable[[Model[Any]], Any]:
    WAYS[function.__name__] = function
    return function


@way
def run_sync(model: Model[Any]) -> None:
    assert Agent(model).run_sync(HELLO).output


@way
async def run(model: Model[Any]) -> None:
    assert (await Agent(model).run(HELLO)).output


@way
async def run_stream(model: Model[Any]) -> None:
    async with Agent(model).run_stream(HELLO) as result:
        assert [piece async for piece in result.stream_text()]


def run_stream_sync(model: Model[Any]) -> None:
    with Agent(model).run_stream_sync(HELLO) as result:
        assert list(result.stream_text())


if offered("pydantic_ai.result:StreamedRunResultSync.__enter__"):
    way(run_stream_sync)


@way
async def iterate(model: Model[Any]) -> None:
    async with Agent(model).iter(HELLO) as nodes:
        assert [node async for node in nodes]


@way
async def iterate_streaming(model: Model[Any]) -> None:
    async with Agent(model).iter(HELLO) as nodes:
        async for node in nodes:
            if Agent.is_model_request_node(node):
                async with node.stream(nodes.ctx) as stream:
                    assert [event async for event in stream]


@way
async def event_handler(model: Model[Any]) -> None:
    seen = []

    async def handle(context: Any, events: Any) -> None:
        seen.extend([event async for event in events])

    assert (await Agent(model).run(HELLO, event_stream_handler=handle)).output
    assert seen


@way
async def run_stream_events(model: Model[Any]) -> None:
    async with Agent(model).run_stream_events(HELLO) as events:
        assert [event async for event in events]


@way
async def direct(model: Model[Any]) -> None:
    assert (await model_request(model, [ModelRequest.user_text_prompt(HELLO)])).parts


@way
def direct_sync(model: Model[Any]) -> None:
    assert model_request_sync(model, [ModelRequest.user_text_prompt(HELLO)]).parts


@way
async def direct_stream(model: Model[Any]) -> None:
    async with model_request_stream(model, [ModelRequest.user_text_prompt(HELLO)]) as stream:
        assert [event async for event in stream]


@pytest.fixture(params=WAYS, ids=str)
def asked(request: pytest.FixtureRequest) -> Callable[[Model[Any]], None]:
    """A way to ask, from outside any event loop."""

    def ask(model: Model[Any]) -> None:
        asking = WAYS[request.param](model)
        if asking is not None:
            asyncio.run(asking)

    return ask


@pytest.fixture(params=MODELS, ids=lambda model: model.sdk.name)
def over(request: pytest.FixtureRequest) -> Asked:
    found: Asked = request.param
    return found


@pytest.fixture(params=OWN, ids=str)
def own(request: pytest.FixtureRequest) -> Model[Any]:
    return OWN[request.param]()


@pytest.mark.usefixtures("user")
def test_over_an_sdk(
    over: Asked, asked: Callable[[Model[Any]], None], server: WireServer, memory: Memory
) -> None:
    asked(over.make(server.url))
    found = assert_remembered(memory, over.sdk, server)
    assert found.turns[0]["framework"] == "pydantic-ai"


@pytest.mark.usefixtures("user")
def test_over_no_sdk(own: Model[Any], asked: Callable[[Model[Any]], None], memory: Memory) -> None:
    asked(own)
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["framework"], turn["status"]) == ("pydantic-ai", "complete")
    assert (turn["provider"], turn["model"]) == (own.system, "own-1")
    assert texts(found.messages) == [("user", HELLO), ("assistant", SAID)]
    assert turn["usage"]["output_tokens"]
    (span,) = memory.spans()
    context = span.get_span_context()
    assert context is not None
    assert (span.name, turn["span_id"]) == ("chat own-1", f"{context.span_id:016x}")


def _with_tool(model: Model[Any]) -> Agent[None, str]:
    agent = Agent(model, instructions="Be brief.")

    @agent.tool_plain
    def weather(city: str) -> str:
        assert scope.current() is None
        return f"sunny in {city}"

    return agent


CALLS = Answer(choices=(Choice(text=None, tool_calls=(ToolCall("weather", {"city": "Lisbon"}),)),))


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "run_stream"])
async def test_tools(
    over: Asked, streamed: bool, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(CALLS, text("Sunny."))
    agent = _with_tool(over.make(server.url))
    if streamed:
        async with agent.run_stream("How is the weather?") as result:
            assert await result.get_output() == "Sunny."
    else:
        assert (await agent.run("How is the weather?")).output == "Sunny."
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["pydantic-ai"] * 2
    kinds = [[part[0] for part in parts] for role, parts in found.said if role != "system"]
    assert kinds == [["text"], ["call"], ["result"], ["text"]]


async def test_tools_without_an_sdk(memory: Memory, user: None) -> None:
    await _with_tool(TestModel()).run("How is the weather?")
    found = memory.kept()
    assert [turn["system"] for turn in found.turns] == ["Be brief.", "Be brief."]
    roles = [role for role, _ in found.said]
    assert roles == ["user", "assistant", "tool", "assistant"]
    call, answer = found.said[1][1][0], found.said[2][1][0]
    assert call[:3] == ("call", answer[1], "weather")
    assert answer[2] == "sunny in a"


async def test_structured_output(
    over: Asked, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(
        Answer(
            choices=(Choice(text=None, tool_calls=(ToolCall("final_result", {"city": "Lisbon"}),)),)
        )
    )
    result = await Agent(over.make(server.url), output_type=Place).run("Where do I live?")
    assert result.output == Place(city="Lisbon")
    assert_remembered(memory, over.sdk, server)


async def test_all_kinds_of_content(memory: Memory, user: None) -> None:
    image = BinaryContent(b"\0\0\0", media_type="image/png")
    await Agent(answering()).run(["See", image, ImageUrl("https://example.com/a.png")])
    assert [part[0] for part in memory.kept().said[0][1]] == ["text", "blob", "uri"]
    assert memory.kept().said[0][1][1][1:3] == ("image/png", 3)


@pytest.mark.parametrize("over_sdk", [False, True], ids=["own", "sdk"])
async def test_a_conversation_is_a_session(
    over_sdk: bool, server: WireServer, memory: Memory
) -> None:
    agent = Agent(MODELS[0].make(server.url) if over_sdk else answering())
    metadata = {"memori_entity": ENTITY, "memori.process.id": "p"}
    await agent.run("one", conversation_id="c-1", metadata=metadata)
    async with agent.run_stream("two", conversation_id="c-1", metadata=metadata) as result:
        await result.get_output()
    first = await agent.run("three", metadata=metadata)
    await agent.run("four", message_history=first.all_messages(), metadata=metadata)
    with attribution(session="mine"):
        await agent.run("five", conversation_id="c-1", metadata=metadata)
    turns = memory.kept().turns
    sessions = [turn["session"] for turn in turns]
    assert {turn["process"] for turn in turns} == {"p"}
    assert sessions[:2] == ["c-1", "c-1"]
    assert sessions[2] == sessions[3] not in ("c-1", "mine")
    assert sessions[4:] == ["mine"]


@pytest.mark.parametrize("own_session", [True, False])
async def test_history_is_stored_once(
    over: Asked, own_session: bool, server: WireServer, memory: Memory
) -> None:
    agent = Agent(over.make(server.url))
    with attribution(entity=ENTITY, session="s" if own_session else None):
        first = await agent.run("I live in Lisbon.")
        await agent.run("And in Porto.", message_history=first.all_messages())
    assert [role for role, _ in texts(memory.kept().messages)] == ["user", "assistant"] * 2


@pytest.fixture
def instrumented(memory: Memory) -> Iterator[InMemorySpanExporter]:
    """All agents instrumented by Pydantic AI itself, into our tracer provider."""
    Agent.instrument_all(InstrumentationSettings(tracer_provider=memory.provider))
    yield memory.exporter
    Agent.instrument_all(False)


@pytest.mark.usefixtures("user", "instrumented")
def test_its_own_spans_are_not_doubled(
    over: Asked, asked: Callable[[Model[Any]], None], server: WireServer, memory: Memory
) -> None:
    asked(over.make(server.url))
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["pydantic-ai"]
    assert [role for role, _ in texts(found.messages)] == ["user", "assistant"]
    theirs = [
        span
        for span in memory.spans()
        if span.instrumentation_scope and span.instrumentation_scope.name == "pydantic-ai"
    ]
    assert all((span.attributes or {})["memori.entity.id"] == "user-1" for span in theirs)


@pytest.mark.usefixtures("user", "instrumented")
def test_its_own_spans_without_an_sdk_are_not_doubled(
    own: Model[Any], asked: Callable[[Model[Any]], None], memory: Memory
) -> None:
    asked(own)
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["pydantic-ai"]
    assert texts(found.messages) == [("user", HELLO), ("assistant", SAID)]


SLOW = text("One two three four five. " * 9, pieces=20, between_events=0.02)


async def test_streams_left(over: Asked, server: WireServer, memory: Memory, user: None) -> None:
    server.script(SLOW)
    async with Agent(over.make(server.url)).run_stream("I live in Lisbon.") as result:
        async for _ in result.stream_text(debounce_by=None):
            break
    if not offered("pydantic_ai.models.bedrock:_call_bedrock"):
        # Releases before that leave Bedrock's stream open: it ends with the program.
        call.finish_open_calls()
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["framework"]) == ("incomplete", "pydantic-ai")


async def test_own_streams_left(memory: Memory, user: None) -> None:
    async with Agent(answering()).run_stream("hi") as result:
        async for _ in result.stream_text(debounce_by=None):
            break
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["incomplete"]
    assert texts(found.messages)[1][1] != SAID


async def test_consumers_are_outside(server: WireServer, memory: Memory, user: None) -> None:
    for model in (MODELS[0].make(server.url), answering()):
        async with Agent(model).run_stream("outer") as result:
            async for _ in result.stream_text(debounce_by=None):
                assert scope.current() is None
                break
            await Agent(answering()).run("inner")
    asked = [said for role, said in texts(memory.kept().messages) if role == "user"]
    assert asked.count("outer") + asked.count("inner") == len(asked)
    assert len(memory.kept().turns) == 4


def _failing(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    raise ValueError("no such luck")


async def test_failures(over: Asked, server: WireServer, memory: Memory, user: None) -> None:
    server.script(Answer(status=400))
    with pytest.raises(Exception, match="400"):
        await Agent(over.make(server.url)).run("hi")
    with pytest.raises(ValueError, match="luck"):
        await Agent(FunctionModel(_failing)).run("hi")
    turns = memory.kept().turns
    assert [(turn["status"], turn["framework"]) for turn in turns] == [("error", "pydantic-ai")] * 2
    assert turns[1]["error_type"] == "ValueError"


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "run_stream"])
async def test_fallbacks(
    over: Asked, streamed: bool, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(Answer(status=500))
    agent = Agent(FallbackModel(over.make(server.url), answering()))
    if streamed:
        async with agent.run_stream("hi") as result:
            assert await result.get_output() == SAID
    else:
        assert (await agent.run("hi")).output == SAID
    found = memory.kept()
    assert sorted((turn["provider"], turn["status"]) for turn in found.turns) == sorted(
        [(over.sdk.provider, "error"), ("function", "complete")]
    )


class Own(TestModel):
    """A model made after the instrumentation, which asks its parent's."""

    async def request(self, *args: Any, **kwargs: Any) -> ModelResponse:
        response = await super().request(*args, **kwargs)
        return ModelResponse(parts=[TextPart(f"{SAID}!")], usage=response.usage)


async def test_classes_made_later(memory: Memory, user: None) -> None:
    class Later(FunctionModel):
        async def request(self, *args: Any, **kwargs: Any) -> ModelResponse:
            return ModelResponse(parts=[TextPart("later")])

    assert (await Agent(Later(_failing)).run("hi")).output == "later"
    assert (await Agent(Own()).run("hi")).output == f"{SAID}!"
    assert len(memory.kept().turns) == 2


async def test_suppressed(server: WireServer, memory: Memory, user: None) -> None:
    with suppress_instrumentation():
        await Agent(MODELS[0].make(server.url)).run("hi")
        await Agent(answering()).run("hi")
    assert memory.kept().turns == []


async def test_cancelled(server: WireServer, memory: Memory, user: None) -> None:
    server.script(Answer(first_byte_after=0.5))
    task = asyncio.ensure_future(Agent(MODELS[0].make(server.url)).run("hi"))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()
    assert [turn["status"] for turn in memory.kept().turns] == ["incomplete"]


async def test_uninstrumented(memory: Memory, user: None) -> None:
    memory.uninstrument()
    await Agent(answering()).run("hi")
    assert not hasattr(FunctionModel.__dict__["request_stream"], "_self_wrapper")

    class Later(TestModel):
        async def request(self, *args: Any, **kwargs: Any) -> ModelResponse:
            return await super().request(*args, **kwargs)

    assert (await Agent(Later()).run("hi")).output
    assert memory.kept().turns == []


async def test_another_provider_of_spans(memory: Memory, user: None) -> None:
    """Agents instrumented into a pipeline that is not ours."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    settings = InstrumentationSettings(tracer_provider=provider)
    Agent.instrument_all(settings)
    try:
        await Agent(answering()).run("hi")
    finally:
        Agent.instrument_all(False)
    assert len(memory.kept().turns) == 1
    assert exporter.get_finished_spans()

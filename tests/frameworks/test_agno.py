"""Agno over the real SDKs and over models without one: each request to a model is one turn, with
the framework named."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from agno.agent import Agent
from agno.media import File, Image
from agno.models.base import Model
from agno.models.litellm import LiteLLM
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.team import Team
from agno_models import MODELS, SAID, Asked, Calling, Failing, Own
from opentelemetry.instrumentation.utils import suppress_instrumentation

from memori_instrumentation import attribution
from memori_instrumentation.capture import call, scope
from wire.check import texts
from wire.memory import ENTITY, Memory, assert_remembered
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import PLACE_JSON, Place
from wire.server import WireServer

HELLO = "I live in Lisbon."
WAYS: dict[str, Callable[[Model], Any]] = {}
"""Every way to ask a model :data:`HELLO`."""


def way(function: Callable[[Model], Any]) -> Callable[[Model], Any]:
    WAYS[function.__name__] = function
    return function


@way
async def run(model: Model) -> None:
    assert Agent(model=model).run(HELLO).content


@way
async def arun(model: Model) -> None:
    assert (await Agent(model=model).arun(HELLO)).content


@way
async def run_stream(model: Model) -> None:
    assert [event.content for event in Agent(model=model).run(HELLO, stream=True)]


@way
async def arun_stream(model: Model) -> None:
    assert [event async for event in Agent(model=model).arun(HELLO, stream=True)]


@way
async def run_stream_events(model: Model) -> None:
    assert list(Agent(model=model).run(HELLO, stream=True, stream_events=True))


@way
async def team(model: Model) -> None:
    assert Team(model=model, members=[Agent(model=Own(), name="Other")]).run(HELLO).content


@way
async def team_stream(model: Model) -> None:
    asked = Team(model=model, members=[Agent(model=Own(), name="Other")])
    assert [event async for event in asked.arun(HELLO, stream=True)]


@way
async def response(model: Model) -> None:
    assert model.response(messages=[Message(role="user", content=HELLO)]).content


@way
async def aresponse(model: Model) -> None:
    assert (await model.aresponse(messages=[Message(role="user", content=HELLO)])).content


@way
async def response_stream(model: Model) -> None:
    assert list(model.response_stream(messages=[Message(role="user", content=HELLO)]))


@way
async def aresponse_stream(model: Model) -> None:
    stream = model.aresponse_stream(messages=[Message(role="user", content=HELLO)])
    assert [piece async for piece in stream]


@pytest.fixture(autouse=True)
def old_objects_out_of_the_way() -> None:
    """Some tests collect garbage: what earlier ones left need not be looked at."""
    gc.freeze()


@pytest.fixture(params=WAYS, ids=str)
def asked(request: pytest.FixtureRequest) -> Callable[[Model], Any]:
    return WAYS[request.param]


@pytest.fixture(params=MODELS, ids=lambda model: model.sdk.name)
def over(request: pytest.FixtureRequest) -> Asked:
    found: Asked = request.param
    return found


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def consume(agent: Any, asked: str, streamed: bool, **more: Any) -> None:
    """Ask an agent or a team, asynchronously."""
    if streamed:
        assert [event async for event in agent.arun(asked, stream=True, **more)]
    else:
        await agent.arun(asked, **more)


@pytest.mark.usefixtures("user")
async def test_over_an_sdk(
    over: Asked, asked: Callable[[Model], Any], server: WireServer, memory: Memory
) -> None:
    await asked(over.make(server.url))
    assert len(server.journal) == 1
    found = assert_remembered(memory, over.sdk, server)
    assert found.turns[0]["framework"] == "agno"


@pytest.mark.usefixtures("user")
async def test_over_no_sdk(asked: Callable[[Model], Any], memory: Memory) -> None:
    await asked(Own())
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["framework"], turn["status"]) == ("agno", "complete")
    assert (turn["provider"], turn["model"]) == ("own", "own-1")
    assert texts(found.messages)[-2:] == [("user", HELLO), ("assistant", SAID)]
    assert turn["usage"]["output_tokens"] == 5
    (span,) = memory.spans()
    context = span.get_span_context()
    assert context is not None
    assert (span.name, turn["span_id"]) == ("chat own-1", f"{context.span_id:016x}")


async def test_what_a_model_of_ones_own_tells(memory: Memory, user: None) -> None:
    Agent(model=Own()).run(HELLO)
    (turn,) = memory.kept().turns
    assert turn["usage"] == {"input_tokens": 3, "output_tokens": 5, "cache_read_tokens": 2}
    assert turn["response_id"] == "r-1"


def weather(city: str) -> str:
    """Tell the weather in a city."""
    assert scope.current() is None
    return f"sunny in {city}"


def wind(city: str) -> str:
    """Tell the wind in a city."""
    return f"calm in {city}"


CALLS = Answer(choices=(Choice(text=None, tool_calls=(ToolCall("weather", {"city": "Lisbon"}),)),))


async def test_tools(
    over: Asked, streamed: bool, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(CALLS, text("Sunny."))
    agent = Agent(model=over.make(server.url), tools=[weather])
    await consume(agent, "How is the weather?", streamed)
    found = memory.kept()
    assert [turn["framework"] for turn in found.turns] == ["agno", "agno"]
    kinds = [[part[0] for part in parts] for role, parts in found.said if role != "system"]
    assert kinds == [["text"], ["call"], ["result"], ["text"]]
    assert len(memory.spans()) == len(server.journal) == 2


async def test_tools_without_an_sdk(streamed: bool, memory: Memory, user: None) -> None:
    agent = Agent(model=Calling(), tools=[weather, wind], instructions="Be brief.")
    await consume(agent, "How is the weather?", streamed)
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete", "complete"]
    assert found.said == [
        ("system", (("text", "Be brief."),)),
        ("user", (("text", "How is the weather?"),)),
        (
            "assistant",
            (
                ("text", "Let me see."),
                ("call", "call_0", "weather", '{"city": "Lisbon"}'),
                ("call", "call_1", "wind", '{"city": "Lisbon"}'),
            ),
        ),
        ("tool", (("result", "call_0", "sunny in Lisbon"),)),
        ("tool", (("result", "call_1", "calm in Lisbon"),)),
        ("assistant", (("text", SAID),)),
    ]


async def test_structured_output(
    over: Asked, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(text(PLACE_JSON))
    agent = Agent(model=over.make(server.url), output_schema=Place)
    assert agent.run("Where do I live?").content == Place(city="Lisbon")
    assert_remembered(memory, over.sdk, server)


async def test_all_kinds_of_content(memory: Memory, user: None) -> None:
    Agent(model=Own()).run(
        "See",
        images=[Image(content=bytes(3), mime_type="image/png")],
        files=[File(url="https://example.com/a.pdf", mime_type="application/pdf")],
    )
    blob = ("blob", "image/png", 3, hashlib.sha256(bytes(3)).hexdigest())
    assert memory.kept().said[0] == (
        "user",
        (("text", "See"), blob, ("uri", "https://example.com/a.pdf")),
    )


async def test_media_in_a_reply(memory: Memory, user: None) -> None:
    class Painting(Own):
        def invoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
            painted = Image(content=bytes(3), mime_type="image/png")
            return ModelResponse(content="Here:", images=[painted], reasoning_content="Hm.")

    Agent(model=Painting()).run("Paint")
    kinds = [part[0] for part in memory.kept().said[-1][1]]
    assert kinds == ["thinking", "text", "blob"]


async def test_a_team_and_its_members(server: WireServer, memory: Memory) -> None:
    """All of a team's requests are of its session."""
    delegates = ToolCall("delegate_task_to_member", {"member_id": "other", "task": "Where is it?"})
    server.script(Answer(choices=(Choice(text=None, tool_calls=(delegates,)),)), text("There."))
    model = MODELS[0].make(server.url)
    asked = Team(model=model, members=[Agent(model=Own(), name="Other", id="other")])
    with attribution(entity=ENTITY):
        asked.run("Where is Lisbon?", session_id="team-1")
    turns = memory.kept().turns
    assert [turn["provider"] for turn in turns] == ["openai", "own", "openai"]
    assert {(turn["session"], turn["framework"]) for turn in turns} == {("team-1", "agno")}


@pytest.mark.parametrize("over_sdk", [False, True], ids=["own", "sdk"])
@pytest.mark.parametrize("place", ["metadata", "session_state"])
async def test_whose_it_is(place: str, over_sdk: bool, server: WireServer, memory: Memory) -> None:
    agent = Agent(model=MODELS[0].make(server.url) if over_sdk else Own())
    told: Any = {place: {"memori_entity": ENTITY, "memori.process.id": "p"}, "user_id": "other"}
    agent.run("one", session_id="c-1", **told)
    for streamed in (False, True):
        await consume(agent, "two", streamed, session_id="c-1", **told)
    list(agent.run("three", stream=True, session_id="c-1", **told))
    turns = memory.kept().turns
    assert [(turn["process"], turn["session"]) for turn in turns] == [("p", "c-1")] * 4
    with attribution(entity="mine", session="s"):
        agent.run("four", session_id="c-1", **told)
    (turn,) = memory.kept("mine").turns
    assert (turn["process"], turn["session"]) == ("p", "s")
    assert memory.kept("other").turns == []


async def test_history_is_stored_once(over: Asked, server: WireServer, memory: Memory) -> None:
    from agno.db.in_memory import InMemoryDb

    agent = Agent(model=over.make(server.url), db=InMemoryDb(), add_history_to_context=True)
    with attribution(entity=ENTITY):
        agent.run("I live in Lisbon.", session_id="h")
        await agent.arun("And in Porto.", session_id="h")
    found = memory.kept()
    assert len(found.turns) == len(server.journal) == 2
    assert [role for role, _ in texts(found.messages)] == ["user", "assistant"] * 2


async def test_litellm_under_agno(
    streamed: bool, server: WireServer, memory: Memory, user: None
) -> None:
    """Of two frameworks over one request, the one that made it tells."""
    model = LiteLLM(id="mistral/mistral-large", api_base=f"{server.url}/v1", api_key="wire")
    await consume(Agent(model=model), HELLO, streamed, session_id="other")
    found = memory.kept()
    (turn,) = found.turns
    assert (turn["framework"], turn["provider"]) == ("litellm", "mistral_ai")
    assert texts(found.messages) == [("user", HELLO), ("assistant", f"You said: {HELLO}")]
    assert len(server.journal) == 1


async def settled() -> None:
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0.01)
    gc.collect()


SLOW = text("One two three four five. " * 9, pieces=20, between_events=0.02)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "dropped"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_streams_left(
    over: Asked, closed: bool, asynchronous: bool, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(SLOW)
    agent = Agent(model=over.make(server.url))
    stream: Any
    if asynchronous:
        stream = agent.arun(HELLO, stream=True)
        for _ in range(4):
            await anext(stream)
        if closed:
            await stream.aclose()
    else:
        stream = agent.run(HELLO, stream=True)
        for _ in range(4):
            next(stream)
        if closed:
            stream.close()
    del stream
    await settled()
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["framework"]) == ("incomplete", "agno")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_own_streams_left(asynchronous: bool, memory: Memory, user: None) -> None:
    messages = [Message(role="user", content="hi")]
    stream: Any
    if asynchronous:
        stream = Own().aresponse_stream(messages=messages)
        while (await anext(stream)).content is None:
            pass
    else:
        stream = Own().response_stream(messages=messages)
        while next(stream).content is None:
            pass
    del stream
    await settled()
    found = memory.kept()
    assert texts(found.messages) == [("user", "hi"), ("assistant", "Lisbon ")]
    assert [turn["status"] for turn in found.turns] == ["incomplete"]


async def test_consumers_are_outside(server: WireServer, memory: Memory, user: None) -> None:
    for model in (MODELS[0].make(server.url), Own()):
        for _ in Agent(model=model).run("outer", stream=True):
            assert scope.current() is None
        async for _ in Agent(model=model).arun("outer", stream=True):
            assert scope.current() is None
            Agent(model=Own()).run("inner")
            break
    await settled()
    assert len(memory.kept().turns) == 6


async def asking(model: Model, streamed: bool) -> None:
    """Ask a model itself: agents keep what it raises to themselves."""
    messages = [Message(role="user", content="hi")]
    if streamed:
        assert [piece async for piece in model.aresponse_stream(messages=messages)]
    else:
        await model.aresponse(messages=messages)


async def test_failures(
    over: Asked, streamed: bool, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(Answer(status=400, error="no such luck"))
    # Of Google's errors Agno does not tell the text.
    with pytest.raises(Exception, match=r"no such luck|400"):
        await asking(over.make(server.url), streamed)
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["framework"]) == ("error", "agno")


async def test_failures_of_ones_own(streamed: bool, memory: Memory, user: None) -> None:
    with pytest.raises(ValueError, match="luck"):
        await asking(Failing(), streamed)
    found = memory.kept()
    (turn,) = found.turns
    assert turn["error_type"] == "ValueError"
    assert turn["status"] == ("incomplete" if streamed else "error")
    assert len(found.messages) == (2 if streamed else 1)


async def test_retries_and_fallbacks(
    streamed: bool, server: WireServer, memory: Memory, user: None
) -> None:
    server.script(*[Answer(status=500)] * 2)
    model = MODELS[0].make(server.url)
    model.retries, model.delay_between_retries = 1, 0
    await consume(Agent(model=model, fallback_models=[Own()]), HELLO, streamed)
    found = memory.kept()
    assert [(turn["provider"], turn["status"]) for turn in found.turns] == [
        ("openai", "error"),
        ("openai", "error"),
        ("own", "complete"),
    ]
    assert len(server.journal) == 2
    assert texts(found.messages) == [("user", HELLO), ("assistant", SAID)]


class Shouting(Own):
    """Asks its parent's."""

    def invoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
        reply = super().invoke(messages, **kwargs)
        reply.content = f"{reply.content}!"
        return reply


async def test_classes_made_later_and_of_others(memory: Memory, user: None) -> None:
    class Later(Own):
        def invoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
            return ModelResponse(content="later")

    assert Agent(model=Later()).run("hi").content == "later"
    assert Agent(model=Shouting()).run("hi").content == f"{SAID}!"
    assert len(memory.kept().turns) == 2


async def test_cancelled(server: WireServer, memory: Memory, user: None) -> None:
    server.script(Answer(first_byte_after=0.5))
    messages = [Message(role="user", content="hi")]
    model = MODELS[0].make(server.url)
    task = asyncio.ensure_future(model.aresponse(messages=messages))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [turn["status"] for turn in memory.kept().turns] == ["incomplete"]


async def test_suppressed(server: WireServer, memory: Memory, user: None) -> None:
    with suppress_instrumentation():
        Agent(model=MODELS[0].make(server.url)).run("hi")
        await consume(Agent(model=Own()), "hi", streamed=True)
    assert memory.kept().turns == []


async def test_nothing_stays_open(memory: Memory, user: None) -> None:
    messages = [Message(role="user", content="hi")]
    for number in range(40):
        stream: Any = Own().response_stream(messages=messages)
        next(stream)
        next(stream)
        if number % 2:
            stream.close()
        Own().aresponse_stream(messages=messages)  # never begun
        Own().response(messages=messages)
    del stream
    await settled()
    assert len(memory.kept().turns) == 80
    assert not call._open


METHODS = ("invoke", "ainvoke", "invoke_stream", "ainvoke_stream", "__init_subclass__")


def methods() -> dict[str, Any]:
    return {
        f"{owner.__name__}.{name}": vars(owner).get(name)
        for owner in (Model, Own, Calling, *(type(model.make("http://x")) for model in MODELS))
        for name in METHODS
    }


async def test_uninstrument_puts_everything_back(uninstrumented: Memory, user: None) -> None:
    before = methods()
    uninstrumented.instrument()
    changed = {name for name, value in methods().items() if before[name] is not value}
    assert {"Own.invoke", "OpenAIChat.ainvoke_stream", "Model.__init_subclass__"} < changed
    kept_bound = Own().invoke
    uninstrumented.uninstrument()
    assert methods() == before

    class Later(Own):
        def invoke(self, messages: list[Any], **kwargs: Any) -> ModelResponse:
            return super().invoke(messages, **kwargs)

    uninstrumented.instrument()
    uninstrumented.uninstrument()
    assert Agent(model=Later()).run("hi").content == SAID
    kept_bound([])
    uninstrumented.instrument()
    assert uninstrumented.kept().turns == []

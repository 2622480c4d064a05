"""LiteLLM over OpenAI's SDK and over its own HTTP: each request to a provider is one turn, equal to
what crossed the wire, with the framework named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import litellm
import pytest
from litellm import Router, acompletion, aresponses, completion, responses
from litellm_models import (
    ANTHROPIC,
    ASK,
    BY_NAME,
    CELLS,
    GEMINI,
    HELLO,
    OPENAI,
    Route,
    asked,
    read,
    told,
)

from memori_instrumentation import attribution
from wire.check import texts
from wire.memory import ENTITY, Memory, assert_remembered
from wire.replies import Answer, Choice, ToolCall
from wire.sdks import PLACE_JSON, Place
from wire.server import WireServer

# LiteLLM shares HTTP clients and workers between calls, so the tests must share an event loop.
pytestmark = pytest.mark.asyncio(loop_scope="session")

# The functions above were imported by value before any instrumentation.
Way = Callable[[dict[str, Any]], Any]
CHAT: dict[str, Way] = {}
RESPONSES: dict[str, Way] = {}


def chat(function: Way) -> Way:
    CHAT[function.__name__] = function
    return function


def response(function: Way) -> Way:
    RESPONSES[function.__name__] = function
    return function


def router(given: dict[str, Any]) -> Router:
    return Router(model_list=[{"model_name": "chat", "litellm_params": given}], num_retries=0)


@chat
async def whole(given: dict[str, Any]) -> None:
    assert completion(messages=ASK, **given).choices[0].message.content


@chat
async def positional(given: dict[str, Any]) -> None:
    assert litellm.completion(given.pop("model"), ASK, **given).choices[0].message.content


@chat
async def streamed(given: dict[str, Any]) -> None:
    stream = completion(messages=ASK, stream=True, **given)
    assert type(stream) is litellm.CustomStreamWrapper
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)


@chat
async def whole_async(given: dict[str, Any]) -> None:
    assert (await acompletion(messages=ASK, **given)).choices[0].message.content


@chat
async def streamed_async(given: dict[str, Any]) -> None:
    stream = await litellm.acompletion(messages=ASK, stream=True, **given)
    assert type(stream) is litellm.CustomStreamWrapper
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


@chat
async def counted(given: dict[str, Any]) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *_, last = completion(messages=ASK, **options, **given)
    assert last.usage.total_tokens


@chat
async def built_of_a_stream(given: dict[str, Any]) -> None:
    reply = completion(messages=ASK, stream=True, complete_response=True, **given)
    assert reply.choices[0].message.content


@chat
async def text(given: dict[str, Any]) -> None:
    assert litellm.text_completion(prompt=HELLO, **given).choices[0].text


@chat
async def text_async(given: dict[str, Any]) -> None:
    assert (await litellm.atext_completion(prompt=HELLO, **given)).choices[0].text


@chat
async def text_streamed(given: dict[str, Any]) -> None:
    stream = litellm.text_completion(prompt=HELLO, stream=True, **given)
    assert "".join(chunk.choices[0].text or "" for chunk in stream)


@chat
async def routed(given: dict[str, Any]) -> None:
    assert router(given).completion("chat", ASK).choices[0].message.content


@chat
async def routed_async(given: dict[str, Any]) -> None:
    assert (await router(given).acompletion("chat", ASK)).choices[0].message.content


@chat
async def routed_streamed(given: dict[str, Any]) -> None:
    assert list(router(given).completion("chat", ASK, stream=True))


@chat
async def routed_streamed_async(given: dict[str, Any]) -> None:
    stream = await router(given).acompletion("chat", ASK, stream=True)
    assert [chunk async for chunk in stream]


@chat
async def client_style(given: dict[str, Any]) -> None:
    asking = litellm.LiteLLM(api_key="wire").chat
    assert asking.completions.create(messages=ASK, **given).choices[0].message.content


@response
async def response_whole(given: dict[str, Any]) -> None:
    assert responses(input=HELLO, **given).output


@response
async def response_streamed(given: dict[str, Any]) -> None:
    assert list(responses(input=HELLO, stream=True, **given))


@response
async def response_async(given: dict[str, Any]) -> None:
    assert (await aresponses(HELLO, given.pop("model"), **given)).output


@response
async def response_streamed_async(given: dict[str, Any]) -> None:
    assert [event async for event in await aresponses(input=ASK, stream=True, **given)]


@response
async def response_routed(given: dict[str, Any]) -> None:
    assert (await router(given).aresponses(model="chat", input=HELLO)).output


@response
async def response_routed_streamed(given: dict[str, Any]) -> None:
    stream = await router(given).aresponses(model="chat", input=HELLO, stream=True)
    assert [event async for event in stream]


@pytest.fixture(params=CELLS)
def route(request: pytest.FixtureRequest) -> Route:
    found: Route = request.param
    return found


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("way", CHAT)
async def test_chat(way: str, route: Route, server: WireServer, memory: Memory) -> None:
    await CHAT[way](route.given(server))
    told(route, memory, server)
    if route is OPENAI:
        assert_remembered(memory, BY_NAME["openai-chat"], server)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("way", RESPONSES)
async def test_responses(way: str, route: Route, server: WireServer, memory: Memory) -> None:
    """OpenAI's Responses API, and that of the others, which LiteLLM makes of their chats."""
    await RESPONSES[way](route.given(server))
    assert server.journal[0].path.endswith("/v1/responses") is (route is OPENAI)
    told(route, memory, server)


CALLS = Answer(
    choices=(
        Choice(
            text="Let me see.",
            tool_calls=(
                ToolCall("weather", {"city": "Lisbon"}),
                ToolCall("time", {"zone": "WET"}, id="call_1"),
            ),
        ),
    )
)
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("weather", "time")
]


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_tool_calls(
    route: Route, stream: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(CALLS)
    given = route.given(server, messages=ASK, tools=TOOLS, stream=stream)
    reply = await asked(asynchronous, **given)
    if stream:
        assert await read(reply, asynchronous)
    found = memory.kept()
    if route.name == "gemini":
        # LiteLLM gives Gemini's calls ids of its own.
        kinds = [part[0] for part in found.said[-1][1]]
        names = [part[2:] for part in found.said[-1][1][1:]]
        assert kinds == ["text", "call", "call"]
        assert names == [("weather", '{"city": "Lisbon"}'), ("time", '{"zone": "WET"}')]
    else:
        told(route, memory, server)


@pytest.mark.usefixtures("user")
async def test_tools_answer(route: Route, server: WireServer, memory: Memory) -> None:
    """Messages may be LiteLLM's own objects, and are the caller's to change."""
    server.script(CALLS)
    messages: list[Any] = list(ASK)
    first = completion(messages=messages, tools=TOOLS, **route.given(server))
    messages.append(first.choices[0].message)
    ids = [call.id for call in first.choices[0].message.tool_calls]
    messages += [
        {"role": "tool", "tool_call_id": id_, "content": answer}
        for id_, answer in zip(ids, ("sunny", "noon"), strict=True)
    ]
    completion(messages=messages, tools=TOOLS, **route.given(server))
    messages.clear()
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete", "complete"]
    assert [(role, [part[0] for part in parts]) for role, parts in found.said] == [
        ("user", ["text"]),
        ("assistant", ["text", "call", "call"]),
        ("tool", ["result"]),
        ("tool", ["result"]),
        ("assistant", ["text"]),
    ]
    results = [parts[0] for role, parts in found.said if role == "tool"]
    assert results == [("result", ids[0], "sunny"), ("result", ids[1], "noon")]


@pytest.mark.usefixtures("user")
async def test_structured_output(route: Route, server: WireServer, memory: Memory) -> None:
    server.default = lambda received: (
        Answer(choices=(Choice(text=None, tool_calls=(_place(received.json),)),))
        if received.json.get("tools")
        else Answer(choices=(Choice(text=PLACE_JSON),))
    )
    reply = completion(messages=ASK, response_format=Place, **route.given(server))
    assert Place.model_validate_json(reply.choices[0].message.content) == Place(city="Lisbon")
    (turn,) = memory.kept().turns
    assert turn["status"] == "complete"
    assert texts(memory.kept().messages)[-1][1] == PLACE_JSON


def _place(request: Any) -> ToolCall:
    tool = request["tools"][0]
    name = tool["name"] if "name" in tool else tool["function"]["name"]
    return ToolCall(name, {"city": "Lisbon"})


@pytest.mark.usefixtures("user")
async def test_several_choices(server: WireServer, memory: Memory) -> None:
    server.script(Answer(choices=(Choice(text="one"), Choice(text="two"))))
    completion(messages=ASK, n=2, **GEMINI.given(server))
    replies = [said for role, said in texts(memory.kept().messages) if role == "assistant"]
    assert replies == ["one", "two"]


@pytest.mark.usefixtures("user")
async def test_thoughts_and_cached_tokens(server: WireServer, memory: Memory) -> None:
    server.script(*[Answer(choices=(Choice(text="Yes.", thinking="Hm."),))] * 2)
    thinking = {"type": "enabled", "budget_tokens": 1024}
    for stream in (False, True):
        reply = completion(
            messages=ASK, thinking=thinking, stream=stream, **ANTHROPIC.given(server)
        )
        if stream:
            list(reply)
    found = memory.kept()
    assert found.said[-1] == ("assistant", (("thinking", "Hm."), ("text", "Yes.")))
    assert len(found.messages) == 2
    assert [turn["usage"]["cache_read_tokens"] for turn in found.turns] == [0, 0]


@pytest.mark.usefixtures("user")
async def test_instructions_and_links(server: WireServer, memory: Memory) -> None:
    """LiteLLM's id of a response leads to the response that the provider knows by another."""
    given = OPENAI.given(server, instructions="Be kind.")
    first = responses(input=HELLO, **given)
    second = await aresponses(input="And in Porto.", previous_response_id=first.id, **given)
    assert second.id != first.id
    found = memory.kept()
    assert {turn["system"] for turn in found.turns} == {"Be kind."}
    assert found.turns[1]["previous_response_id"] == found.turns[0]["response_id"]
    assert server.journal[1].json["previous_response_id"] == found.turns[0]["response_id"]
    assert [role for role, _ in texts(found.messages)] == ["user", "assistant"] * 2


@pytest.mark.usefixtures("user")
async def test_in_anthropics_words(server: WireServer, memory: Memory) -> None:
    server.script(CALLS)
    given = ANTHROPIC.given(server, system="Be kind.", max_tokens=50)
    del given["num_retries"]
    reply = await litellm.anthropic.messages.acreate(messages=ASK, **given)
    assert reply["content"]
    found = told(ANTHROPIC, memory, server)
    (turn,) = found.turns
    assert (turn["system"], turn["response_id"]) == ("Be kind.", reply["id"])


@pytest.mark.usefixtures("user")
async def test_a_text_completion(server: WireServer, memory: Memory) -> None:
    given = OPENAI.given(server, model="text-completion-openai/babbage-002")
    said = "You said: I live in Lisbon."
    assert litellm.text_completion(prompt=HELLO, **given).choices[0].text == said
    await litellm.atext_completion(prompt=HELLO, **given)
    found = memory.kept()
    assert texts(found.messages) == [("user", HELLO), ("assistant", said)]
    assert [turn["provider"] for turn in found.turns] == ["openai", "openai"]


async def test_a_batch_in_threads(route: Route, server: WireServer, memory: Memory) -> None:
    """LiteLLM's threads do not know the context they are started in: metadata says whose it is."""
    asked = [[{"role": "user", "content": f"number {number}"}] for number in range(3)]
    whose = {"memori_entity": ENTITY, "session_id": "s"}
    with attribution(entity="other"):
        litellm.batch_completion(messages=asked, metadata=whose, **route.given(server))
    turns = memory.kept().turns
    assert [(turn["session"], turn["framework"]) for turn in turns] == [("s", "litellm")] * 3

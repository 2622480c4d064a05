"""Gemini's Interactions API beyond the plain call: history, tools and agents at Google's."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from memori_instrumentation import attribution
from wire.check import differences, texts
from wire.clients import GOOGLE_MODEL, google_client
from wire.common import sse
from wire.memory import ENTITY, Memory
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import each, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

Json = dict[str, Any]


class Interactions:
    """The SDK's ``interactions``, of a client that stays alive with it."""

    def __init__(self, url: str, asynchronous: bool) -> None:
        self._client = google_client(url)
        face: Any = self._client.aio if asynchronous else self._client
        self.api = face.interactions

    async def create(self, **given: Any) -> Any:
        return await resolve(self.api.create(**{"model": GOOGLE_MODEL, **given}))


@pytest.fixture
def interactions(server: WireServer, asynchronous: bool) -> Interactions:
    return Interactions(server.url, asynchronous)


def answered(status: str = "completed", **more: Any) -> Answer:
    """An answer with this body."""
    body = {"id": "int-1", "model": GOOGLE_MODEL, "status": status, **more}
    return Answer(raw=json.dumps(body).encode())


def said(words: str) -> Json:
    return {"type": "model_output", "content": [{"type": "text", "text": words}]}


def streamed(*events: Json) -> Answer:
    """A stream of these events."""
    return Answer(raw=b"".join(sse(event, event["event_type"]) for event in events))


def step_events(index: int, step: Json, *deltas: Json) -> list[Json]:
    start = {"event_type": "step.start", "index": index, "step": step}
    moves = [{"event_type": "step.delta", "index": index, "delta": delta} for delta in deltas]
    return [start, *moves, {"event_type": "step.stop", "index": index}]


def completed(status: str = "completed", **more: Any) -> Json:
    interaction = {"id": "int-1", "status": status, **more}
    return {"event_type": "interaction.completed", "interaction": interaction}


async def test_a_text_and_contents(
    interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    await interactions.create(input="I live in Lisbon.")
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    with attribution(entity="user-2"):
        contents = [
            {"type": "text", "text": "What is this?"},
            {"type": "document", "uri": "https://files/a.pdf", "mime_type": "application/pdf"},
        ]
        await interactions.create(input=contents)
        assert differences(server.journal[-1], memory.kept("user-2")) == []
    with attribution(entity="user-3"):
        await interactions.create(input={"type": "text", "text": "Alone"})
        assert texts(memory.kept("user-3").messages)[0] == ("user", "Alone")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_history_at_googles(
    streaming: bool, interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    """Each request holds what is new only; "yes" again is another message."""
    previous: str | None = None
    for number in range(4):
        server.script(text(f"Reply {number}", id=f"int-{number}"))
        given = {"previous_interaction_id": previous} if previous else {}
        reply = await interactions.create(input="Yes", stream=streaming, **given)
        if streaming:
            assert [event async for event in each(reply)]
        previous = f"int-{number}"
    found = memory.kept()
    expected = [m for n in range(4) for m in (("user", "Yes"), ("assistant", f"Reply {n}"))]
    assert texts(found.messages) == expected
    ordered = sorted(found.turns, key=lambda turn: str(turn["response_id"]))
    assert [turn["previous_response_id"] for turn in ordered] == [None, "int-0", "int-1", "int-2"]
    by_id = {row["id"]: row for row in found.messages}
    last = max(found.messages, key=lambda row: int(row["position"]))
    depth = 0
    while last is not None:
        last, depth = by_id.get(last["parent_id"]), depth + 1
    assert depth == 8


async def test_what_a_request_says(interactions: Interactions, memory: Memory) -> None:
    await interactions.create(
        input="Hi",
        system_instruction="Be brief.",
        cached_content="cachedContents/c-1",
        generation_config={"temperature": 0.5, "max_output_tokens": 99},
    )
    assert memory.kept().turns[0]["system"] == "Be brief."
    (span,) = memory.spans()
    expected = {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gcp.gemini.request.cached_content": "cachedContents/c-1",
        "gen_ai.response.finish_reasons": ("completed",),
    }
    attributes = dict(span.attributes or {})
    assert {name: attributes.get(name) for name in expected} == expected


async def test_a_function_of_the_app(
    interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    call = ToolCall("look_up", {"city": "Lisbon"}, "call_7")
    server.script(Answer(choices=(Choice(text=None, tool_calls=(call,)),), id="int-0"))
    reply = await interactions.create(input="Weather?", tools=[{"type": "function", "name": "x"}])
    assert reply.status == "requires_action"
    result = {"type": "function_result", "call_id": "call_7", "result": {"degrees": 21}}
    await interactions.create(input=[result], previous_interaction_id=reply.id)
    found = memory.kept()
    ordered = sorted(found.messages, key=lambda row: int(row["position"]))
    kinds = [(row["role"], [part["type"] for part in row["parts"]]) for row in ordered]
    assert kinds == [
        ("user", ["text"]),
        ("assistant", ["tool_call"]),
        ("tool", ["tool_call_response"]),
        ("assistant", ["text"]),
    ]
    assert ordered[2]["parts"][0]["response"] == {"degrees": 21}
    assert ordered[2]["parent_id"] == ordered[1]["id"]
    assert [turn["status"] for turn in found.turns] == ["complete", "complete"]


SEARCH: Json = {"queries": ["weather Lisbon"]}
FOUND: list[Json] = [{"title": "Weather", "url": "https://example.com/w"}]
CITED: Json = {"type": "url_citation", "url": "https://example.com/w", "start_index": 0}


async def assert_searched(memory: Memory) -> None:
    found = memory.kept()
    (row,) = (row for row in found.messages if row["role"] == "assistant")
    assert [part["type"] for part in row["parts"]] == [
        "reasoning",
        "tool_call",
        "tool_call_response",
        "text",
    ]
    thought, call, answer, words = row["parts"]
    assert thought["content"] == "I should look."
    assert (call["id"], call["name"], call["arguments"]) == ("s-1", "google_search", SEARCH)
    assert (answer["id"], answer["response"]) == ("s-1", FOUND)
    assert (words["content"], words["citations"]) == ("It is sunny.", [CITED])
    assert row["text"] == "It is sunny."
    assert "signature" not in json.dumps(row["parts"])
    (turn,) = found.turns
    assert turn["usage"] == {"input_tokens": 9, "output_tokens": 8, "reasoning_tokens": 3}


USAGE = {
    "total_input_tokens": 4,
    "total_tool_use_tokens": 5,
    "total_output_tokens": 5,
    "total_thought_tokens": 3,
}


async def test_tools_that_run_at_googles(
    interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    steps = [
        {"type": "thought", "summary": [{"type": "text", "text": "I should look."}]},
        {"type": "google_search_call", "id": "s-1", "arguments": SEARCH, "signature": "c2ln"},
        {"type": "google_search_result", "call_id": "s-1", "result": FOUND, "signature": "c2ln"},
        {
            "type": "model_output",
            "content": [{"type": "text", "text": "It is sunny.", "annotations": [CITED]}],
        },
    ]
    server.script(answered(steps=steps, usage=USAGE))
    reply = await interactions.create(input="Weather?", tools=[{"type": "google_search"}])
    assert reply.output_text == "It is sunny."
    await assert_searched(memory)


async def test_streamed_tools_that_run_at_googles(
    interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    pieces: list[Json] = [{"type": "text", "text": piece} for piece in ("I should ", "look.")]
    thoughts = [{"type": "thought_summary", "content": piece} for piece in pieces]
    server.script(
        streamed(
            {"event_type": "interaction.created", "interaction": {"id": "int-1"}},
            *step_events(
                0, {"type": "thought"}, *thoughts, {"type": "thought_signature", "signature": "x"}
            ),
            *step_events(
                1,
                {"type": "google_search_call", "id": "s-1", "arguments": {}},
                {"type": "google_search_call", "arguments": SEARCH, "signature": "c2ln"},
            ),
            *step_events(
                2,
                {"type": "google_search_result", "call_id": "s-1"},
                {"type": "google_search_result", "result": FOUND, "is_error": False},
            ),
            *step_events(
                3,
                {"type": "model_output", "content": [{"type": "text", "text": "It is "}]},
                {"type": "text", "text": "sunny."},
                {"type": "text_annotation_delta", "annotations": [CITED]},
            ),
            completed(usage=USAGE),
        )
    )
    stream = await interactions.create(input="Weather?", stream=True)
    assert [event async for event in each(stream)]
    await assert_searched(memory)


async def test_pictures_and_sound_are_references(
    interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    halves = [bytes(range(256)) * 21, bytes(range(255)) * 11]
    sound = [
        {"type": "audio", "mime_type": "audio/l16", "data": base64.b64encode(half).decode()}
        for half in halves
    ]
    picture = {"type": "image", "mime_type": "image/png", "data": sound[0]["data"]}
    server.script(
        streamed(
            *step_events(0, {"type": "model_output"}, picture, *sound),
            completed(),
        )
    )
    stream = await interactions.create(input="Sing", stream=True)
    assert [event async for event in each(stream)]
    (row,) = (row for row in memory.kept().messages if row["role"] == "assistant")
    digests = [hashlib.sha256(data).hexdigest() for data in (halves[0], b"".join(halves))]
    kept = [(part["type"], part["modality"], part["sha256"]) for part in row["parts"]]
    assert kept == [("blob", "image", digests[0]), ("blob", "audio", digests[1])]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("in_progress", "incomplete"),
        ("queued", "incomplete"),
        ("cancelled", "incomplete"),
        ("incomplete", "complete"),
        ("budget_exceeded", "complete"),
        ("failed", "error"),
    ],
)
async def test_how_it_ended(
    status: str, expected: str, interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    errors = [{"code": "overloaded", "message": "too busy"}] if status == "failed" else []
    server.script(answered(status, errors=errors))
    reply = await interactions.create(input="Hi", background=True)
    assert reply.status == status
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["response_id"]) == (expected, "int-1")
    failure = ("overloaded", "too busy") if status == "failed" else (None, None)
    assert (turn["error_type"], turn["error_message"]) == failure


def page(status: str, **more: Any) -> bytes:
    """An interaction as it is fetched."""
    return json.dumps({"id": "int-1", "model": GOOGLE_MODEL, "status": status, **more}).encode()


@pytest.mark.parametrize("ended", ["completed", "requires_action", "failed", "cancelled"])
async def test_made_in_the_background(
    ended: str, interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    """Stored when asked for, completed when fetched; polling is no call of a model."""
    server.script(answered("in_progress"))
    server.pages["/interactions/int-1"] = page("in_progress")
    begun = await interactions.create(input="Where do I live?", background=True)
    assert begun.status == "in_progress"
    for _ in range(2):
        await resolve(interactions.api.get("int-1"))
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["incomplete"]
    assert texts(found.messages) == [("user", "Where do I live?")]
    steps = [] if ended == "failed" else [said("In Lisbon.")]
    failure = [{"code": "overloaded", "message": "too busy"}] if ended == "failed" else []
    body = page(ended, steps=steps, errors=failure, usage={"total_output_tokens": 3})
    if ended == "cancelled":
        server.pages["/interactions/int-1/cancel"] = body
        assert (await resolve(interactions.api.cancel("int-1"))).status == ended
    else:
        server.pages["/interactions/int-1"] = body
        for _ in range(2):
            assert (await resolve(interactions.api.get("int-1"))).status == ended
    found = memory.kept()
    (turn,) = found.turns
    whole = ended in ("completed", "requires_action")
    assert turn["status"] == ("complete" if whole else _ENDS[ended])
    assert texts(found.messages) == [
        ("user", "Where do I live?"),
        *[("assistant", "In Lisbon.")] * len(steps),
    ]
    assert turn["error_type"] == ("overloaded" if ended == "failed" else None)
    assert turn["usage"]["output_tokens"] == 3
    assert len(memory.spans()) == 1


_ENDS = {"failed": "error", "cancelled": "incomplete"}


async def test_a_background_answer_fetched_as_a_stream(
    interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    server.script(answered("in_progress"))
    await interactions.create(input="Where do I live?", background=True)
    events = [
        {"event_type": "interaction.created", "interaction": {"id": "int-1"}},
        *step_events(0, {"type": "model_output"}, {"type": "text", "text": "In Lisbon."}),
        completed(),
    ]
    server.pages["/interactions/int-1"] = b"".join(sse(it, it["event_type"]) for it in events)
    stream = await resolve(interactions.api.get("int-1", stream=True))
    assert [event async for event in each(stream)]
    found = memory.kept()
    assert texts(found.messages) == [("user", "Where do I live?"), ("assistant", "In Lisbon.")]
    assert [turn["status"] for turn in found.turns] == ["complete"]


async def test_an_agent(interactions: Interactions, server: WireServer, memory: Memory) -> None:
    agent = "deep-research-preview"
    body = {"id": "int-1", "agent": agent, "status": "completed", "steps": [said("Done.")]}
    server.script(Answer(raw=json.dumps(body).encode()))
    await resolve(interactions.api.create(agent=agent, input="Look into it"))
    (turn,) = memory.kept().turns
    assert (turn["operation"], turn["model"]) == ("invoke_agent", agent)
    (span,) = memory.spans()
    assert span.name == f"invoke_agent {agent}"
    assert (span.attributes or {})["gen_ai.agent.id"] == agent


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_an_answer_over_several_requests(
    streaming: bool, interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    """The SDK asks for the rest of a long answer by itself: each request is a turn, and the parts
    follow one another."""
    token: Json = {"continuation_token": "t-1"}
    first, second = said("Once upon"), said(" a time.")
    if streaming:
        halves = [
            [{"event_type": "step.start", "index": 0, "step": step}] for step in (first, second)
        ]
        unfinished = completed("requires_continuation", **token)
        server.script(
            streamed(*halves[0], unfinished),
            streamed(*halves[1], completed(id="int-2")),
        )
    else:
        server.script(
            answered("requires_continuation", steps=[first], **token),
            answered(steps=[second], id="int-2"),
        )
    reply = await interactions.create(input="A story", stream=streaming)
    if streaming:
        assert [event async for event in each(reply)]
    assert server.journal[1].json["previous_interaction_id"] == "int-1"
    found = memory.kept()
    assert texts(found.messages) == [
        ("user", "A story"),
        ("assistant", "Once upon"),
        ("assistant", " a time."),
    ]
    by_text = {row["text"]: row for row in found.messages}
    assert by_text[" a time."]["parent_id"] == by_text["Once upon"]["id"]
    assert [turn["status"] for turn in found.turns] == ["complete", "complete"]


@pytest.mark.parametrize("way", ["with_raw_response", "with_streaming_response"])
async def test_raw_responses(
    way: str,
    asynchronous: bool,
    interactions: Interactions,
    server: WireServer,
    memory: Memory,
) -> None:
    from wire.sdks import entered

    create = getattr(interactions.api, way).create
    given = {"model": GOOGLE_MODEL, "input": "Hi"}
    if way == "with_raw_response":
        response = await resolve(create(**given))
        assert (await resolve(response.parse())).output_text == "You said: Hi"
    else:
        async with entered(create(**given)) as response:
            assert await resolve(response.parse())
    assert differences(server.journal[-1], memory.kept()) == []


async def test_what_is_no_conversation_is_not_captured(
    interactions: Interactions, server: WireServer, memory: Memory
) -> None:
    assert (await resolve(interactions.api.get("int-1"))).status == "completed"
    await resolve(interactions.api.cancel("int-1"))
    assert len(server.journal) == 2
    assert memory.kept().turns == []
    assert memory.spans() == []


async def test_nothing_is_left_behind(
    interactions: Interactions, server: WireServer, uninstrumented: Memory
) -> None:
    from google.genai._gaos import basesdk

    names = ("do_request", "do_request_async")
    classes = (basesdk.BaseSDK, basesdk.AsyncBaseSDK)
    before = [vars(owner)[name] for owner, name in zip(classes, names, strict=True)]
    uninstrumented.instrument()
    await interactions.create(input="Hi")
    uninstrumented.uninstrument()
    after = [vars(owner)[name] for owner, name in zip(classes, names, strict=True)]
    assert after == before
    await interactions.create(input="Again")
    assert len(uninstrumented.kept(ENTITY).turns) == 1

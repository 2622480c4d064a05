"""What ``generate_content`` carries beyond words, and the calls that the SDK makes by itself."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from google.genai import types

from wire.check import Kept, differences, texts
from wire.clients import GOOGLE_MODEL, google_client
from wire.common import sse
from wire.memory import Memory
from wire.replies import Answer, Choice, text
from wire.sdks import SDKS, each, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

Json = dict[str, Any]
GOOGLE = next(sdk for sdk in SDKS if sdk.name == "google")
PICTURE = base64.b64encode(bytes(range(256)) * 20).decode()


def body(*parts: Json, finish: str | None = "STOP", **more: Any) -> Json:
    """A reply, or a chunk of one, with these parts."""
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": list(parts)}, **more}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7}
    return {"candidates": [candidate], "usageMetadata": usage, "responseId": "reply-1"}


def whole(reply: Json) -> Answer:
    return Answer(raw=json.dumps(reply).encode())


def streamed(*chunks: Json) -> Answer:
    return Answer(raw=b"".join(sse(chunk, end="\r\n\r\n") for chunk in chunks))


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streaming(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class Asking:
    """Ways to ask the model, sync or async."""

    def __init__(self, server: WireServer, asynchronous: bool) -> None:
        self.server = server
        self.client = GOOGLE.client(server.url, asynchronous)

    async def __call__(self, streaming: bool, history: Any = None, **more: Any) -> list[Any]:
        """The reply, or the chunks of it."""
        given = {"history": history} if history else {}
        if not streaming:
            return [await resolve(GOOGLE.create(self.client, **given, **more))]
        stream = await resolve(GOOGLE.stream(self.client, **given, **more))
        return [chunk async for chunk in each(stream)]


@pytest.fixture
def ask(server: WireServer, asynchronous: bool) -> Asking:
    return Asking(server, asynchronous)


def answer_of(found: Kept) -> Json:
    """The one message of the model's."""
    (row,) = (row for row in found.messages if row["role"] == "assistant")
    return row


def weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: 21 degrees"


async def test_functions_that_the_sdk_calls(
    streaming: bool, ask: Asking, server: WireServer, memory: Memory
) -> None:
    """A turn for each of the model's calls; the signature on its thoughts goes back and counts as
    nothing."""
    call = {"functionCall": {"name": "weather", "args": {"city": "Lisbon"}, "id": "c-1"}}
    thinking = {"text": "Let me see.", "thought": True}
    signed = {**call, "thoughtSignature": "c2lnbmVk"}
    script = streamed if streaming else whole
    server.script(script(body(thinking, signed)), script(body({"text": "21 degrees."})))
    await ask(streaming, config={"tools": [weather]})
    assert "c2lnbmVk" in json.dumps(server.journal[1].json)
    found = memory.kept()
    assert len(found.turns) == len(server.journal) == 2
    rows = sorted(found.messages, key=lambda row: int(row["position"]))
    kinds = [(row["role"], [part["type"] for part in row["parts"]]) for row in rows]
    assert kinds == [
        ("user", ["text"]),
        ("assistant", ["reasoning", "tool_call"]),
        ("user", ["tool_call_response"]),
        ("assistant", ["text"]),
    ]
    assert [row["parent_id"] for row in rows[1:]] == [row["id"] for row in rows[:-1]]
    assert "c2lnbmVk" not in json.dumps(found.messages)


async def test_the_rest_of_a_long_answer(
    streaming: bool, ask: Asking, server: WireServer, memory: Memory
) -> None:
    """The SDK asks for it by itself: the turn of that request has the whole answer."""
    token = base64.b64encode(b"\xfb\xff\xfe more").decode()  # has letters of both alphabets
    begun = body({"text": "Once upon"}, finish="CONTINUATION", continuationToken=token)
    script = streamed if streaming else whole
    server.script(script(begun), script(body({"text": " a time."})))
    replies = await ask(streaming)
    assert "".join(reply.text or "" for reply in replies) == "Once upon a time."
    assert len(server.journal) == 2
    found = memory.kept()
    turns = sorted(found.turns, key=lambda turn: str(turn["started_at"]))
    assert [turn["status"] for turn in turns] == ["incomplete", "complete"]
    assert [turn["usage"]["output_tokens"] for turn in turns] == [7, 7]
    assert texts(found.messages) == [
        ("user", "I live in Lisbon."),
        ("assistant", "Once upon"),
        ("assistant", "Once upon a time."),
    ]
    # Sent back as history, the whole is known.
    history = [("user", "I live in Lisbon."), ("assistant", "Once upon a time."), ("user", "And?")]
    await ask(streaming, history)
    assert [said for _, said in texts(memory.kept().messages)][3:] == ["And?", "You said: And?"]


async def test_several_candidates(
    streaming: bool, ask: Asking, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(choices=(Choice(text="Porto."), Choice(text="Faro."))))
    await ask(streaming, config={"candidate_count": 2})
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    assert texts(found.messages)[1:] == [("assistant", "Porto."), ("assistant", "Faro.")]
    assert len({row["parent_id"] for row in found.messages[1:]}) == 1
    (span,) = memory.spans()
    assert (span.attributes or {})["gen_ai.request.choice.count"] == 2


async def test_a_blocked_prompt(
    streaming: bool, ask: Asking, server: WireServer, memory: Memory
) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}}
    server.script((streamed if streaming else whole)(blocked))
    await ask(streaming)
    found = memory.kept()
    assert texts(found.messages) == [("user", "I live in Lisbon.")]
    (turn,) = found.turns
    assert (turn["status"], turn["finish_reasons"]) == ("complete", ["SAFETY"])


async def test_an_answer_that_was_stopped(
    streaming: bool, ask: Asking, server: WireServer, memory: Memory
) -> None:
    stopped = {"candidates": [{"index": 0, "finishReason": "PROHIBITED_CONTENT"}]}
    server.script((streamed if streaming else whole)(stopped))
    await ask(streaming)
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete"]
    assert answer_of(found)["parts"] == []


CODE = {"executableCode": {"language": "PYTHON", "code": "print(6 * 7)", "id": "x-1"}}
RESULT = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n", "id": "x-1"}}
PLOT = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}


async def test_code_and_pictures_of_the_models(
    streaming: bool, ask: Asking, server: WireServer, memory: Memory
) -> None:
    parts = [{"text": "Let me count."}, CODE, RESULT, PLOT, {"text": "It is 42."}]
    if streaming:
        chunks = [body(part, finish=None) for part in parts[:-1]]
        server.script(streamed(*chunks, body(parts[-1])))
    else:
        server.script(whole(body(*parts)))
    replies = await ask(streaming, config={"tools": [{"code_execution": {}}]})
    found = memory.kept()
    row = answer_of(found)
    kinds = ["text", "tool_call", "tool_call_response", "blob", "text"]
    assert [part["type"] for part in row["parts"]] == kinds
    _, call, result, plot, _ = row["parts"]
    assert (call["id"], call["name"]) == ("x-1", "code_execution")
    assert call["arguments"] == {"language": "PYTHON", "code": "print(6 * 7)"}
    assert result["response"] == {"outcome": "OUTCOME_OK", "output": "42\n"}
    assert plot["sha256"] == hashlib.sha256(base64.b64decode(PICTURE)).hexdigest()
    assert row["text"] == "Let me count.It is 42."
    # The SDK's own objects, sent back, are the message that is known.
    said = [part for it in replies for part in it.candidates[0].content.parts]
    history = [
        types.Content(role="user", parts=[types.Part(text="I live in Lisbon.")]),
        types.Content(role="model", parts=said),
        types.Content(role="user", parts=[types.Part(text="And?")]),
    ]
    await ask(False, contents=history)
    assert len(memory.kept().messages) == 4


async def test_sources_stand_beside_the_words(
    streaming: bool, ask: Asking, server: WireServer, memory: Memory
) -> None:
    metadata: Json = {
        "groundingMetadata": {
            "webSearchQueries": ["weather Lisbon"],
            "groundingChunks": [
                {"web": {"uri": "https://a.example/w", "title": "Weather"}},
                {"retrievedContext": {"uri": "gs://b/doc", "title": "Doc", "text": "Long." * 99}},
            ],
            "searchEntryPoint": {"renderedContent": "<div>" + "x" * 5000},
        },
        "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://c.example"}]},
        "citationMetadata": {"citationSources": [{"uri": "https://d.example", "startIndex": 1}]},
    }
    if streaming:
        head = body({"text": "It is "}, finish=None)
        server.script(streamed(head, body({"text": "sunny."}, **metadata)))
    else:
        server.script(whole(body({"text": "It is sunny."}, **metadata)))
    await ask(streaming, config={"tools": [{"google_search": {}}]})
    (part,) = answer_of(memory.kept())["parts"]
    assert (part["type"], part["content"]) == ("text", "It is sunny.")
    assert part["citations"] == [
        {"type": "web", "uri": "https://a.example/w", "title": "Weather"},
        {"type": "retrievedContext", "uri": "gs://b/doc", "title": "Doc"},
        {"type": "urlContext", "uri": "https://c.example"},
        {"type": "citation", "uri": "https://d.example"},
    ]
    # Clients send back the words without them.
    history = [("user", "I live in Lisbon."), ("assistant", "It is sunny."), ("user", "And?")]
    await ask(False, history)
    assert len(memory.kept().messages) == 4


async def test_tools_at_googles(ask: Asking, server: WireServer, memory: Memory) -> None:
    call = {"toolCall": {"id": "t-1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}}}
    answer = {"toolResponse": {"id": "t-1", "response": {"found": 1}}}
    server.script(whole(body(call, answer, {"text": "Yes."}, {"thoughtSignature": "c2ln"})))
    await ask(False)
    row = answer_of(memory.kept())
    assert row["parts"][0] == {
        "type": "tool_call",
        "id": "t-1",
        "name": "GOOGLE_SEARCH_WEB",
        "arguments": {"q": "x"},
    }
    assert row["parts"][1]["response"] == {"found": 1}
    assert [part["type"] for part in row["parts"]] == ["tool_call", "tool_call_response", "text"]


def piece(path: str, **value: Any) -> Json:
    call = {"partialArgs": [{"jsonPath": path, **value}], "willContinue": True}
    return body({"functionCall": call}, finish=None)


async def test_function_calls_whose_arguments_come_in_pieces(
    ask: Asking, server: WireServer, memory: Memory
) -> None:
    begun = {"functionCall": {"id": "c-1", "name": "go", "willContinue": True}}
    server.script(
        streamed(
            body({"text": "Wait."}, finish=None),
            body(begun, finish=None),
            piece("$.city", stringValue="Lis", willContinue=True),
            piece("$.city", stringValue="bon"),
            piece("$.stops[0].name", stringValue="Porto"),
            piece("$.stops[0]['nights']", numberValue=2),
            piece("$.stops[1].name", stringValue="Faro"),
            piece("$.stops[9].name", stringValue="nowhere"),
            piece("$.back", boolValue=True),
            body({"functionCall": {}}, finish=None),
            body({"functionCall": {"id": "c-2", "name": "stay", "args": {"n": 1}}}),
        )
    )
    await ask(True)
    parts = answer_of(memory.kept())["parts"]
    calls = [(part["id"], part["name"], part["arguments"]) for part in parts[1:]]
    stops = [{"name": "Porto", "nights": 2}, {"name": "Faro"}]
    assert calls == [
        ("c-1", "go", {"city": "Lisbon", "stops": stops, "back": True}),
        ("c-2", "stay", {"n": 1}),
    ]


async def test_files_and_answers_of_functions_with_pictures(
    ask: Asking, server: WireServer, memory: Memory
) -> None:
    file = {"file_data": {"file_uri": "https://files/a.pdf", "mime_type": "application/pdf"}}
    picture = {"inline_data": {"mime_type": "image/png", "data": PICTURE}}
    answer = {"id": "c-1", "name": "look", "response": {"ok": 1}, "parts": [picture]}
    contents = [
        {"role": "user", "parts": [{"text": "Read"}, file]},
        {"role": "model", "parts": [{"function_call": {"id": "c-1", "name": "look", "args": {}}}]},
        {"role": "user", "parts": [{"function_response": answer}]},
    ]
    await ask(False, contents=contents)
    rows = sorted(memory.kept().messages, key=lambda row: int(row["position"]))
    assert rows[0]["parts"][1]["uri"] == "https://files/a.pdf"
    (answered,) = rows[2]["parts"]
    assert (answered["name"], answered["response"]) == ("look", {"ok": 1})
    assert answered["parts"][0]["type"] == "blob"


async def test_content_that_is_cached(ask: Asking, memory: Memory) -> None:
    """Its name is kept; it says nothing about which turn follows which."""
    name = "cachedContents/c-1"
    await ask(False, [("user", "What does it say?")], config={"cached_content": name})
    await ask(False, [("user", "Who wrote it?")], config={"cached_content": name})
    found = memory.kept()
    assert [turn["conversation_id"] for turn in found.turns] == [None, None]
    assert [row["parent_id"] for row in found.messages if row["role"] == "user"] == [None, None]
    for span in memory.spans():
        assert (span.attributes or {})["gcp.gemini.request.cached_content"] == name


async def test_chats_go_on_from_what_was_said(
    asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(text("Hello, Ann."), text("Ann."))
    client = google_client(server.url)
    face: Any = client.aio if asynchronous else client
    chat = face.chats.create(model=GOOGLE_MODEL)
    await resolve(chat.send_message("I am Ann"))
    stream = await resolve(chat.send_message_stream("Who am I?"))
    assert [chunk async for chunk in each(stream)]
    assert texts(memory.kept().messages) == [
        ("user", "I am Ann"),
        ("assistant", "Hello, Ann."),
        ("user", "Who am I?"),
        ("assistant", "Ann."),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_no_conversation_is_not_captured(server: WireServer, memory: Memory) -> None:
    client = google_client(server.url)
    model = GOOGLE_MODEL
    client.models.embed_content(model=model, contents="x")
    client.models.count_tokens(model=model, contents="x")
    client.models.list()
    enterprise = google_client(server.url, vertexai=True)
    enterprise.models.generate_images(model="imagen-4", prompt="x")
    operation = enterprise.models.generate_videos(model="veo-3", prompt="x")
    enterprise.operations.get(operation)
    client.batches.create(model=model, src=[{"contents": [{"parts": [{"text": "x"}]}]}])
    client.batches.get(name="batches/b-1")
    client.caches.create(model=model, config={"contents": [{"parts": [{"text": "x"}]}]})
    client.files.get(name="files/f-1")
    assert {received.status for received in server.journal} == {200}
    assert len(server.journal) == 10
    assert memory.kept().turns == []
    assert memory.spans() == []

"""What only xAI's SDK does: chats that grow, batches, deferred answers, tools on its side, gRPC."""

from __future__ import annotations

import datetime
import hashlib
import json
import warnings
from typing import Any

import pytest
from pydantic import ValidationError

from memori_instrumentation import attribution
from wire.check import differences, texts
from wire.memory import ENTITY, Memory
from wire.offers import offered
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import HELLO, Place, each, resolve
from wire.server import WireServer

xai_sdk = pytest.importorskip("xai_sdk", reason="xai-sdk is not installed")
grpc = pytest.importorskip("grpc")

from xai_sdk.chat import file, image, tool_result, user  # noqa: E402

from wire import xai  # noqa: E402

SOON = datetime.timedelta(milliseconds=5)
TWO = Answer(choices=(Choice(text="Porto."), Choice(text="Faro.")), id="two")


@pytest.fixture(autouse=True)
def no_deprecations() -> Any:
    """The SDK says that its batches will go."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield


@pytest.fixture
def client(server: WireServer, asynchronous: bool) -> Any:
    return lambda **options: xai.client(server.url, asynchronous, **options)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("method", ["sample_batch", "defer_batch"])
async def test_batches(method: str, client: Any, server: WireServer, memory: Memory) -> None:
    server.script(TWO)
    more = {"interval": SOON} if method == "defer_batch" else {}
    replies = await resolve(getattr(xai.chat(client(), HELLO), method)(2, **more))
    assert [reply.content for reply in replies] == ["Porto.", "Faro."]
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    assert len(found.messages) == 3
    (span,) = memory.spans()
    assert (span.attributes or {})["gen_ai.request.choice.count"] == 2


@pytest.mark.usefixtures("user")
async def test_a_deferred_answer(client: Any, server: WireServer, memory: Memory) -> None:
    reply = await resolve(xai.chat(client(), HELLO).defer(interval=SOON))
    assert reply.content == "You said: I live in Lisbon."
    assert differences(server.journal[-1], memory.kept()) == []
    assert len(memory.spans()) == 1


@pytest.mark.usefixtures("user")
async def test_an_answer_that_does_not_parse_is_stored(
    client: Any, server: WireServer, memory: Memory
) -> None:
    server.script(text("Lisbon, I think."))
    with pytest.raises(ValidationError):
        await resolve(xai.chat(client(), HELLO).parse(Place))
    assert differences(server.journal[-1], memory.kept()) == []


@pytest.mark.usefixtures("user")
async def test_a_chat_that_grows(client: Any, server: WireServer, memory: Memory) -> None:
    """The chat holds the history, and is changed as soon as a call is back."""
    chat = client().chat.create(model=xai.MODEL)
    expected: list[tuple[str, str]] = []
    for number in range(6):
        chat.append(user(f"Fact {number}"))
        if number % 2:
            reply = await resolve(chat.sample())
        else:
            *_, (reply, _) = [item async for item in each(chat.stream())]
        chat.append(reply)
        expected += [("user", f"Fact {number}"), ("assistant", f"You said: Fact {number}")]
        reply.proto.outputs[0].message.content = "changed by the app"
    found = memory.kept()
    assert len(found.turns) == 6
    assert texts(found.messages) == expected


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_reasoning_is_apart_from_text_and_counted(
    streamed: bool, client: Any, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(choices=(Choice(text="Yes.", thinking="Hm, let me see."),)))
    chat = xai.chat(client(), HELLO)
    if streamed:
        assert [item async for item in each(chat.stream())]
    else:
        await resolve(chat.sample())
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    assert found.messages[-1]["text"] == "Yes."
    assert found.turns[0]["usage"]["output_tokens"] == 7 + 3
    assert found.turns[0]["usage"]["reasoning_tokens"] == 3


@pytest.mark.usefixtures("user")
async def test_files_and_pictures_are_references(
    client: Any, server: WireServer, memory: Memory
) -> None:
    data = bytes(range(256)) * 50
    given = ["Read", image("https://example.com/cat.png"), file("file-7")]
    kinds = ["text", "uri", "file"]
    if inline := offered("xai_sdk.chat:file(data)"):
        given += [
            file(data=data, mime_type="application/pdf"),
            file(url="https://example.com/a.pdf"),
        ]
        kinds += ["blob", "uri"]
    await resolve(xai.chat(client(), (), messages=[user(*given)]).sample())
    parts = memory.kept().messages[0]["parts"]
    assert [part["type"] for part in parts] == kinds
    assert parts[1]["uri"] == "https://example.com/cat.png"
    assert parts[2]["file_id"] == "file-7"
    if inline:
        assert parts[3]["mime_type"] == "application/pdf"
        assert parts[3]["sha256"] == hashlib.sha256(data).hexdigest()


TOOLS_ON_THEIR_SIDE = {
    "id": "agentic-1",
    "model": f"{xai.MODEL}-0001",
    "outputs": [
        {
            "index": 0,
            "message": {
                "role": "ROLE_ASSISTANT",
                "tool_calls": [
                    {
                        "id": "srv-1",
                        "type": "TOOL_CALL_TYPE_WEB_SEARCH_TOOL",
                        "status": status,
                        "function": {"name": "web_search", "arguments": '{"query": "Lisbon"}'},
                    }
                    for status in ("TOOL_CALL_STATUS_IN_PROGRESS", "TOOL_CALL_STATUS_COMPLETED")
                ],
            },
        },
        {
            "index": 1,
            "message": {
                "role": "ROLE_TOOL",
                "content": "Lisbon is sunny.",
                "tool_calls": [{"id": "srv-1", "function": {"name": "web_search"}}],
            },
        },
        {
            "index": 2,
            "finish_reason": "REASON_STOP",
            "message": {"role": "ROLE_ASSISTANT", "content": "It is sunny."},
        },
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
}


@pytest.mark.usefixtures("user")
async def test_tools_that_run_at_xai(client: Any, server: WireServer, memory: Memory) -> None:
    """Call, result and words come in one reply, go back with the next request, and are once."""
    server.script(Answer(raw=json.dumps(TOOLS_ON_THEIR_SIDE).encode()), text("At last."))
    chat = xai.chat(client(), [("user", "Weather?")])
    chat.append(await resolve(chat.sample()))
    chat.append(user("And now?"))
    await resolve(chat.sample())
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["complete", "complete"]
    rows = sorted(found.messages, key=lambda row: int(row["position"]))
    kinds = [(row["role"], [part["type"] for part in row["parts"]]) for row in rows]
    assert kinds == [
        ("user", ["text"]),
        ("assistant", ["tool_call", "tool_call_response", "text"]),
        ("user", ["text"]),
        ("assistant", ["text"]),
    ]
    assert rows[1]["text"] == "It is sunny."
    assert rows[1]["parts"][1] == {
        "type": "tool_call_response",
        "id": "srv-1",
        "response": "Lisbon is sunny.",
    }


@pytest.mark.usefixtures("user")
async def test_a_tool_of_the_app(client: Any, server: WireServer, memory: Memory) -> None:
    call = ToolCall("look", {"where": "é"}, "call_9")
    server.script(Answer(choices=(Choice(text=None, tool_calls=(call,)),)), text("21 degrees."))
    chat = xai.chat(client(), [("user", "Weather?")])
    chat.append(await resolve(chat.sample()))
    chat.append(tool_result("21", "call_9"))
    await resolve(chat.sample())
    kinds = [part["type"] for row in memory.kept().messages for part in row["parts"]]
    assert kinds == ["text", "tool_call", "tool_call_response", "text"]


async def test_what_a_request_says(client: Any, server: WireServer, memory: Memory) -> None:
    given = {
        "conversation_id": "conv-3",
        "temperature": 0.5,
        "max_tokens": 99,
        "stop": ["END"],
        "previous_response_id": "resp-0",
    }
    with attribution(entity=ENTITY):
        await resolve(xai.chat(client(), HELLO, **given).sample())
    (turn,) = memory.kept().turns
    assert turn["previous_response_id"] == "resp-0"
    (span,) = memory.spans()
    expected = {
        "gen_ai.conversation.id": "conv-3",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.response.finish_reasons": ("stop",),
    }
    attributes = dict(span.attributes or {})
    assert {name: attributes.get(name) for name in expected} == expected
    assert "gen_ai.request.choice.count" not in attributes


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_grpc_errors_go_by_their_status(
    streamed: bool, client: Any, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(status=400, error="no such model"))
    chat = xai.chat(client(), HELLO)
    with pytest.raises(grpc.RpcError) as raised:  # noqa: PT012 - a stream raises when read
        if streamed:
            assert [item async for item in each(chat.stream())]
        else:
            await resolve(chat.sample())
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["error_type"]) == ("error", "INVALID_ARGUMENT")
    assert turn["error_message"] == "no such model"
    (span,) = memory.spans()
    assert (span.attributes or {})["error.type"] == "INVALID_ARGUMENT"


@pytest.mark.usefixtures("user")
async def test_a_deadline(client: Any, server: WireServer, memory: Memory) -> None:
    server.script(text("too late", first_byte_after=1.0))
    with pytest.raises(grpc.RpcError):
        await resolve(xai.chat(client(timeout=0.1), HELLO).sample())
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["error_type"]) == ("error", "DEADLINE_EXCEEDED")


@pytest.mark.usefixtures("user")
async def test_a_chat_without_messages_fails_as_ever(client: Any, memory: Memory) -> None:
    with pytest.raises(ValueError, match="No messages provided"):
        await resolve(client().chat.create(model=xai.MODEL).sample())
    assert [turn["status"] for turn in memory.kept().turns] == ["error"]


async def test_the_server_is_known(client: Any, server: WireServer, memory: Memory) -> None:
    made_before = client()
    memory.uninstrument()
    made_between = client()
    memory.instrument()
    with attribution(entity=ENTITY, session="s"):
        await resolve(xai.chat(made_before, HELLO).sample())
        await resolve(xai.chat(made_between, HELLO).sample())
    for span in memory.spans():
        attributes = dict(span.attributes or {})
        assert attributes["server.address"] == "127.0.0.1"
        assert attributes["server.port"] == server.port


def test_a_server_that_cannot_be_told_is_left_out() -> None:
    from memori_instrumentation.providers import xai as provider

    class Stub:
        GetCompletion = object()

    stub = Stub()
    assert provider._server(stub) is None
    assert provider._server(stub) is None


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("api.x.ai", ("api.x.ai", 443)),
        ("localhost:50051", ("localhost", 50051)),
        ("dns:///eu-west-1.api.x.ai:8443", ("eu-west-1.api.x.ai", 8443)),
        ("ipv6:[::1]:99", ("::1", 99)),
    ],
)
def test_grpc_targets(target: str, address: tuple[str, int]) -> None:
    from memori_instrumentation.providers import xai as provider

    assert provider._address(target) == address


@pytest.mark.usefixtures("user")
async def test_what_is_no_conversation_is_not_captured(
    client: Any, server: WireServer, memory: Memory
) -> None:
    """An answer that was stored at xAI's and is fetched again is no call to a model."""
    with pytest.raises(grpc.RpcError):
        await resolve(client().chat.get_stored_completion("resp-0"))
    assert memory.kept().turns == []
    assert memory.spans() == []

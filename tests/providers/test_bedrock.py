"""What only Bedrock has: bodies that are read by hand, blocks of Converse, clients of others for
it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import anthropic
import boto3
import botocore.eventstream
import botocore.response
import openai
import pytest
from aiobotocore.config import AioConfig
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from botocore.stub import Stubber

from wire import bedrock
from wire.check import differences, texts
from wire.memory import Memory, assert_remembered
from wire.replies import Answer, Choice, text
from wire.sdks import HELLO, SDKS, each, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

BY_NAME = {sdk.name: sdk for sdk in SDKS}
CONVERSE, INVOKE = BY_NAME["bedrock-converse"], BY_NAME["bedrock-invoke"]
MODEL = bedrock.MODEL


@pytest.fixture
def client(server: WireServer, asynchronous: bool) -> Any:
    return bedrock.client(server.url, asynchronous)


async def call(client: Any, method: str, **given: Any) -> Any:
    """A method of a sync or an async client, awaited."""
    made = await client() if isinstance(client, bedrock.AsyncClient) else client
    return await resolve(getattr(made, method)(**given))


def hello(**more: Any) -> dict[str, Any]:
    """Arguments of ``invoke_model`` that say hello to Claude."""
    return bedrock.ARGUMENTS["invoke_model"](HELLO, more)


# --- the body of an unstreamed reply ----------------------------------------------------------


async def in_chunks(body: Any) -> bytes:
    return b"".join([piece async for piece in each(body.iter_chunks(7))])


async def in_lines(body: Any) -> bytes:
    return b"\n".join([line async for line in each(body.iter_lines(chunk_size=9))])


async def by_hand(body: Any) -> bytes:
    found = b""
    while piece := await resolve(body.read(5)):
        found += piece
    return found


async def as_iterator(body: Any) -> bytes:
    return b"".join([piece async for piece in each(body)])


async def at_once(body: Any) -> bytes:
    found: bytes = await resolve(body.read())
    return found


async def into_a_buffer(body: Any) -> bytes:
    buffer, found = bytearray(11), b""
    while count := await resolve(body.readinto(buffer)):
        found += bytes(buffer[:count])
    return found


async def in_a_block(body: Any) -> bytes:
    if hasattr(body, "__aenter__"):
        async with body as entered:
            return await at_once(entered)
    with body as raw:
        found: bytes = raw.read()
    return found


READING = (at_once, in_chunks, in_lines, by_hand, as_iterator, into_a_buffer, in_a_block)


@pytest.mark.parametrize("read", READING)
async def test_a_body_read_in_any_way(
    read: Callable[[Any], Any], client: Any, server: WireServer, memory: Memory
) -> None:
    reply = await call(client, "invoke_model", **hello())
    assert await read(reply["body"]) == server.journal[-1].answered
    del reply
    assert_remembered(memory, INVOKE, server)


def test_a_body_decoded_by_the_standard_library(server: WireServer, memory: Memory) -> None:
    client = bedrock.client(server.url, False)
    reply = json.load(client.invoke_model(**hello())["body"])
    assert bedrock.text(reply) == "You said: I live in Lisbon."
    with client.invoke_model(**hello())["body"] as raw:
        assert json.load(io.TextIOWrapper(raw)) == json.loads(server.journal[-1].answered)
    assert [turn["status"] for turn in memory.kept().turns] == ["complete"] * 2


async def test_a_body_never_read_is_a_turn(client: Any, server: WireServer, memory: Memory) -> None:
    reply = await call(client, "invoke_model", **hello())
    await resolve(reply["body"].close())
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["incomplete"]
    assert texts(found.messages) == list(HELLO)


async def test_what_comes_back_is_botocores_own(
    client: Any, asynchronous: bool, server: WireServer, uninstrumented: Memory
) -> None:
    async def shapes() -> list[Any]:
        whole = await call(client, "invoke_model", **hello())
        streamed = await call(client, "invoke_model_with_response_stream", **hello())
        converse = bedrock.ARGUMENTS["converse"](HELLO, {})
        said = await call(client, "converse", **converse)
        events = await call(client, "converse_stream", **converse)
        found = [whole, whole["body"], streamed, streamed["body"], said, events, events["stream"]]
        raw = [it["body"]._raw_stream for it in (whole, streamed)] + [events["stream"]._raw_stream]
        for body in (streamed["body"], events["stream"]):
            assert [event async for event in each(body)]
        await at_once(whole["body"])
        names = [type(it).__name__ for it in raw]
        keys = [sorted(it) for it in found if isinstance(it, dict)]
        return [[type(it) for it in found], names, keys]

    plain = await shapes()
    uninstrumented.instrument()
    assert await shapes() == plain
    if not asynchronous:
        assert botocore.eventstream.EventStream in plain[0]
        assert botocore.response.StreamingBody in plain[0]


def test_a_response_is_let_go_at_once(server: WireServer, memory: Memory) -> None:
    """Not by the garbage collector only: its connection goes back, and the turn is stored."""
    import gc

    client = bedrock.client(server.url, False)
    reply = client.invoke_model(**hello())
    gc.disable()
    try:
        del reply
        assert len(memory.kept().turns) == 1
    finally:
        gc.enable()


class File(io.BytesIO):
    """A body in a file."""


@pytest.mark.parametrize("kind", [str, str.encode, lambda it: bytearray(it.encode()), None])
async def test_a_request_body_of_any_kind(
    kind: Any, client: Any, server: WireServer, memory: Memory
) -> None:
    given = hello()
    body = given["body"]
    given["body"] = kind(body) if kind else File(b"skipped" + body.encode())
    if kind is None:
        given["body"].seek(len("skipped"))
    reply = await call(client, "invoke_model", **given)
    if isinstance(given["body"], bytearray):
        given["body"][:] = b"changed after the call"
    await at_once(reply["body"])
    assert server.journal[-1].json == json.loads(body)
    assert_remembered(memory, INVOKE, server)


async def test_the_httpx_transport_of_aiobotocore(server: WireServer, memory: Memory) -> None:
    """It reads no event streams yet."""
    from aiobotocore.httpxsession import HttpxSession

    config = AioConfig(http_session_cls=HttpxSession)
    client = bedrock.client(server.url, True, config=config)
    await call(client, "converse", **bedrock.ARGUMENTS["converse"](HELLO, {}))
    for read in READING:
        await read((await call(client, "invoke_model", **hello()))["body"])
    turns = memory.kept().turns
    assert [turn["status"] for turn in turns] == ["complete"] * (1 + len(READING))


# --- Converse -------------------------------------------------------------------------------------

DATA = bytes(range(256)) * 300


async def converse(client: Any, content: list[dict[str, Any]], **more: Any) -> Any:
    messages = [{"role": "user", "content": content}]
    return await call(client, "converse", modelId=MODEL, messages=messages, **more)


async def test_media_are_references(client: Any, server: WireServer, memory: Memory) -> None:
    there = {"s3Location": {"uri": "s3://bucket/key"}}
    await converse(
        client,
        [
            {"text": "Look"},
            {"image": {"format": "jpeg", "source": {"bytes": DATA}}},
            {"document": {"format": "pdf", "name": "a", "source": {"bytes": DATA}}},
            {"document": {"format": "txt", "name": "b", "source": {"text": "long text"}}},
            {"document": {"name": "c", "source": {"content": [{"text": "o"}, {"text": "k"}]}}},
            {"video": {"format": "three_gp", "source": there}},
            {"audio": {"format": "wav", "source": {"bytes": DATA}}},
        ],
    )
    (row, _) = memory.kept().messages
    assert row["text"] == "Look"
    found = [
        (part["type"], part["modality"], part["mime_type"], part.get("size", part.get("uri")))
        for part in row["parts"][1:]
    ]
    assert found == [
        ("blob", "image", "image/jpeg", len(DATA)),
        ("blob", "file", "application/pdf", len(DATA)),
        ("blob", "file", "text/plain", len("long text")),
        ("blob", "file", "text/plain", len("o\nk")),
        ("uri", "video", "video/3gpp", "s3://bucket/key"),
        ("blob", "audio", "audio/wav", len(DATA)),
    ]
    assert row["parts"][1]["sha256"] == hashlib.sha256(DATA).hexdigest()


async def test_blocks_that_wrap_text(client: Any, server: WireServer, memory: Memory) -> None:
    thought = {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}
    guarded = {"text": {"text": "Is this safe?", "qualifiers": ["query"]}}
    use = {"toolUseId": "t-1", "name": "look", "input": {"n": 1}}
    result = {"toolUseId": "t-1", "content": [{"json": {"degrees": 21}}], "status": "success"}
    cited = {"content": [{"text": "It is "}, {"text": "warm."}], "citations": []}
    messages = [
        {"role": "user", "content": [{"guardContent": guarded}, {"text": "Well?"}]},
        {"role": "assistant", "content": [{"reasoningContent": thought}, {"toolUse": use}]},
        {"role": "user", "content": [{"toolResult": result}]},
        {"role": "assistant", "content": [{"citationsContent": cited}]},
        {"role": "user", "content": [{"text": "Thanks"}]},
    ]
    await call(client, "converse", modelId=MODEL, messages=messages)
    found = memory.kept().messages
    assert [row["text"] for row in found[:-1]] == [
        "Is this safe?\nWell?",
        "",
        "",
        "It is warm.",
        "Thanks",
    ]
    assert found[1]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "tool_call", "id": "t-1", "name": "look", "arguments": {"n": 1}},
    ]
    assert found[2]["parts"][0]["response"] == {"degrees": 21}


async def test_cache_points_that_move_fork_nothing(
    client: Any, server: WireServer, memory: Memory
) -> None:
    point = {"cachePoint": {"type": "default"}}
    history: list[dict[str, Any]] = []
    for number in range(3):
        said = {"role": "user", "content": [{"text": f"Fact {number}"}]}
        latest = {**said, "content": [*said["content"], point]}
        reply = await call(
            client,
            "converse",
            modelId=MODEL,
            messages=[*history, latest],
            system=[{"text": "Be brief."}, point, {"text": "Be kind."}],
        )
        history += [said, reply["output"]["message"]]
    found = memory.kept()
    assert len(found.messages) == 6
    assert [turn["system"] for turn in found.turns] == ["Be brief.\nBe kind."] * 3


USAGE = {
    "inputTokens": 10,
    "outputTokens": 5,
    "totalTokens": 115,
    "cacheReadInputTokens": 70,
    "cacheWriteInputTokens": 30,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_counts_router_and_guardrail(
    streamed: bool, client: Any, server: WireServer, memory: Memory
) -> None:
    from wire.bedrock_formats import event

    trace = {"promptRouter": {"invokedModelId": "amazon.nova-lite-v1:0"}}
    if streamed:
        at = {"contentBlockIndex": 0}
        raw = event("messageStart", {"role": "assistant"})
        raw += event("contentBlockDelta", {**at, "delta": {"text": "I can't."}})
        raw += event("contentBlockStop", at)
        raw += event("messageStop", {"stopReason": "guardrail_intervened"})
        raw += event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}, "trace": trace})
    else:
        message = {"role": "assistant", "content": [{"text": "I can't."}]}
        body = {"output": {"message": message}, "stopReason": "guardrail_intervened"}
        raw = json.dumps({**body, "usage": USAGE, "trace": trace}).encode()
    server.script(Answer(raw=raw))
    given: dict[str, Any] = {
        "modelId": "arn:aws:bedrock:eu-west-1:123456789012:default-prompt-router/x",
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["END"]},
        "guardrailConfig": {"guardrailIdentifier": "g-1", "guardrailVersion": "1"},
        "requestMetadata": {"team": "blue"},
    }
    reply = await call(client, "converse_stream" if streamed else "converse", **given)
    if streamed:
        assert [it async for it in each(reply["stream"])]
    (turn,) = memory.kept().turns
    assert turn["status"] == "complete"
    assert turn["finish_reasons"] == ["guardrail_intervened"]
    assert turn["model"] == given["modelId"]
    assert turn["response_model"] == "amazon.nova-lite-v1:0"
    assert turn["usage"] == {
        "input_tokens": 110,
        "output_tokens": 5,
        "cache_read_tokens": 70,
        "cache_creation_tokens": 30,
    }
    attributes = dict(memory.spans()[0].attributes or {})
    assert attributes["gen_ai.request.max_tokens"] == 9
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.request.stop_sequences"] == ("END",)
    assert attributes["aws.bedrock.guardrail.id"] == "g-1"
    assert server.journal[-1].json["requestMetadata"] == {"team": "blue"}


@pytest.mark.parametrize("sdk", [CONVERSE, INVOKE], ids=["converse", "invoke"])
async def test_streamed_reasoning(
    sdk: Any, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(choices=(Choice(text="Yes.", thinking="Hm, let me see."),)))
    stream = await resolve(sdk.stream(sdk.client(server.url, asynchronous)))
    assert [event async for event in each(stream)]
    found = assert_remembered(memory, sdk, server)
    assert [part["type"] for part in found.messages[-1]["parts"]] == ["reasoning", "text"]


async def test_a_stream_left_after_its_last_word_is_complete(
    client: Any, server: WireServer, memory: Memory
) -> None:
    reply = await call(client, "converse_stream", **bedrock.ARGUMENTS["converse"](HELLO, {}))
    async for event in each(reply["stream"]):
        if "messageStop" in event:
            break
    await resolve(reply["stream"].close())
    (turn,) = memory.kept().turns
    assert turn["status"] == "complete"


# --- errors -----------------------------------------------------------------------------------


async def test_an_error_is_named_by_its_code(
    client: Any, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(status=429, error="slow down"))
    with pytest.raises(ClientError, match="slow down"):
        await converse(client, [{"text": "Hi"}])
    (turn,) = memory.kept().turns
    assert (turn["error_type"], turn["error_message"]) == ("ThrottlingException", "slow down")
    attributes = dict(memory.spans()[0].attributes or {})
    assert attributes["error.type"] == "ThrottlingException"
    assert attributes["http.response.status_code"] == 429


async def test_a_call_that_is_never_sent(client: Any, server: WireServer, memory: Memory) -> None:
    data = {"image": {"format": "png", "source": {"bytes": DATA}}}
    with pytest.raises(ParamValidationError):
        await converse(client, [{"text": "Hi"}, data], inferenceConfig="none")
    with pytest.raises(ParamValidationError):
        await call(client, "invoke_model", modelId=MODEL, body=hello()["body"], accept=7)
    assert server.journal == []
    found = memory.kept()
    assert [turn["status"] for turn in found.turns] == ["error"] * 2
    assert [row["text"] for row in found.messages] == ["Hi", HELLO[0][1]]
    assert found.messages[0]["parts"][1]["sha256"] == hashlib.sha256(DATA).hexdigest()


async def test_requests_of_others_inside_a_call(server: WireServer, memory: Memory) -> None:
    """As credentials are got, in the middle of a call."""
    client = bedrock.client(server.url, False)
    inner = bedrock.client(server.url, False)

    def ask(**_: Any) -> None:
        message = {"role": "user", "content": [{"text": "not this"}]}
        inner.count_tokens(modelId=MODEL, input={"converse": {"messages": [message]}})

    client.meta.events.register("before-send.bedrock-runtime.Converse", ask)
    client.converse(**bedrock.ARGUMENTS["converse"](HELLO, {}))
    assert len(server.journal) == 2
    assert differences(server.journal[-1], memory.kept()) == []


def test_a_stubbed_client_still_works(server: WireServer, memory: Memory) -> None:
    client = bedrock.client(server.url, False)
    message = {"role": "assistant", "content": [{"text": "stubbed"}]}
    counted = {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}
    reply = {"output": {"message": message}, "stopReason": "end_turn", **counted}
    reply["metrics"] = {"latencyMs": 1}
    with Stubber(client) as stub:
        stub.add_response("converse", reply)
        assert client.converse(**bedrock.ARGUMENTS["converse"](HELLO, {})) == reply
    assert server.journal == []
    assert len(memory.kept().turns) == 1


# --- what is no conversation --------------------------------------------------------------------

VECTOR = json.dumps({"embedding": [0.25, 0.5], "inputTextTokenCount": 3}).encode()
OPAQUE = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123"


@pytest.mark.parametrize(
    "model",
    [
        "amazon.titan-embed-text-v2:0",
        "us.cohere.embed-v4:0",
        "cohere.rerank-v3-5:0",
        "amazon.nova-canvas-v1:0",
        "amazon.titan-image-generator-v2:0",
        "stability.sd3-5-large-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v1",
    ],
)
async def test_other_models_are_no_conversation(
    model: str, client: Any, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(raw=VECTOR))
    body = json.dumps({"inputText": "a document"})
    reply = await call(client, "invoke_model", modelId=model, body=body)
    assert json.loads(await at_once(reply["body"]))["embedding"]
    assert memory.kept().turns == []
    assert memory.spans() == []


@pytest.mark.parametrize(
    "model",
    [
        "arn:aws:bedrock:us-east-1:1:custom-model/amazon.nova-lite-v1:0:300k/image-bot",
        "arn:aws:sagemaker:us-east-1:1:endpoint/embedded-chat",
    ],
)
async def test_names_of_the_users_own_exclude_nothing(
    model: str, client: Any, server: WireServer, memory: Memory
) -> None:
    reply = await call(client, "invoke_model", modelId=model, body=hello()["body"])
    await at_once(reply["body"])
    assert [turn["model"] for turn in memory.kept().turns] == [model]


async def test_other_models_behind_a_profile_are_known_by_their_reply(
    client: Any, server: WireServer, memory: Memory
) -> None:
    server.script(Answer(raw=VECTOR))
    body = json.dumps({"inputText": "a document"})
    reply = await call(client, "invoke_model", modelId=OPAQUE, body=body)
    await at_once(reply["body"])
    assert memory.kept().turns == []


async def test_other_operations_and_services_are_no_conversation(
    client: Any, server: WireServer, memory: Memory
) -> None:
    message = {"role": "user", "content": [{"text": "Hi"}]}
    counted = {"converse": {"messages": [message]}}
    await call(client, "count_tokens", modelId=MODEL, input=counted)
    content = [{"text": {"text": "Hi"}}]
    guarded = {"guardrailIdentifier": "g-1", "guardrailVersion": "1", "source": "INPUT"}
    await call(client, "apply_guardrail", content=content, **guarded)
    once = Config(retries={"total_max_attempts": 1})
    given: dict[str, Any] = {"endpoint_url": server.url, "region_name": bedrock.REGION}
    s3 = boto3.Session().client("s3", config=once, **given, **bedrock.KEYS)
    with pytest.raises(ClientError):
        s3.list_buckets()
    assert len(server.journal) == 3
    assert memory.kept().turns == []
    assert memory.spans() == []


# --- clients of others ----------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("retried", [False, True], ids=["at-once", "retried"])
async def test_anthropics_client(
    streamed: bool, retried: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    sdk = BY_NAME["bedrock-anthropic"]
    if retried:
        server.script(Answer(status=429, headers={"retry-after-ms": "1"}), text("at last"))
    client = sdk.client(server.url, asynchronous, retries=1)
    reply = await resolve((sdk.stream if streamed else sdk.create)(client))
    if streamed:
        assert [event async for event in each(reply)]
    assert server.journal[-1].path.endswith("-with-response-stream" if streamed else "/invoke")
    assert_remembered(memory, sdk, server)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_anthropics_client_for_mantle(
    streamed: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    make: Any = (
        anthropic.AsyncAnthropicBedrockMantle if asynchronous else anthropic.AnthropicBedrockMantle
    )
    client = make(base_url=f"{server.url}/anthropic", api_key="k", aws_region=bedrock.REGION)
    messages: Any = [{"role": "user", "content": "Hi"}]
    reply = await resolve(
        client.messages.create(model="m", max_tokens=9, messages=messages, stream=streamed)
    )
    if streamed:
        assert [event async for event in each(reply)]
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    assert found.turns[0]["provider"] == "aws.bedrock"


@pytest.mark.parametrize("legacy", [False, True], ids=["provider", "class"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_openais_client(
    streamed: bool, legacy: bool, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    from openai.lib.bedrock import AsyncBedrockOpenAI, BedrockOpenAI
    from openai.providers import bedrock as provider

    at: dict[str, Any] = {"base_url": f"{server.url}/openai/v1", "api_key": "k"}
    if legacy:
        make: Any = AsyncBedrockOpenAI if asynchronous else BedrockOpenAI
        client = make(**at)
    else:
        make = openai.AsyncOpenAI if asynchronous else openai.OpenAI
        client = make(provider=provider(endpoint="mantle", **at))
    messages: Any = [{"role": "user", "content": "Hi"}]
    reply = await resolve(
        client.chat.completions.create(model="openai.gpt-oss", messages=messages, stream=streamed)
    )
    if streamed:
        assert [event async for event in each(reply)]
    found = memory.kept()
    assert differences(server.journal[-1], found) == []
    assert found.turns[0]["provider"] == "aws.bedrock"

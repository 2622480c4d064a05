"""Bodies of ``InvokeModel`` by the families of models that speak them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from wire import bedrock
from wire.bedrock_formats import bedrock_stream_error, joined
from wire.check import texts
from wire.memory import Memory
from wire.replies import Answer
from wire.sdks import each, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

SAID = [("user", "I live in Lisbon."), ("assistant", "Lisbon is sunny.")]
METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 11, "outputTokenCount": 7}}


class Family(NamedTuple):
    """How a family's request, reply and streamed events look."""

    model: str
    request: dict[str, Any]
    reply: dict[str, Any]
    events: list[dict[str, Any]]
    finish: str
    usage: tuple[int | None, int | None] = (11, 7)
    """Of the unstreamed reply."""


CHAT = {"messages": [{"role": "user", "content": "I live in Lisbon."}], "max_tokens": 9}
CHAT_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
BLOCKS = [{"role": "user", "content": [{"text": "I live in Lisbon."}]}]
NOVA = {"role": "assistant", "content": [{"text": "Lisbon is sunny."}]}

FAMILIES = {
    "openai": Family(
        "openai.gpt-oss-120b-1:0",
        {"model": "gpt-oss", **CHAT},
        {
            "id": "chatcmpl-1",
            "model": "openai.gpt-oss-120b-1:0",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Lisbon is sunny."},
                    "finish_reason": "stop",
                }
            ],
            "usage": CHAT_USAGE,
        },
        [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Lisbon "}}]},
            {"choices": [{"index": 0, "delta": {"content": "is sunny."}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **METRICS},
        ],
        "stop",
    ),
    "mistral-chat": Family(
        "mistral.mistral-large-2407-v1:0",
        CHAT,
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Lisbon is sunny."},
                    "stop_reason": "stop",
                }
            ]
        },
        [
            {"choices": [{"index": 0, "message": {"content": "Lisbon "}, "stop_reason": None}]},
            {
                "choices": [
                    {"index": 0, "message": {"content": "is sunny."}, "stop_reason": "stop"}
                ],
                **METRICS,
            },
        ],
        "stop",
        (None, None),
    ),
    "nova": Family(
        "amazon.nova-pro-v1:0",
        {"messages": BLOCKS, "inferenceConfig": {"maxTokens": 9}, "schemaVersion": "messages-v1"},
        {
            "output": {"message": NOVA},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18},
        },
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Lisbon "}, "contentBlockIndex": 0}},
            {"contentBlockDelta": {"delta": {"text": "is sunny."}, "contentBlockIndex": 0}},
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 11, "outputTokens": 7}}, **METRICS},
        ],
        "end_turn",
    ),
    "llama": Family(
        "meta.llama3-1-70b-instruct-v1:0",
        {"prompt": "I live in Lisbon.", "max_gen_len": 9},
        {
            "generation": "Lisbon is sunny.",
            "prompt_token_count": 11,
            "generation_token_count": 7,
            "stop_reason": "stop",
        },
        [
            {"generation": "Lisbon ", "prompt_token_count": 11, "stop_reason": None},
            {"generation": "is sunny.", "generation_token_count": 7, "stop_reason": None},
            {"generation": "", "generation_token_count": 7, "stop_reason": "stop", **METRICS},
        ],
        "stop",
    ),
    "mistral-prompt": Family(
        "mistral.mistral-7b-instruct-v0:2",
        {"prompt": "I live in Lisbon.", "max_tokens": 9},
        {"outputs": [{"text": "Lisbon is sunny.", "stop_reason": "stop"}]},
        [
            {"outputs": [{"text": "Lisbon ", "stop_reason": None}]},
            {"outputs": [{"text": "is sunny.", "stop_reason": "stop"}], **METRICS},
        ],
        "stop",
        (None, None),
    ),
    "deepseek": Family(
        "us.deepseek.r1-v1:0",
        {"prompt": "I live in Lisbon.", "max_tokens": 9},
        {"choices": [{"text": "Lisbon is sunny.", "stop_reason": "stop"}]},
        [
            {"choices": [{"text": "Lisbon ", "stop_reason": None}]},
            {"choices": [{"text": "is sunny.", "stop_reason": "stop"}], **METRICS},
        ],
        "stop",
        (None, None),
    ),
    "titan": Family(
        "amazon.titan-text-premier-v1:0",
        {"inputText": "I live in Lisbon.", "textGenerationConfig": {"maxTokenCount": 9}},
        {
            "inputTextTokenCount": 11,
            "results": [
                {
                    "tokenCount": 7,
                    "outputText": "Lisbon is sunny.",
                    "completionReason": "FINISH",
                }
            ],
        },
        [
            {"outputText": "Lisbon ", "index": 0, "inputTextTokenCount": 11},
            {
                "outputText": "is sunny.",
                "index": 0,
                "totalOutputTextTokenCount": 7,
                "completionReason": "FINISH",
                **METRICS,
            },
        ],
        "FINISH",
    ),
    "cohere": Family(
        "cohere.command-r-plus-v1:0",
        {"message": "I live in Lisbon.", "max_tokens": 9},
        {"text": "Lisbon is sunny.", "generation_id": "g", "finish_reason": "COMPLETE"},
        [
            {"is_finished": False, "event_type": "text-generation", "text": "Lisbon "},
            {"is_finished": False, "event_type": "text-generation", "text": "is sunny."},
            {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE"}
            | METRICS,
        ],
        "COMPLETE",
        (None, None),
    ),
    "claude-2": Family(
        "anthropic.claude-v2:1",
        {"prompt": "I live in Lisbon.", "max_tokens_to_sample": 9},
        {"type": "completion", "completion": "Lisbon is sunny.", "stop_reason": "stop_sequence"},
        [
            {"type": "completion", "completion": "Lisbon ", "stop_reason": None},
            {
                "type": "completion",
                "completion": "is sunny.",
                "stop_reason": "stop_sequence",
                **METRICS,
            },
        ],
        "stop_sequence",
        (None, None),
    ),
}


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


async def ask(
    server: WireServer, asynchronous: bool, family: Family, raw: bytes, *, streamed: bool
) -> None:
    """One call of a family's model, answered with ``raw``, read to its end or its error."""
    server.script(Answer(raw=raw))
    client = bedrock.client(server.url, asynchronous)
    made = await client() if asynchronous else client
    method = "invoke_model_with_response_stream" if streamed else "invoke_model"
    given = {"modelId": family.model, "body": json.dumps(family.request)}
    reply = await resolve(getattr(made, method)(**given))
    if streamed:
        assert [event async for event in each(reply["body"])]
    else:
        await resolve(reply["body"].read())


async def test_whole(
    family: Family, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    await ask(server, asynchronous, family, json.dumps(family.reply).encode(), streamed=False)
    assert_kept(memory, family, family.usage)


async def test_streamed(
    family: Family, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    await ask(server, asynchronous, family, joined(*family.events), streamed=True)
    assert_kept(memory, family, (11, 7))


def assert_kept(memory: Memory, family: Family, usage: tuple[int | None, int | None]) -> None:
    found = memory.kept()
    assert texts(found.messages) == SAID
    (turn,) = found.turns
    assert (turn["status"], turn["model"]) == ("complete", family.model)
    assert turn["finish_reasons"] == [family.finish]
    counted = turn["usage"]
    assert (counted.get("input_tokens"), counted.get("output_tokens")) == usage
    assert (memory.spans()[0].attributes or {})["gen_ai.request.max_tokens"] == 9


async def test_cut_short(
    family: Family, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    """The first words, then nothing: kept, and marked."""
    begun = next(n for n, event in enumerate(family.events) if "Lisbon " in json.dumps(event))
    raw = joined(*family.events[: begun + 1])
    await ask(server, asynchronous, family, raw, streamed=True)
    found = memory.kept()
    assert texts(found.messages) == [SAID[0], ("assistant", "Lisbon ")]
    assert [turn["status"] for turn in found.turns] == ["incomplete"]


async def test_an_exception_inside_the_stream(
    family: Family, server: WireServer, memory: Memory
) -> None:
    begun = next(n for n, event in enumerate(family.events) if "Lisbon " in json.dumps(event))
    raw = joined(*family.events[: begun + 1]) + bedrock_stream_error("fell over")
    with pytest.raises(Exception, match="fell over"):
        await ask(server, False, family, raw, streamed=True)
    (turn,) = memory.kept().turns
    assert (turn["status"], turn["error_type"]) == ("incomplete", "modelStreamErrorException")


async def test_a_conversation_in_coheres_words(server: WireServer, memory: Memory) -> None:
    family = FAMILIES["cohere"]._replace(
        request={
            "message": "Where do I live?",
            "chat_history": [
                {"role": "USER", "message": "I live in Lisbon."},
                {"role": "CHATBOT", "message": "Nice."},
            ],
            "preamble": "Be brief.",
        }
    )
    await ask(server, False, family, json.dumps(family.reply).encode(), streamed=False)
    found = memory.kept()
    assert texts(found.messages) == [
        ("user", "I live in Lisbon."),
        ("assistant", "Nice."),
        ("user", "Where do I live?"),
        ("assistant", "Lisbon is sunny."),
    ]
    assert found.turns[0]["system"] == "Be brief."


@pytest.mark.parametrize(
    ("request_body", "reply", "said"),
    [
        ({"prompt": "Hello"}, {"unheard": "of"}, [("user", "Hello")]),
        ({"unheard": "of"}, {"generation": "Hi", "stop_reason": "stop"}, [("assistant", "Hi")]),
        ({"messages": "none"}, [], []),
        ({}, {"output": 7, "choices": 7, "content": 7}, []),
    ],
)
async def test_bodies_of_nobody(
    request_body: Any, reply: Any, said: Any, server: WireServer, memory: Memory
) -> None:
    family = Family("new.model-v1:0", request_body, {}, [], "")
    await ask(server, False, family, json.dumps(reply).encode(), streamed=False)
    found = memory.kept()
    assert texts(found.messages) == said
    assert len(found.turns) == 1

"""Readers take any JSON: bodies are not to be trusted, and a reader that raises loses a turn."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memori_instrumentation.capture import eventstream, reading, sse
from memori_instrumentation.capture.reading import Api
from memori_instrumentation.providers import (
    _anthropic_batches,
    _gemini_interactions,
    _gemini_live,
    _openai_realtime,
    anthropic,
    bedrock,
    google,
    openai,
    xai,
)
from wire.dialects import DIALECTS, Dialect
from wire.replies import Answer, Choice, ToolCall

APIS = {
    api.path: api for module in (openai, anthropic, google, xai, bedrock) for api in module.APIS
}
APIS.update({api.path: api for api in (_gemini_live.API, _gemini_interactions.API)})
APIS["batches"] = _anthropic_batches.api(anthropic.APIS[0])
APIS[_openai_realtime.API.path] = _openai_realtime.API

FIELDS = """
    role content parts text type tool_calls function name arguments id model messages
    input output system usage choices message delta index finish_reason stop_reason
    candidates finishReason functionCall functionResponse inlineData mimeType data
    fileData image_url url source media_type base64 input_audio file file_data audio
    transcript refusal reasoning summary call_id thinking usageMetadata promptTokenCount
    prompt_tokens input_tokens error code event response item output_index content_index
    content_block partial_json status incomplete_details reason systemInstruction
    generationConfig instructions conversation custom function_call thought user assistant
    tool model tool_use tool_result image document input_text output_text
    function_call_output message_start content_block_start content_block_delta
    message_delta response.created response.output_item.added response.output_text.delta
    response.completed text_delta input_json_delta done
    outputs reasoning_content encrypted_content tool_call_id file_id prompt_tokens
    completion_tokens total_tokens ROLE_TOOL ROLE_ASSISTANT ROLE_USER
    settings said setup setupComplete sessionId contextUpdate client_content turns
    realtime_input tool_response functionResponses serverContent modelTurn toolCall
    functionCalls inputTranscription outputTranscription turnComplete interrupted
    params key succeeded errored custom_id citations web_search_tool_result compaction_delta
    steps step event_type step.start step.delta interaction interaction.completed model_output
    user_input thought summary function_call function_result annotations image failed errors
    generation_config mime_type uri thought_summary arguments_delta text_annotation_delta
    prompt variables echo n suffix annotations items conversation_id status_details
    mcp_call web_search_call image_generation_call shell_call computer_call_output results
    action commands response.shell_call_command.delta command_index response.done
    toolUse toolUseId toolResult json reasoningContent reasoningText redactedContent guardContent
    cachePoint citationsContent document video format bytes s3Location uri stopReason
    inferenceConfig guardrailConfig contentBlockIndex contentBlockStart contentBlockDelta start
    messageStart messageStop metadata trace promptRouter invokedModelId anthropic_version
    prompt inputText outputText generation outputs results generations chat_history embedding
    textGenerationConfig stop_sequences amazon-bedrock-invocationMetrics
"""
WORDS = FIELDS.split()

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(WORDS)
)
bodies = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=40,
)
objects = st.dictionaries(st.sampled_from(WORDS), bodies, max_size=8)


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
@settings(max_examples=60, deadline=None)
@given(body=objects, events=st.lists(objects, max_size=6))
def test_no_json_is_too_strange(api: Api, body: dict[str, Any], events: list[Any]) -> None:
    request = api.read_request(body)
    assembled = api.assemble(events)
    for messages in (
        request.messages,
        api.read_reply(body).messages,
        api.read_reply(assembled.body).messages,
    ):
        for message in messages:
            assert isinstance(message.text, str)
            json.dumps(list(message.parts))
            assert all(isinstance(part["type"], str) for part in message.parts)


PATHS = {
    "openai.chat": "/chat/completions",
    "openai.completions": "/completions",
    "openai.responses": "/responses",
    "anthropic": "/v1/messages",
    "google": ":streamGenerateContent",
    "google.interactions": "/interactions",
    "xai": "/xai_api.Chat",
    "bedrock.converse": "/converse",
    "bedrock.invoke": "/invoke",
}
ANSWER = Answer(
    choices=(
        Choice(text="Hello there", thinking="hm", tool_calls=(ToolCall("look", {"at": [1]}),)),
        Choice(text="Good day", refusal="no"),
    )
)


def streamed(dialect: Dialect) -> list[Any]:
    body = b"".join(dialect.events(ANSWER, "model-1", {}))
    framed = eventstream.is_framed(dialect.content_type)
    return list(eventstream.events(body) if framed else sse.events(body))


def nodes(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value that something else could stand in."""
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = [(value, key) for key in value]
    elif isinstance(value, list):
        inside = [(value, index) for index in range(len(value))]
    return inside + [place for owner, key in inside for place in nodes(owner[key])]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@settings(max_examples=150, deadline=None)
@given(data=st.data(), strange=bodies)
def test_nearly_right_streams_are_read(dialect: Dialect, data: st.DataObject, strange: Any) -> None:
    """A stream of the real form in which one thing is not what it should be."""
    api = APIS[PATHS[dialect.name]]
    events = streamed(dialect)
    owner, key = data.draw(st.sampled_from(nodes(events)))
    owner[key] = strange
    whole = [event for event in events if isinstance(event, dict)]
    for message in api.read_reply(api.assemble(whole).body).messages:
        assert isinstance(message.text, str)
        json.dumps(list(message.parts))


@given(data=st.binary(max_size=200))
def test_media_is_a_reference(data: bytes) -> None:
    import base64
    import hashlib

    expected = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    encoded = base64.b64encode(data).decode()
    for given_data in (data, encoded, base64.urlsafe_b64encode(data).decode(), encoded.rstrip("=")):
        part = reading.media_part("image", "image/png", given_data)
        assert {key: part[key] for key in expected} == expected
        assert "data" not in part
    part = reading.uri_part("image", f"data:image/png;base64,{encoded}")
    assert part["mime_type"] == "image/png"
    assert part["sha256"] == expected["sha256"]


def test_long_payloads_of_unknown_parts_are_not_kept() -> None:
    part = reading.other_part({"type": "video", "bytes": "A" * 1_000_000, "title": "holiday"})
    assert part["content"]["title"] == "holiday"
    assert len(json.dumps(part)) < 500

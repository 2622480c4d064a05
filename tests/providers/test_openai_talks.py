"""What passes over a connection may be anything: those who listen must not stumble."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import context

from memori_instrumentation.capture.line import Exchange, Place, Talk
from memori_instrumentation.providers._openai_realtime import RealtimeTalk
from memori_instrumentation.providers._openai_socket import ResponsesTalk

HERE = Place(context.Context(), None)
TALKS = {"realtime": lambda: RealtimeTalk("m"), "responses": ResponsesTalk}
KINDS = [
    "session.created",
    "conversation.item.create",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.delete",
    "response.create",
    "response.created",
    "response.output_item.added",
    "response.output_text.delta",
    "response.output_item.done",
    "response.done",
    "response.completed",
    "response.steer",
    "response.steer.failed",
    "error",
    "input_audio_buffer.commit",
    "conversation.item.input_audio_transcription.completed",
]
KEYS = [
    "session",
    "audio",
    "input",
    "transcription",
    "item",
    "id",
    "item_id",
    "role",
    "content",
    "type",
    "response",
    "response_id",
    "output",
    "status",
    "error",
    "event_id",
    "code",
    "conversation",
    "stream_id",
    "previous_response_id",
    "steer",
    "content_index",
    "transcript",
    "output_index",
    "delta",
    "instructions",
    "model",
]
WORDS = ["user", "assistant", "message", "input_audio", "none", "a", "b"]

leaves = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from([*WORDS, *KINDS])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
events = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(KINDS) | values,
    st.dictionaries(st.sampled_from(KEYS), values, max_size=5),
)


@pytest.mark.parametrize("name", TALKS)
@settings(max_examples=150, deadline=None)
@given(passing=st.lists(st.tuples(st.booleans(), events), max_size=12))
def test_nothing_is_too_strange(name: str, passing: list[tuple[bool, Any]]) -> None:
    talk: Talk = TALKS[name]()
    over: list[Exchange] = []
    for at, (sent, event) in enumerate(passing, 1):
        over += talk.sent(event, at, HERE) if sent else talk.received(event, at, HERE)
    over += talk.ended(99)
    assert len({id(exchange) for exchange in over}) == len(over)
    for exchange in over:
        request = talk.api.read_request(exchange.request)
        reply = talk.api.read_reply(talk.api.assemble(exchange.events).body)
        for message in (*request.messages, *reply.messages):
            assert isinstance(message.text, str)
            json.dumps(list(message.parts))


def test_sound_is_known_without_decoding() -> None:
    talk = RealtimeTalk("m")
    sound = "UklGRg" * 1000
    for event in (
        {"type": "input_audio_buffer.append", "audio": sound},
        {"audio": sound, "type": "input_audio_buffer.append"},
        {"type": "response.output_audio.delta", "item_id": "i", "delta": sound},
    ):
        text = json.dumps(event)
        assert talk.read(text) is None
        assert talk.read(text.encode()) is None
    quoting = {"type": "conversation.item.create", "text": '"response.audio.delta"' + "x" * 3000}
    assert talk.read(json.dumps(quoting)) == quoting
    short = {"type": "response.output_audio.delta"}
    assert talk.read(json.dumps(short)) == short

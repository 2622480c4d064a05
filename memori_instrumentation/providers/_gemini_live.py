"""Gemini's Live API, as the JSON texts that cross its socket.

A turn is what the model says up to the end of its turn, or up to the tool calls that it waits for:
as with every other API, the results begin a turn of their own. Sound is not kept; what was said in
it is, where the app has switched the transcripts on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memori_instrumentation.capture import sse
from memori_instrumentation.capture.reading import (
    Api,
    Assembled,
    Json,
    Request,
    items,
    mapping,
    string,
    text_part,
)
from memori_instrumentation.providers import _gemini
from memori_instrumentation.providers._dialogue import Protocol, Weight
from memori_storage.records import Message

_OF_USER = Weight.USER | Weight.KEPT
_OF_MODEL = Weight.MODEL | Weight.KEPT
_SENT = {
    "setup": Weight.SETS,
    "contextUpdate": Weight.SETS,
    "client_content": _OF_USER,
    "tool_response": _OF_USER,
}
"""What the app sends, by its first key. What is not here is sound, pictures and signals."""
_RECEIVED = {
    "setupComplete": Weight.SETS,
    "inputTranscription": _OF_USER,
    "outputTranscription": _OF_MODEL,
    "modelTurn": _OF_MODEL,
    "text": Weight.NOTHING,
    "inlineData": Weight.NOTHING,
    "toolCall": _OF_MODEL | Weight.ENDS,
    "turnComplete": Weight.KEPT | Weight.ENDS,
    "generationComplete": Weight.KEPT,
    "interrupted": Weight.KEPT,
    "groundingMetadata": Weight.KEPT,
    "urlContextMetadata": Weight.KEPT,
    "usageMetadata": Weight.KEPT,
}
"""What the server sends, by the keys in it."""
_SOUND = {"modelTurn", "inlineData"}
_FIRST_KEYS = re.compile(r'\s*\{\s*"(\w+)"\s*:\s*(?:\{\s*"(\w+)")?')
# A key that is quoted in a text has a backslash before its second quote.
_KEYS = re.compile(f'"({"|".join(_RECEIVED)})"')
_MODEL = re.compile(r'"model"\s*:\s*"(?:[^"]*/)?([^"]+)"')


def _sent(frame: str) -> Weight:
    found = _FIRST_KEYS.match(frame)
    if found is None:
        return Weight.NOTHING
    if found.groups() == ("realtime_input", "text"):
        return _OF_USER
    return _SENT.get(found[1], Weight.NOTHING)


def _received(frame: str) -> Weight:
    keys = set(_KEYS.findall(frame))
    if keys == _SOUND:
        return Weight.MODEL
    weight = Weight.NOTHING
    for key in keys:
        weight |= _RECEIVED[key]
    return weight


def _model(frame: str) -> str | None:
    found = _MODEL.search(frame)
    return found and found[1]


def _plain(request: Any) -> Json:
    """A turn's request, as :class:`Dialogue` holds it, with its frames decoded."""
    frames = {name: [sse.document(it) for it in request[name]] for name in ("settings", "said")}
    return {**request, **frames}


def read_request(body: Json) -> Request:
    setup: dict[str, Any] = {}
    conversation = string(body.get("conversation"))
    for setting in items(body.get("settings")):
        setup.update(mapping(setting.get("setup")))
        setup.update(mapping(setting.get("contextUpdate")))
        done = mapping(setting.get("setupComplete"))
        conversation = string(done.get("sessionId")) or conversation
    setup.pop("contents", None)
    return replace(
        _gemini.read_request(setup),
        messages=_said(items(body.get("said"))),
        conversation_id=conversation,
    )


def _said(frames: Iterable[Json]) -> list[Message]:
    messages: list[Message] = []
    transcribing = False
    for frame in frames:
        content = mapping(frame.get("serverContent"))
        transcript = string(mapping(content.get("inputTranscription")).get("text"))
        if transcript and transcribing:
            messages[-1] = _user(messages[-1].text + transcript)
        elif transcript:
            messages.append(_user(transcript))
        else:
            messages += _sent_messages(frame)
        transcribing = bool(transcript)
    return messages


def _user(text: str) -> Message:
    return Message("user", [text_part(text)])


def _sent_messages(frame: Json) -> list[Message]:
    """The messages in a frame that the app sent."""
    if text := string(mapping(frame.get("realtime_input")).get("text")):
        return [_user(text)]
    if answers := items(_gemini.field(mapping(frame.get("tool_response")), "functionResponses")):
        return [Message("tool", [_gemini.read_part({"functionResponse": it}) for it in answers])]
    turns = items(mapping(frame.get("client_content")).get("turns"))
    return [_gemini.read_message(turn) for turn in turns]


def assemble(events: Iterable[Json]) -> Assembled:
    """A turn's frames as the reply of an unstreamed ``generateContent``."""
    parts: list[Json] = []
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}}
    body: dict[str, Any] = {"candidates": [candidate]}
    finished = interrupted = False
    for event in events:
        content, tools = mapping(event.get("serverContent")), mapping(event.get("toolCall"))
        said = items(mapping(content.get("modelTurn")).get("parts"))
        parts += [part for part in said if not part.get("inlineData")]
        if text := string(mapping(content.get("outputTranscription")).get("text")):
            parts.append({"text": text})
        calls = items(tools.get("functionCalls"))
        parts += [{"functionCall": call} for call in calls]
        finished = finished or bool(calls)
        finished = finished or any(content.get(it) for it in ("turnComplete", "generationComplete"))
        interrupted = interrupted or content.get("interrupted") is True
        candidate.update({key: content[key] for key in _METADATA if key in content})
        if usage := event.get("usageMetadata"):
            body["usageMetadata"] = usage
    if interrupted or finished:
        candidate["finishReason"] = "INTERRUPTED" if interrupted else "STOP"
    return Assembled(body, complete=finished and not interrupted)


_METADATA = ("groundingMetadata", "urlContextMetadata")

API = Api("/live", "generate_content", read_request, _gemini.read_reply, assemble, _plain)
PROTOCOL = Protocol(API, _sent, _received, _model)

"""Gemini's Live API, as the JSON texts that cross its socket.

A turn is what the model says up to the end of its turn, or up to the tool calls that it waits for:
as with every other API, the results begin a turn of their own. Sound is not kept; what was said in
it is, where the app has switched the transcripts on.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memori_instrumentation.capture import sse
from memori_instrumentation.capture.line import Exchange, Place
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
from memori_storage.records import Message

_HEARD = re.compile(
    r'\s*\{\s*"realtime_input"\s*:\s*\{\s*"(?:audio|video|mediaChunks|media_chunks)"'
)
"""How frames begin that carry what the app's side hears and sees."""
_MAX_SETTINGS = 16


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
        parts += items(mapping(content.get("modelTurn")).get("parts"))
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

API = Api("/live", "generate_content", read_request, _gemini.read_reply, assemble)


class LiveTalk:
    """The model's turns over one socket, each with what the user's side has said since the one
    before. Frames go both ways for as long as the app likes: none asks, and none returns."""

    api = API

    def __init__(self) -> None:
        # The provider keeps the history of a socket: this links its turns.
        self._id = f"live-{uuid.uuid4()}"
        self._model: str | None = None
        self._settings: list[Json] = []
        """What holds from here on."""
        self._asking: Exchange | None = None
        """What the user's side has said and the model has not begun to answer."""
        self._answering: Exchange | None = None

    def read(self, data: str | bytes) -> Any:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return None if _HEARD.match(text) else sse.document(text)

    def sent(self, event: Json, at: int, place: Place) -> Iterable[Exchange]:
        if "setup" in event or "contextUpdate" in event:
            model = string(mapping(event.get("setup")).get("model"))
            self._model = self._model or (model and model.rpartition("/")[2])
            self._set(event)
        elif _says(event):
            # While the model speaks, the user's words are for its next turn.
            self._asked(at, place).request["said"].append(event)
        return ()

    def received(self, event: Json, at: int, place: Place) -> Iterable[Exchange]:
        content = mapping(event.get("serverContent"))
        if "setupComplete" in event:
            self._set(event)
        calls = "toolCall" in event
        speaks = calls or not _SPOKEN.isdisjoint(content)
        ends = calls or content.get("turnComplete") is True
        transcript = "inputTranscription" in content
        if transcript:
            # It comes when it is ready, often in the middle of the answer.
            (self._answering or self._asked(at, place)).request["said"].append(event)
        if self._answering is None and speaks:
            self._answering, self._asking = self._asked(at, place), None
        if self._answering is None and ends:
            self._answering, self._asking = self._asking, None  # answered with nothing
        answering = self._answering
        if answering is None or (transcript and not speaks and not ends):
            return ()
        answering.take(_without_sound(event), at)
        if not ends:
            return ()
        self._answering = None
        return (answering,)

    def ended(self, at: int) -> Iterable[Exchange]:
        left = [it for it in (self._answering, self._asking) if it is not None]
        for exchange in left:
            exchange.ended_ns = at
        return left

    def _set(self, event: Json) -> None:
        # A new list: turns hold the one that they began with.
        self._settings = [*self._settings[1 - _MAX_SETTINGS :], event]

    def _asked(self, at: int, place: Place) -> Exchange:
        """What the model's next turn will answer, begun if it is not yet."""
        if self._asking is None:
            request = {
                "model": self._model,
                "settings": self._settings,
                "said": [],
                "conversation": self._id,
            }
            self._asking = Exchange(request, place, at)
        return self._asking


_SPOKEN = frozenset({"modelTurn", "outputTranscription"})


def _says(event: Json) -> bool:
    """Whether the user's side says something in what the app sends. The rest is signals."""
    return (
        "client_content" in event
        or "tool_response" in event
        or "text" in mapping(event.get("realtime_input"))
    )


def _without_sound(event: Json) -> Json:
    """An event less the sound and pictures in it, which need not be held until the turn ends."""
    content = mapping(event.get("serverContent"))
    parts = items(mapping(content.get("modelTurn")).get("parts"))
    if not any(part.get("inlineData") for part in parts):
        return event
    words = {"parts": [part for part in parts if not part.get("inlineData")]}
    return {**event, "serverContent": {**content, "modelTurn": words}}

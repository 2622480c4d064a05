"""OpenAI's Realtime API, as the JSON events of its WebSocket.

A conversation is a list of items there, some made by the app, some by the server of what was
spoken. A call is a response: what was said since the one before it, and what it brought.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memori_instrumentation.capture.line import Exchange, Place, typed
from memori_instrumentation.capture.reading import (
    Api,
    Json,
    Reply,
    Request,
    chosen,
    counts,
    items,
    mapping,
    number,
    string,
)
from memori_instrumentation.providers import _openai_responses
from memori_instrumentation.providers._openai_items import messages_of

_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "max_output_tokens": "gen_ai.request.max_tokens",
}
_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_token_details.cached_tokens": "cache_read_tokens",
}


def read_request(body: Json) -> Request:
    """``body`` is a ``response.create`` with what its talk adds: items, model, conversation."""
    return Request(
        messages=messages_of(items(body.get("items"))),
        model=string(body.get("model")),
        system=string(body.get("instructions")),
        conversation_id=string(body.get("conversation_id")),
        attributes={k: v for k, v in chosen(body, _PARAMETERS).items() if v != "inf"},
    )


def read_reply(body: Json) -> Reply:
    """A response says here what the Responses API says elsewhere, in nearly the same words."""
    details = mapping(body.get("status_details"))
    reply = _openai_responses.read_reply(
        {**body, "incomplete_details": details, "error": details.get("error")}
    )
    return replace(reply, usage=counts(body.get("usage"), _USAGE))


API = Api("/realtime", "chat", read_request, read_reply, _openai_responses.assemble)

_PLACED = frozenset({f"conversation.item.{how}" for how in ("created", "added", "done")})
_SOUND = frozenset(
    {"input_audio_buffer.append", "response.output_audio.delta", "response.audio.delta"}
)
_SAID = 256
"""Most items that wait for a response."""


class RealtimeTalk:
    """The calls of one connection.

    Args:
        model: As the connection's URL names it.
    """

    api = API

    def __init__(self, model: str | None) -> None:
        self._model = model
        self._instructions: str | None = None
        self._transcribing = False
        self._conversation: str | None = None
        self._said: deque[dict[str, Any]] = deque(maxlen=_SAID)
        """Items that no response has taken up yet."""
        self._known: set[str] = set()
        """Ids of items that are in hand, or are the model's own."""
        self._asked: deque[Exchange] = deque()
        self._answering: dict[str, Exchange] = {}
        self._held: Exchange | None = None
        """A call that is over but for the transcript of what was spoken."""

    def read(self, data: str | bytes) -> Any:
        return typed(data, _SOUND)

    # --- what the app sends ---------------------------------------------------------------------

    def sent(self, event: Json, at: int, place: Place) -> Iterable[Exchange]:
        kind = event.get("type")
        if kind == "conversation.item.create":
            self._say(dict(mapping(event.get("item"))))
        elif kind == "conversation.item.delete":
            gone = event.get("item_id")
            self._said = deque((it for it in self._said if it.get("id") != gone), _SAID)
        elif kind == "response.create":
            asked = dict(mapping(event.get("response")))
            self._asked.append(Exchange({**asked, "event_id": event.get("event_id")}, place, at))
        return ()

    def _say(self, item: dict[str, Any]) -> None:
        self._said.append(item)
        if name := string(item.get("id")):
            self._known.add(name)

    # --- what the server sends ------------------------------------------------------------------

    def received(self, event: Json, at: int, place: Place) -> Iterable[Exchange]:
        kind = str(event.get("type"))
        if kind in ("session.created", "session.updated"):
            self._session(mapping(event.get("session")))
        elif kind.startswith("conversation.item.input_audio_transcription."):
            return self._transcribed(kind, event)
        elif kind in _PLACED:
            self._placed(mapping(event.get("item")))
        elif kind == "error":
            self._refused(mapping(event.get("error")))
        elif kind.startswith("response."):
            return self._answered(kind, event, at, place)
        return ()

    def _session(self, session: Json) -> None:
        self._model = string(session.get("model")) or self._model
        self._instructions = string(session.get("instructions"))
        heard = mapping(mapping(session.get("audio")).get("input"))
        asked = heard.get("transcription") or session.get("input_audio_transcription")
        self._transcribing = bool(asked)

    def _placed(self, item: Json) -> None:
        """An item has its place in the conversation: one that the app sent, or what was spoken."""
        name = string(item.get("id"))
        if name is None or name in self._known:
            return
        role = item.get("role")
        for said in self._said:
            alike = (said.get("type"), said.get("role")) == (item.get("type"), role)
            if alike and "id" not in said:
                said["id"] = name
                self._known.add(name)
                return
        if role in ("user", "system"):
            self._say(dict(item))

    def _transcribed(self, kind: str, event: Json) -> Iterable[Exchange]:
        item = self._item(event.get("item_id"))
        if item is None or not kind.endswith((".completed", ".failed")):
            return ()
        parts: list[dict[str, Any]] = [dict(part) for part in items(item.get("content"))]
        index = number(event.get("content_index"))
        if 0 <= index < len(parts):
            # Of what cannot be transcribed the sound is all there is.
            parts[index]["transcript"] = string(event.get("transcript")) or ""
        item["content"] = parts
        held = self._held
        if held is None or self._waits(held):
            return ()
        self._held = None
        return (held,)

    def _item(self, name: Any) -> dict[str, Any] | None:
        """An item by its id, wherever it is in hand."""
        exchanges = [*self._answering.values(), *([self._held] if self._held else [])]
        taken = [it for each in exchanges for it in each.request["items"]]
        return next((it for it in [*self._said, *taken] if it.get("id") == name), None)

    def _waits(self, exchange: Exchange) -> bool:
        """Whether the transcript of something in a request is still to come."""
        return self._transcribing and any(
            part.get("type") == "input_audio" and part.get("transcript") is None
            for item in exchange.request["items"]
            for part in items(item.get("content"))
        )

    def _refused(self, error: Json) -> None:
        """What was asked for is not going to be; what was said waits for the next response."""
        named = error.get("event_id")
        about = str(error.get("code") or error.get("param") or "")
        for asked in self._asked:
            if named == asked.request["event_id"] and (named or "response" in about):
                self._asked.remove(asked)
                return

    def _answered(self, kind: str, event: Json, at: int, place: Place) -> Iterable[Exchange]:
        response = mapping(event.get("response"))
        name = str(response.get("id") or event.get("response_id"))
        exchange = self._answering.get(name)
        if exchange is None:
            if not response:
                return ()
            exchange = self._answering[name] = self._begun(response, at, place)
        exchange.take(event, at)
        if kind == "response.output_item.added" and (own := mapping(event.get("item")).get("id")):
            self._known.add(str(own))
        if kind != "response.done":
            return ()
        del self._answering[name]
        # A transcript may come after the answer. It is not waited for longer than until the next.
        over = [self._held] if self._held is not None else []
        self._held = exchange if self._waits(exchange) else None
        return over if self._held is exchange else [*over, exchange]

    def _begun(self, response: Json, at: int, place: Place) -> Exchange:
        """A response that was asked for, or that followed by itself on what was spoken."""
        exchange = self._asked.popleft() if self._asked else Exchange({}, place, at)
        self._conversation = string(response.get("conversation_id")) or self._conversation
        return self._with_what_was_said(exchange)

    def _with_what_was_said(self, exchange: Exchange) -> Exchange:
        asked = exchange.request
        apart = asked.get("conversation") == "none"
        said = [dict(item) for item in items(asked.get("input"))]
        if "input" not in asked and not apart:
            said, self._said = list(self._said), deque(maxlen=_SAID)
        exchange.request = {
            "instructions": self._instructions,
            **asked,
            "model": self._model,
            "items": said,
            "conversation_id": None if apart else self._conversation,
        }
        return exchange

    def ended(self, at: int) -> Iterable[Exchange]:
        held = [self._held] if self._held is not None else []
        left = [*self._answering.values(), *map(self._with_what_was_said, self._asked)]
        for exchange in left:
            exchange.ended_ns = at
        return [*held, *left]

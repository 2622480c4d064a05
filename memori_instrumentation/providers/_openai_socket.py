"""The Responses API over a WebSocket: the same requests and events, many over one connection."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from memori_instrumentation.capture.line import Exchange, Place, typed
from memori_instrumentation.capture.reading import Json, items, mapping, string
from memori_instrumentation.providers import _openai_responses

_PICTURES = frozenset({"response.audio.delta", "response.image_generation_call.partial_image"})
_FINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesTalk:
    """Calls and their answers, told apart by the lanes (``stream_id``) that they share.

    Within a lane one answer follows the other. Input that steers a response which is being made is
    the request of the response that takes its place.
    """

    api = _openai_responses.API

    def __init__(self) -> None:
        self._asked: defaultdict[str | None, deque[Exchange]] = defaultdict(deque)
        self._answering: dict[str | None, Exchange] = {}
        self._steering: defaultdict[str, list[Json]] = defaultdict(list)
        self._steered_from: Place | None = None

    def read(self, data: str | bytes) -> Any:
        return typed(data, _PICTURES)

    def sent(self, event: Json, at: int, place: Place) -> Iterable[Exchange]:
        if event.get("type") == "response.create":
            self._asked[string(event.get("stream_id"))].append(Exchange(dict(event), place, at))
        elif event.get("type") == "response.steer":
            self._steered_from = place
            before = string(event.get("previous_response_id")) or ""
            self._steering[before].extend(_items(event.get("input")))
        return ()

    def received(self, event: Json, at: int, place: Place) -> Iterable[Exchange]:
        kind = string(event.get("type"))
        lane = string(event.get("stream_id"))
        if kind == "response.steer.failed":
            # It comes back, and is the app's to send again.
            self._steering.pop(str(mapping(event.get("steer")).get("previous_response_id")), None)
            return ()
        over: list[Exchange] = []
        if kind == "response.created" and lane in self._answering:
            over.append(self._answering.pop(lane))
        exchange = self._answering.get(lane)
        if exchange is None and (kind == "error" or "response" in event):
            exchange = self._begun(lane, mapping(event.get("response")), at)
        if exchange is None:
            return over
        exchange.take(event, at)
        if kind == "error" or kind in _FINAL:
            self._answering.pop(lane, None)
            over.append(exchange)
        else:
            self._answering[lane] = exchange
        return over

    def _begun(self, lane: str | None, response: Json, at: int) -> Exchange | None:
        """The call that a response answers; ``None`` if it answers none."""
        before = string(response.get("previous_response_id"))
        steering = self._steering.pop(before, []) if before else []
        asked = self._asked[lane]
        if asked and (not steering or asked[0].request.get("previous_response_id") == before):
            exchange = asked.popleft()
        elif steering and self._steered_from is not None:
            request = {"model": response.get("model"), "previous_response_id": before}
            exchange = Exchange(request, self._steered_from, at)
        else:
            return None
        if steering:
            exchange.request["input"] = [*steering, *_items(exchange.request.get("input"))]
        return exchange

    def ended(self, at: int) -> Iterable[Exchange]:
        left = [*self._answering.values()]
        for asked in self._asked.values():
            left.extend(asked)
        for exchange in left:
            exchange.ended_ns = at
        return left


def _items(given: Any) -> list[Json]:
    """Input as the list of items that it stands for."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return items(given)

"""Background responses of OpenAI's Responses API: begun by a call, fetched, streamed, cancelled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from wire.common import Json
from wire.openai_responses import responses_body, responses_events, unfinished
from wire.replies import Answer, Received

_PATH = re.compile(r"/(?:v1|openai)/responses/(?P<id>[^/?]+)(?P<cancel>/cancel)?$")


class Later(NamedTuple):
    """What a request about a response is answered with."""

    status: int
    body: Json
    events: Sequence[bytes] | None = None
    cut_after: int | None = None


@dataclass
class _Response:
    """A response in the making."""

    answer: Answer
    asked: str
    polls: int
    cancelled: bool = False

    def body(self) -> Json:
        done = {**responses_body(self.answer, self.asked), "background": True}
        if self.cancelled:
            return unfinished(done, "cancelled")
        return unfinished(done, "in_progress") if self.polls > 0 else done


class Background:
    """The responses that a server keeps."""

    def __init__(self) -> None:
        self._responses: dict[str, _Response] = {}
        self.cut_after: int | None = None
        """Close the socket after this many events of the next stream that is fetched."""

    def begin(self, answer: Answer, asked: str) -> Json:
        """Keep a response; returns what its creation is answered with."""
        begun = _Response(answer, asked, answer.polls)
        self._responses[answer.id] = begun
        done = {**responses_body(answer, asked), "background": True}
        return unfinished(done, "queued")

    def answer(self, received: Received) -> Later | None:
        """What to answer; ``None`` if the request is not about a response."""
        url = urlsplit(received.path)
        named = _PATH.search(url.path)
        if named is None or (named["cancel"] is None and received.method == "POST"):
            return None
        response = self._responses.get(named["id"])
        if response is None:
            return Later(404, {"error": {"message": "no such response", "type": "invalid"}})
        if named["cancel"]:
            response.cancelled = response.cancelled or response.polls > 0
            return Later(200, response.body())
        query = parse_qs(url.query)
        if query.get("stream") == ["true"]:
            return self._stream(response, int(query.get("starting_after", ["-1"])[0]))
        body = response.body()
        response.polls -= 1
        return Later(200, body)

    def _stream(self, response: _Response, after: int) -> Later:
        request = {"background": True}
        events = list(responses_events(response.answer, response.asked, request))[after + 1 :]
        cut, self.cut_after = self.cut_after, None
        if cut is None:
            response.polls = 0
        return Later(200, {}, events, cut)

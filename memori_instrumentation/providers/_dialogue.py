"""A conversation over a socket, taken apart into turns.

Gemini's Live API and its like have no call that asks and returns: frames go both ways for as long
as the app likes. Each turn of the model's counts as a call here, with what the user's side has said
since the one before. Frames are noted as they cross the socket and read on the worker; on the app's
thread only their outside is looked at.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from enum import Flag, auto
from time import time_ns
from typing import NamedTuple

from opentelemetry import context

from memori_instrumentation._attribution import Attribution, current, suppressed, using
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.reading import Api
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.providers._choke import unusable

_MAX_SETTINGS = 16


class Weight(Flag):
    """How a frame counts."""

    NOTHING = 0
    SETS = auto()
    """It sets what holds from here on: the model, instructions."""
    USER = auto()
    """It is of what the user's side says, be it sent or the server's transcript."""
    MODEL = auto()
    """It is of what the model says."""
    KEPT = auto()
    """It is to be read. One that is not (sound) only tells that something is being said."""
    ENDS = auto()
    """The model's turn ends with it."""


class Protocol(NamedTuple):
    """How an API talks over a socket.

    Args:
        api: Reads a turn. A request comes to it as a mapping of JSON texts, for ``plain`` to
            decode: ``settings``, ``said``, both lists, and ``conversation``, an id. A reply is a
            stream of JSON texts.
        sent: Weighs a frame that the app sends.
        received: Weighs a frame that the server sends.
        model: Finds the model in a frame of settings.
    """

    api: Api
    sent: Callable[[str], Weight]
    received: Callable[[str], Weight]
    model: Callable[[str], str | None]


class Dialogue:
    """One socket's conversation.

    A turn belongs to whom the context says that it begins in, or, where that says nothing, to whom
    the socket was opened for: frames may pass in tasks that the app's own context never reached.

    Args:
        protocol: How frames read.
        provider: ``gen_ai.provider.name``.
        server: Host and port.
    """

    def __init__(
        self, protocol: Protocol, provider: str, server: tuple[str, int | None] | None
    ) -> None:
        self._protocol = protocol
        self._provider = provider
        self._server = server
        self._opened_in = context.get_current()
        # The provider keeps the history of a socket: this links its turns.
        self._id = f"live-{uuid.uuid4()}"
        self._model: str | None = None
        self._settings: list[str] = []
        self._asking: Call | None = None
        """What the user's side has said and the model has not begun to answer."""
        self._answering: Call | None = None

    def sent(self, frame: str | bytes) -> None:
        """Note a frame that the app sends. Never raises."""
        try:
            frame = _text(frame)
            weight = self._protocol.sent(frame)
            if Weight.SETS in weight:
                self._model = self._model or self._protocol.model(frame)
                self._set(frame)
            elif Weight.USER in weight:
                # While the model speaks, the user's words are for its next turn.
                self._say(self._asked(), frame, weight)
        except Exception as error:
            unusable("a frame", error)

    def received(self, frame: str | bytes) -> None:
        """Note a frame that the server sends. Never raises."""
        try:
            frame = _text(frame)
            weight = self._protocol.received(frame)
            if Weight.SETS in weight:
                self._set(frame)
            if Weight.USER in weight:
                # A transcript comes when it is ready, often in the middle of the answer.
                self._say(self._answering or self._asked(), frame, weight)
            if self._answering is None and Weight.MODEL in weight:
                self._answering, self._asking = self._asked(), None
            if self._answering is None and Weight.ENDS in weight:
                self._answering, self._asking = self._asking, None  # answered with nothing
            users_alone = Weight.USER in weight and not weight & (Weight.MODEL | Weight.ENDS)
            if self._answering is not None and not users_alone:
                self._answer(self._answering, frame, weight)
        except Exception as error:
            unusable("a frame", error)

    def close(self, error: BaseException | None = None) -> None:
        """The socket is closed: what is under way ends as it is."""
        for call in (self._answering, self._asking):
            if call is not None:
                call.finish(error)
        self._answering = self._asking = None

    def __del__(self) -> None:
        if "_asking" in self.__dict__:
            self.close()

    def _set(self, frame: str) -> None:
        # A new list: calls hold the one that they began with.
        self._settings = [*self._settings[1 - _MAX_SETTINGS :], frame]

    def _say(self, call: Call | None, frame: str, weight: Weight) -> None:
        if call is not None and Weight.KEPT in weight:
            call.request["said"].append(frame)

    def _answer(self, call: Call, frame: str, weight: Weight) -> None:
        if Weight.MODEL in weight and not call.first_ns:
            call.first_ns = time_ns()
        if Weight.KEPT in weight:
            call.chunks.append(frame)
        if Weight.ENDS in weight:
            self._answering = None
            call.finish()

    def _asked(self) -> Call | None:
        """The call that the model's next turn will be, begun if it is not yet."""
        if self._asking is None:
            silent = current() == Attribution()
            with using(self._opened_in if silent else context.get_current()):
                self._asking = self._begin()
        return self._asking

    def _begin(self) -> Call | None:
        runtime = active()
        if runtime is None or suppressed(self._opened_in):
            return None
        begun = runtime.begin(
            self._protocol.api, self._provider, model=self._model, server=self._server
        )
        if begun is None:
            return None
        call = begun[0]
        call.streamed = True
        call.request = {"settings": self._settings, "said": [], "conversation": self._id}
        return call


def _text(frame: str | bytes) -> str:
    return frame if isinstance(frame, str) else frame.decode("utf-8", "replace")

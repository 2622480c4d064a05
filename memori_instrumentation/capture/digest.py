"""From what the app's threads hand over to turns: calls, connections' messages, others' spans.

Everything here runs on the decoding thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from opentelemetry import context

from memori_instrumentation._attribution import Attribution
from memori_instrumentation.capture import decode, spans
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.line import Frame
from memori_instrumentation.capture.once import Calls
from memori_instrumentation.capture.reading import Reply, Request
from memori_instrumentation.capture.stats import Stats
from memori_instrumentation.config import Settings
from memori_instrumentation.telemetry import INSTRUMENTATION_NAME
from memori_storage.records import Completion, Turn

if TYPE_CHECKING:
    from memori_instrumentation.capture.foreign import Heard

_T = TypeVar("_T")
Item: TypeAlias = "Call | Frame | Heard"
"""What is handed over."""


class Digester:
    """Reads what is handed over. What one part of a call cannot be read does not cost the others.

    Args:
        settings: As resolved.
        defaults: Whose calls are that nobody says anything else of.
        session: The session of calls that name none.
        tracing: Where spans go.
        stats: Counts what was captured and what failed.
        told: Knows which calls another instrumentation has told of.
        put: Takes what is to be stored.
    """

    def __init__(
        self,
        settings: Settings,
        defaults: Attribution,
        session: str,
        tracing: spans.Tracing,
        stats: Stats,
        told: Calls,
        put: Callable[[Turn | Completion], object],
    ) -> None:
        self._settings = settings
        self._defaults = defaults
        self._session = session
        self._tracing = tracing
        self._stats = stats
        self._told = told
        self._put = put

    def take(self, item: Item) -> None:
        """Read an item and pass on what is to be stored. Never raises."""
        if isinstance(item, Call):
            self._digest(item)
        elif isinstance(item, Frame):
            for call in self._calls_in(item):
                self._digest(call)
        else:
            self._listen(item)

    def _calls_in(self, frame: Frame) -> list[Call]:
        try:
            return list(frame.line.calls(frame))
        except Exception as error:
            self._stats.failed += 1
            self._stats.once("line", "could not read what passed over a connection: %r", error)
            return []

    def _digest(self, call: Call) -> None:
        """Read a call, end its span, pass its turn on. What one part cannot do, the others still
        do."""
        if call.api.fetches:
            completion = self._guarded(call, "reply", decode.completion_of)
            if completion is not None:
                self._put(completion)
            return
        self._stats.captured += 1
        if call.begun_in is not None and not self._guarded(call, "span", self._begin_late):
            return
        request = self._guarded(call, "request", decode.read_request) or Request(())
        reply = self._guarded(call, "reply", decode.read_reply) or Reply(complete=False)
        turn = self._guarded(
            call, "turn", lambda it: decode.turn_of(it, request, reply, self._session)
        )
        self._guarded(call, "span", lambda it: spans.finish(it, request, turn))
        if turn is None:
            return
        told = self._guarded(
            call, "turn", lambda it: self._told.is_told(turn, INSTRUMENTATION_NAME)
        )
        if not told:
            self._keep(turn)

    def _listen(self, heard: Heard) -> None:
        """Read what another instrumentation tells of a call, and pass its turn on."""
        from memori_instrumentation.capture.foreign import turn_of

        try:
            turn = turn_of(heard, self._settings.span_attribution, self._defaults, self._session)
            told = turn is not None and self._told.is_told(turn, heard.source)
        except Exception as error:
            self._stats.failed += 1
            self._stats.once(
                f"span {heard.source}", "could not read a span of %s: %r", heard.source, error
            )
            return
        if turn is not None and not told:
            self._stats.captured += 1
            self._keep(turn)

    def _begin_late(self, call: Call) -> bool:
        spans.start(call, self._tracing.tracer(), call.begun_in or context.Context())
        return True

    def _keep(self, turn: Turn) -> None:
        if turn.entity is None and self._settings.unattributed == "drop":
            self._stats.unattributed += 1
            self._stats.once(
                "unattributed",
                "a model call names no entity, so nothing of it is remembered: wrap it in "
                "attribution(entity=...), set MEMORI_ENTITY, or keep such turns with "
                "MEMORI_UNATTRIBUTED=store",
            )
            return
        self._put(turn)

    def _guarded(self, call: Call, what: str, read: Callable[[Call], _T]) -> _T | None:
        try:
            return read(call)
        except Exception as error:
            self._stats.failed += 1
            self._stats.once(
                f"{what} {call.api.path}",
                "could not read the %s of a call to %s: %s: %s",
                what,
                call.api.path,
                type(error).__name__,
                error,
            )
            return None

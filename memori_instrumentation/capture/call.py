"""One model call as the caller's thread leaves it: references and times, nothing read yet.

Everything here runs inside the user's SDK call, so it does the least that lets the worker do the
rest: no decoding, no copying, no lock. A call is handed over exactly once, whichever end comes
first: the reply returned, its stream read or closed, an exception, the garbage collector, or the
end of the program.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import Any, Protocol
from weakref import ref

from opentelemetry.context import Context, get_value
from opentelemetry.trace import Span

from memori_instrumentation._attribution import CALL, Attribution
from memori_instrumentation.capture.reading import Api, Json

MAX_ERROR = 2_000
"""Characters of an error's message that are kept."""


class Open(Protocol):
    """What is under way, and has an end."""

    def finish(self, error: BaseException | None = None) -> None: ...


Chunk = bytes | str | Json
"""A piece of a reply: bytes off the wire, or an event's JSON, as text or decoded."""

_open: dict[int, Open] = {}
"""What has not been handed over. Adding and popping are atomic, so no lock is needed, not even
where the garbage collector interrupts another hand-over."""


def opening(it: Open) -> None:
    """Have something finished at the end of the program at the latest."""
    _open[id(it)] = it


def under_way(it: Open) -> bool:
    """Whether something has not had its end."""
    return id(it) in _open


def closing(it: Open) -> bool:
    """Whether this is its end, the first that comes."""
    return _open.pop(id(it), None) is not None


class Call:
    """What is known of one call. Attributes are set by the thread that makes the call, then read by
    the worker after the hand-over."""

    __slots__ = (
        "__weakref__",
        "api",
        "attribution",
        "begun_in",
        "body",
        "chunks",
        "content_type",
        "decoder",
        "ended_ns",
        "error",
        "first_ns",
        "framework",
        "hand_over",
        "model",
        "provider",
        "request",
        "server",
        "span",
        "span_id",
        "started_ns",
        "status",
        "streamed",
        "trace_id",
    )

    def __init__(
        self,
        api: Api,
        provider: str,
        attribution: Attribution,
        hand_over: Callable[[Call], None],
    ) -> None:
        self.api = api
        self.provider = provider
        self.attribution = attribution
        self.hand_over = hand_over
        self.started_ns = time_ns()
        self.first_ns = 0
        self.ended_ns = 0
        self.model: str | None = None
        self.framework: str | None = None
        self.server: tuple[str, int | None] | None = None
        self.span: Span | None = None
        self.begun_in: Context | None = None
        """Where the span belongs that the worker has yet to start: a framework's call gets one only
        once it is known that no SDK's call inside has its own."""
        self.trace_id = 0
        self.span_id = 0
        self.request: Any = None
        """The request's body: the bytes on the wire, or the JSON object that became them."""
        self.body: Any = None
        """The whole reply, if it was not streamed: as it arrived, or as a mapping."""
        self.chunks: list[Chunk] = []
        """The reply as it arrived, if it was streamed: pieces of a body, or events."""
        self.streamed = False
        self.content_type: str | None = None
        self.decoder: Callable[[bytes], bytes] | None = None
        """Undoes the content encoding of ``chunks``."""
        self.status: int | None = None
        self.error: tuple[str, str] | None = None
        """Type and message of what the call raised, where a provider knows them better than the
        exception's class and text."""
        opening(self)

    def finish(self, error: BaseException | None = None) -> None:
        """Hand the call over, if that has not happened; the first to come decides how it ended."""
        if not closing(self):
            return
        self.ended_ns = time_ns()
        if error is not None and self.error is None:
            # Not the exception itself: its traceback would keep the caller's frames alive.
            self.error = described(error)
        self.hand_over(self)

    def abandon(self) -> None:
        """Forget the call: it could not be set up and nothing will finish it."""
        closing(self)


class UnderWay:
    """A call, for the context that it runs in: whose it is, and itself for as long as it lasts.

    gRPC keeps the context of a stream that was left for good; the call must not stay in it.
    """

    __slots__ = ("attribution", "call")

    def __init__(self, call: Call) -> None:
        self.attribution = call.attribution
        self.call = ref(call)


def call_under_way() -> Call | None:
    """The call that the current context belongs to, unless it has ended and was read."""
    holder = get_value(CALL)
    return holder.call() if isinstance(holder, UnderWay) else None


def described(error: BaseException) -> tuple[str, str]:
    """Type and message of an exception, also of one that cannot say what it is."""
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        return name, str(error)[:MAX_ERROR]
    except Exception:
        return name, ""


def finish_open_calls() -> None:
    """Hand over whatever is still under way, at the end of the program: what arrived is kept."""
    for it in list(_open.values()):
        it.finish()


def forget_open_calls() -> None:
    """Leave calls under way to the parent process they were made in, after a fork."""
    _open.clear()

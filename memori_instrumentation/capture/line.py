"""Two-way connections, over which calls and their answers pass as single messages (WebSockets).

On the app's side a line notes what passes, by reference. On the worker the line's protocol finds
the calls in it: which message asks, which ones answer, and which is the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import time_ns
from typing import Any, Literal, NamedTuple, Protocol

from opentelemetry import baggage, context

from memori_instrumentation._attribution import Attribution, read, suppressed
from memori_instrumentation.capture import scope, sse
from memori_instrumentation.capture.call import Call, closing, described, opening, under_way
from memori_instrumentation.capture.reading import Api, Json


class Place(NamedTuple):
    """Where something was sent: it tells whose the call is."""

    ctx: context.Context
    scope: scope.Scope | None

    @classmethod
    def here(cls) -> Place:
        return cls(context.get_current(), scope.current())

    def says_who(self) -> bool:
        """Whether anything says there whose the call is."""
        return self.scope is not None or read(baggage.get_all(self.ctx), self.ctx) != Attribution()


@dataclass(slots=True)
class Exchange:
    """One call, as its protocol gathers it."""

    request: dict[str, Any]
    """For ``Api.read_request``."""
    place: Place
    started_ns: int
    events: list[Json] = field(default_factory=list)
    """For ``Api.assemble``."""
    first_ns: int = 0
    ended_ns: int = 0
    error: tuple[str, str] | None = None

    def take(self, event: Json, at: int) -> None:
        """Add an event of the answer."""
        self.first_ns = self.first_ns or at
        self.ended_ns = at
        self.events.append(event)


class Talk(Protocol):
    """What is said over one connection, understood; on the worker, in order.

    What passed comes to ``read`` first, and then to ``sent`` or ``received`` unless it is noise:
    messages that say nothing and are large. ``place`` is where the app last sent something. Each
    of the other methods gives the calls that are over with it.
    """

    api: Api

    def read(self, data: str | bytes) -> Any: ...
    def sent(self, event: Json, at: int, place: Place) -> Iterable[Exchange]: ...
    def received(self, event: Json, at: int, place: Place) -> Iterable[Exchange]: ...
    def ended(self, at: int) -> Iterable[Exchange]: ...


class Frame(NamedTuple):
    """One message over a line, or its end."""

    line: Line
    way: Literal["sent", "received", "ended"]
    data: Any
    at: int
    place: Place | None = None


class Line:
    """A connection as the app uses it.

    What is sent where nothing says for whom counts as sent where the connection was made: messages
    may pass in tasks that the app's own context never reached.

    Args:
        talk: Understands what passes.
        provider: For ``gen_ai.provider.name``.
        server: Host and port.
        put: Hands a frame to the worker.
        defaults: Whose calls are that nobody says anything else of.
    """

    # What a framework's scope looks at in the calls inside it.
    error: tuple[str, str] | None = None
    status: int | None = None

    def __init__(
        self,
        talk: Talk,
        provider: str,
        server: tuple[str, int | None] | None,
        put: Callable[[Frame], None],
        defaults: Attribution,
    ) -> None:
        self._talk = talk
        self._provider = provider
        self._server = server
        self._put = put
        self._defaults = defaults
        self._opened = self._last = Place.here()
        opening(self)

    # --- the app's threads ----------------------------------------------------------------------

    def sent(self, data: Any) -> None:
        """Note what is about to be sent."""
        if not under_way(self):
            return
        place = Place.here()
        if place.scope is not None:
            place.scope.join(self)
        self._put(Frame(self, "sent", data, time_ns(), place))

    def received(self, data: Any) -> None:
        """Note what has come."""
        if under_way(self):
            self._put(Frame(self, "received", data, time_ns()))

    def finish(self, error: BaseException | None = None) -> None:
        """Note that nothing more will pass, and why if it is an error; only the first counts."""
        if closing(self):
            self._put(Frame(self, "ended", error and described(error), time_ns()))

    # --- the worker's thread --------------------------------------------------------------------

    def calls(self, frame: Frame) -> Iterator[Call]:
        """The calls that are over with a frame."""
        for exchange in self._understood(frame):
            if suppressed(exchange.place.ctx):
                continue
            yield self._call(exchange)

    def _understood(self, frame: Frame) -> Iterable[Exchange]:
        talk = self._talk
        if frame.way == "ended":
            left = list(talk.ended(frame.at))
            for exchange in left:
                exchange.error = exchange.error or frame.data
            return left
        if frame.place is not None:
            self._last = frame.place if frame.place.says_who() else self._opened
        event = talk.read(frame.data)
        if not isinstance(event, dict):
            return ()
        hear = talk.sent if frame.way == "sent" else talk.received
        return hear(event, frame.at, self._last)

    def _call(self, exchange: Exchange) -> Call:
        ctx, around = exchange.place
        who = read(baggage.get_all(ctx), ctx)
        if around is not None:
            who = around.attribution.otherwise(who)
        call = Call(
            self._talk.api, self._provider, who.otherwise(self._defaults), lambda call: None
        )
        call.abandon()  # it is over already
        call.begun_in = ctx
        call.framework = around.framework if around is not None else None
        call.server = self._server
        model = exchange.request.get("model")
        call.model = model if isinstance(model, str) else None
        call.request = exchange.request
        call.chunks = [*exchange.events]
        call.streamed = True
        call.started_ns, call.first_ns = exchange.started_ns, exchange.first_ns
        call.ended_ns = exchange.ended_ns or exchange.started_ns
        call.error = exchange.error
        return call


_LONG = 2_000
_EDGE = 200


def typed(data: str | bytes, noise: frozenset[str]) -> Any:
    """What a message of an API says that gives its messages a ``type``; ``None`` for noise."""
    return None if is_noise(data, noise) else sse.document(data)


def is_noise(data: str | bytes, noise: frozenset[str]) -> bool:
    """Whether a long message is of a type that says nothing, by a look at its edges: decoding
    sound costs more than all the rest."""
    if len(data) < _LONG:
        return False
    head, tail = data[:_EDGE], data[-_EDGE:]
    if isinstance(data, bytes):
        return any(f'"{kind}"'.encode() in edge for kind in noise for edge in (head, tail))
    return any(f'"{kind}"' in edge for kind in noise for edge in (head, tail))

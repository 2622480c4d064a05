"""Whose conversation it is: entity, process and session, carried by OpenTelemetry context and
baggage.

:func:`attribution` sets them for a block or a function; the instrumentation reads them at each
model call with :func:`current`. They travel as baggage entries ``memori.entity.id``,
``memori.process.id`` and ``memori.session.id``, so ``opentelemetry.baggage.set_baggage`` does as
well, and they reach the app's other services where its propagators send baggage, but never an LLM
provider.
"""

from __future__ import annotations

import functools
import inspect
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from opentelemetry import baggage, context

from memori_instrumentation._stepping import astepped, stepped
from memori_instrumentation.config import SettingsError, checked_id

ENTITY = "memori.entity.id"
PROCESS = "memori.process.id"
SESSION = "memori.session.id"
KEYS = (ENTITY, PROCESS, SESSION)
PREFIX = "memori."

CALL = context.create_key("memori-call")
"""Context key of what is under way: an object with its ``attribution``, and with little else, since
contexts may be kept for long."""
_SUPPRESSED = context.create_key("memori-suppressed")

_T = TypeVar("_T", bound=Callable[..., Any])


class AttributionError(SettingsError):
    """An entity, process or session id that cannot be used; the message says why."""


class Attribution(NamedTuple):
    """Who a model call is remembered for. ``None`` where nothing was said."""

    entity: str | None = None
    process: str | None = None
    session: str | None = None

    def otherwise(self, other: Attribution) -> Attribution:
        """This one, and ``other`` where it says nothing."""
        return self if None not in self else Attribution(*map(_first, self, other))


def _first(said: str | None, other: str | None) -> str | None:
    return other if said is None else said


def current(ctx: context.Context | None = None) -> Attribution:
    """The attribution in force, from the baggage of ``ctx`` (default: the current context)."""
    return read(baggage.get_all(ctx), ctx)


def read(entries: Mapping[str, object], ctx: context.Context | None) -> Attribution:
    """The attribution that baggage ``entries`` give; what they leave open, the call under way
    does."""
    holder = context.get_value(CALL, ctx)
    outer: Attribution = _NOBODY if holder is None else holder.attribution  # type: ignore[attr-defined]
    if not entries:
        return outer
    get = entries.get
    return Attribution(
        _text(get(ENTITY)) or outer[0],
        _text(get(PROCESS)) or outer[1],
        _text(get(SESSION)) or outer[2],
    )


_NOBODY = Attribution()


def _text(value: object) -> str | None:
    return str(value) if value is not None and value != "" else None


def new_session() -> str:
    """A fresh, unique session id, for ``attribution(session=new_session())``."""
    return f"session-{uuid.uuid4()}"


class attribution:  # noqa: N801 - reads as a verb at the call site, like contextlib.suppress
    """Attribute the model calls of a block or function; what is left out stays as it was outside.

    As a context manager, sync or async, or as a decorator of functions, coroutine functions and
    (async) generator functions::

        with attribution(entity="user-123", session="chat-7"):
            client.chat.completions.create(...)

        @attribution(process="support-agent")
        async def answer(question): ...

    A decorated generator holds the attribution only while its own body runs, never while its
    consumer does. Threads see it when they are started with a copy of the context
    (``asyncio.to_thread``, ``contextvars.copy_context().run``).

    Args:
        entity: Who is remembered, usually a user id.
        process: The agent or program that talks.
        session: The conversation.

    Raises:
        AttributionError: At once, for an id that is not a string, is blank, or has more than 16,384
            characters.
    """

    __slots__ = ("_changes", "_tokens")

    def __init__(
        self,
        *,
        entity: str | None = None,
        process: str | None = None,
        session: str | None = None,
    ) -> None:
        given = {"entity": entity, "process": process, "session": session}
        try:
            self._changes = {
                key: checked_id(name, value)
                for key, (name, value) in zip(KEYS, given.items(), strict=True)
                if value is not None
            }
        except SettingsError as error:
            raise AttributionError(str(error)) from None
        self._tokens: list[Any] = []

    def _context(self) -> context.Context:
        ctx = context.get_current()
        for key, value in self._changes.items():
            ctx = baggage.set_baggage(key, value, ctx)
        return ctx

    def __enter__(self) -> Attribution:
        self._tokens.append(attach(self._context()))
        return current()

    def __exit__(self, *exc_info: object) -> None:
        detach(self._tokens.pop())

    async def __aenter__(self) -> Attribution:
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        self.__exit__()

    def __call__(self, function: _T) -> _T:
        decorated: _T = _decorated(function, self._context)
        return decorated


@contextmanager
def using(ctx: context.Context) -> Iterator[None]:
    """Run a block in ``ctx``; leaving it is silent wherever it happens (see :func:`detach`)."""
    token = attach(ctx)
    try:
        yield
    finally:
        detach(token)


def attach(ctx: context.Context) -> Any:
    """Make ``ctx`` current; returns the token for :func:`detach`."""
    return context.attach(ctx)


def detach(token: Any) -> None:
    """Undo :func:`attach`, silently if this is no longer the context it was done in.

    A block inside a generator may be left in another task or by the garbage collector. The context
    variable of that place is not ours to restore, and OpenTelemetry would log an error.
    """
    try:
        context._RUNTIME_CONTEXT.detach(token)
    except ValueError:
        # "created in a different Context", contextvars' own check.
        return


def suppressed(ctx: context.Context | None = None) -> bool:
    """Whether calls are not to be captured: our own, and those under OTel's
    ``suppress_instrumentation``."""
    return bool(
        context.get_value(_SUPPRESSED, ctx)
        or context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY, ctx)
    )


def suppressing(ctx: context.Context | None = None) -> context.Context:
    """A context in which model calls are not captured: for our own calls to models."""
    return context.set_value(_SUPPRESSED, True, ctx)


def for_provider(
    ctx: context.Context, entries: Mapping[str, object], holder: object
) -> context.Context:
    """The context that a call to an LLM provider runs in: ``ctx`` less its ``memori.*`` baggage.

    ``holder`` stays known there under :data:`CALL`, which no propagator reads, so that model calls
    made inside the call (an SDK's middleware, a tool runner) keep its attribution.

    Args:
        entries: The baggage of ``ctx``.
        holder: Has the ``attribution`` of the call under way.
    """
    ours = [key for key in entries if key.startswith(PREFIX)]
    if len(ours) == len(entries) > 0:
        ctx = baggage.clear(ctx)
    else:
        for key in ours:
            ctx = baggage.remove_baggage(key, ctx)
    return context.set_value(CALL, holder, ctx)


def _decorated(function: Any, entered: Callable[[], context.Context]) -> Any:
    """``function`` running in the context that ``entered`` gives, in the function's own kind."""
    if inspect.isasyncgenfunction(function):
        return astepped(function, lambda: using(entered()))
    if inspect.isgeneratorfunction(function):
        return stepped(function, lambda: using(entered()))
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with using(entered()):
                return await function(*args, **kwargs)

        return coroutine

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with using(entered()):
            return function(*args, **kwargs)

    return plain

"""Generators run step by step inside a context that their consumer must not see.

A generator that sets a context variable and then yields leaves it set for whoever consumes it. So
whatever is to be in force for a generator is put in force around each step and taken back before
the item is handed on. Items, exceptions thrown in and closing pass through unchanged.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from functools import partial, wraps
from typing import Any

Within = Callable[[], AbstractContextManager[Any]]
"""Gives what is in force during one step."""


def _nothing(_: Any) -> None: ...


def _generator(steps: Any) -> Any:
    return steps if hasattr(steps, "throw") else (step for step in steps)


def _async_generator(steps: Any) -> Any:
    return steps if hasattr(steps, "athrow") else (step async for step in steps)


def stepped(
    function: Callable[..., Generator[Any, Any, Any]],
    within: Within,
    note: Callable[[Any], None] = _nothing,
    end: Callable[[BaseException | None], None] = _nothing,
) -> Callable[..., Generator[Any, Any, Any]]:
    """``function``, a generator function, with each step of its generators inside ``within()``.

    Args:
        function: Called when the generator's first step is asked for. What it gives may be any
            iterable.
        within: Called anew for each step, the last of which closes the generator.
        note: Told each item before the consumer gets it.
        end: Told once, after the generator is closed: ``None`` if it came to its end, else what
            ended it, which is a ``GeneratorExit`` where the consumer gave it up.
    """

    @wraps(function)
    def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        body = _generator(function(*args, **kwargs))
        step: Callable[[], Any] = partial(next, body)
        error: BaseException | None = None
        try:
            while True:
                with within():
                    try:
                        item = step()
                    except StopIteration as stop:
                        return stop.value
                note(item)
                try:
                    step = partial(body.send, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as thrown:
                    step = partial(body.throw, thrown)
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                with within():
                    body.close()
            finally:
                end(error)
                del error  # it holds this frame

    return generator


def astepped(
    function: Callable[..., AsyncGenerator[Any, Any]],
    within: Within,
    note: Callable[[Any], None] = _nothing,
    end: Callable[[BaseException | None], None] = _nothing,
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """:func:`stepped` for asynchronous generator functions."""

    @wraps(function)
    async def generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        body = _async_generator(function(*args, **kwargs))
        step: Callable[[], Any] = body.__anext__
        error: BaseException | None = None
        try:
            while True:
                with within():
                    try:
                        item = await step()
                    except StopAsyncIteration:
                        return
                note(item)
                try:
                    step = partial(body.asend, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as thrown:
                    step = partial(body.athrow, thrown)
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                with within():
                    await body.aclose()
            finally:
                end(error)
                del error

    return generator

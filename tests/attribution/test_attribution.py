"""Attribution: who a call is for, across blocks, functions, generators, tasks and threads."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context

from memori_instrumentation import AttributionError, attribution, new_session
from memori_instrumentation._attribution import Attribution, current

NOBODY = Attribution()


@pytest.fixture(autouse=True)
def _nothing_stays_behind(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test leaves a context attached, and OpenTelemetry has no detach error to log."""
    with caplog.at_level(logging.WARNING):
        yield
    assert [r.getMessage() for r in caplog.records if "detach" in r.getMessage().lower()] == []
    assert current() == NOBODY


def test_nested_blocks_override_in_part() -> None:
    with attribution(entity="a", process="p", session="s"):
        with attribution(session="t"):
            assert current() == ("a", "p", "t")
            with attribution(entity="b"):
                assert current() == ("b", "p", "t")
        assert current() == ("a", "p", "s")


def test_a_block_says_what_is_in_force() -> None:
    with attribution(entity="a"), attribution(process="p") as found:
        assert found == ("a", "p", None)


def test_a_block_may_be_entered_again_and_within_itself() -> None:
    block = attribution(entity="a")
    with block, block:
        assert current().entity == "a"
    with block:
        assert current().entity == "a"


def test_an_exception_leaves_the_block() -> None:
    with pytest.raises(KeyError), attribution(entity="a"):
        raise KeyError
    assert current() == NOBODY


def test_other_baggage_is_left_alone() -> None:
    token = context.attach(baggage.set_baggage("app.tenant", "acme"))
    with attribution(entity="a"):
        assert baggage.get_baggage("app.tenant") == "acme"
        assert baggage.get_baggage("memori.entity.id") == "a"
    assert dict(baggage.get_all()) == {"app.tenant": "acme"}
    context.detach(token)


def test_decorated_functions_keep_their_name_and_result() -> None:
    @attribution(entity="a")
    def asked(number: int) -> tuple[int, str | None]:
        """Documented."""
        return number, current().entity

    assert asked(3) == (3, "a")
    assert (asked.__name__, asked.__doc__) == ("asked", "Documented.")


async def test_decorated_coroutines() -> None:
    @attribution(entity="a")
    async def asked() -> str | None:
        await asyncio.sleep(0)
        return current().entity

    assert asyncio.iscoroutinefunction(asked)
    assert await asked() == "a"


def test_a_decorated_generator_holds_it_only_while_its_body_runs() -> None:
    closed: list[str | None] = []

    @attribution(entity="a")
    def steps() -> Iterator[str | None]:
        try:
            while True:
                yield current().entity
        finally:
            closed.append(current().entity)

    running = steps()
    assert next(running) == "a"
    assert current() == NOBODY
    with attribution(entity="b"):
        assert next(running) == "a"
    running.close()
    assert closed == ["a"]


def test_a_decorated_generator_takes_values_exceptions_and_returns() -> None:
    @attribution(entity="a")
    def echo() -> Iterator[object]:
        got: object = None
        while True:
            try:
                got = yield got
            except KeyError:
                return "done"

    running = echo()
    next(running)
    assert running.send(5) == 5  # type: ignore[attr-defined]
    with pytest.raises(StopIteration) as stop:
        running.throw(KeyError)  # type: ignore[attr-defined]
    assert stop.value.value == "done"


async def test_a_decorated_async_generator() -> None:
    closed: list[str | None] = []

    @attribution(entity="a")
    async def steps() -> AsyncIterator[str | None]:
        try:
            for _ in range(3):
                await asyncio.sleep(0)
                yield current().entity
        finally:
            closed.append(current().entity)

    assert [(entity, current()) async for entity in steps()] == [("a", NOBODY)] * 3
    left = steps()
    assert await anext(left) == "a"
    await left.aclose()  # type: ignore[attr-defined]
    assert closed == ["a", "a"]


async def test_tasks_do_not_see_each_other() -> None:
    async def asked(name: str) -> list[str | None]:
        seen = []
        async with attribution(entity=name):
            for _ in range(5):
                await asyncio.sleep(0)
                seen.append(current().entity)
        return seen

    names = [f"user-{number}" for number in range(20)]
    found = await asyncio.gather(*map(asked, names))
    assert found == [[name] * 5 for name in names]


async def test_a_generator_left_in_another_task_is_silent() -> None:
    """The block is left where its context is not known: no error, nothing restored wrongly."""

    async def steps() -> AsyncIterator[int]:
        with attribution(entity="a"):
            yield 1
            yield 2

    running = steps()
    await asyncio.create_task(anext(running))  # type: ignore[arg-type]
    with attribution(entity="outer"):
        await running.aclose()  # type: ignore[attr-defined]
        assert current().entity == "outer"


async def test_threads_started_with_a_copy_of_the_context() -> None:
    seen: list[str | None] = []
    with attribution(entity="a"):
        assert await asyncio.to_thread(lambda: current().entity) == "a"
        copy = contextvars.copy_context()
        thread = threading.Thread(target=copy.run, args=(lambda: seen.append(current().entity),))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            bare = pool.submit(current).result()
    assert seen == ["a"]
    assert bare == NOBODY


@pytest.mark.parametrize("name", ["entity", "process", "session"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "must not be empty"),
        (" \t", "must not be empty"),
        (7, "must be a string, not int"),
        (b"x", "must be a string, not bytes"),
        ("x" * 16_385, "16385 characters"),
        ("a\x00b", "NUL"),
        ("\ud800", "surrogate"),
    ],
)
def test_ids_that_cannot_be_used(name: str, value: object, said: str) -> None:
    with pytest.raises(AttributionError, match=said) as raised:
        attribution(**{name: value})  # type: ignore[arg-type]
    assert str(raised.value).startswith(name)
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value, ValueError)


USABLE = st.text(min_size=1, max_size=200).filter(
    lambda text: bool(text.strip()) and "\x00" not in text
)


@given(USABLE, USABLE, USABLE)
def test_any_other_text_arrives_as_it_is(entity: str, process: str, session: str) -> None:
    with attribution(entity=entity, process=process, session=session):
        assert current() == (entity, process, session)


def test_the_longest_id_is_accepted() -> None:
    with attribution(entity="é" * 16_384):
        assert current().entity == "é" * 16_384


def test_new_sessions_are_usable_and_differ() -> None:
    found = {new_session() for _ in range(100)}
    assert len(found) == 100
    for session in found:
        with attribution(session=session):
            assert current().session == session

"""One call is one turn: spans that tell of the same call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from foreign_spans import content, span
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import set_span_in_context

from memori_instrumentation import MemoriSpanExporter, MemoriSpanProcessor, attribution
from memori_instrumentation.capture import once
from wire.check import kept

OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Hi.",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "Hello.",
}
AGENT = {"gen_ai.operation.name": "invoke_agent"}
TOOL = {"openinference.span.kind": "TOOL"}


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/m.db"


def turns(database: str, *batches: Sequence[ReadableSpan]) -> set[str]:
    """Ids of the spans that become turns when these batches are exported."""
    exporter = MemoriSpanExporter(database=database, worker=False, entity="ana")
    for batch in batches:
        exporter.export(batch)
    exporter.shutdown()
    return {turn["span_id"] for turn in kept(database, "ana").turns}


def these(*spans: ReadableSpan) -> set[str]:
    """Their ids."""
    return {f"{ids.span_id:016x}" for span in spans if (ids := span.get_span_context())}


@pytest.mark.parametrize("apart", [False, True], ids=["one-batch", "a-batch-each"])
@pytest.mark.parametrize("between", [{}, OPENINFERENCE], ids=["any-span", "a-third-call"])
def test_the_innermost_of_a_stack_is_the_turn(database: str, between: Any, apart: bool) -> None:
    outer = span(content(), scope="outer")
    middle = span(between, above=outer, scope="middle")
    inner = span(content(), above=middle, scope="inner")
    ended = [inner, middle, outer]
    batches = [[one] for one in ended] if apart else [ended]
    assert turns(database, *batches) == these(inner)


def test_without_content_inside_the_outer_one_is_the_turn(database: str) -> None:
    outer = span(content(), scope="outer")
    inner = span({"gen_ai.operation.name": "chat"}, above=outer, scope="inner")
    assert turns(database, [inner, outer]) == these(outer)


def test_a_parent_that_ended_first_is_the_turn(database: str) -> None:
    outer = span(content(), scope="outer")
    between = span({}, above=outer)
    inner = span(content("Hi, again."), above=between, scope="inner")
    assert turns(database, [outer], [between], [inner]) == these(outer)


def test_what_began_after_the_parents_end_is_another_call(database: str) -> None:
    """Some leave the context of a call attached when it is over."""
    outer = span(content(), scope="outer", end=2_000)
    later = span(content("More."), above=outer, scope="outer", start=3_000, end=4_000)
    assert turns(database, [outer, later]) == these(outer, later)


@pytest.mark.parametrize("kind", [AGENT, TOOL], ids=["agent", "tool"])
def test_what_an_agent_or_a_tool_calls_is_another_call(database: str, kind: Any) -> None:
    outer = span(content("Ask the tool."), scope="outer")
    called = span(kind, above=outer)
    inner = span(content("I am the tool."), above=called, scope="inner")
    assert turns(database, [inner, called, outer]) == these(inner, outer)


def test_calls_beside_each_other_are_turns_of_their_own(database: str) -> None:
    agent = span(AGENT)
    calls = [span(content(), above=agent, scope="one") for _ in range(3)]
    assert turns(database, [*calls, agent]) == these(*calls)


def test_two_sources_that_tell_of_each_other_by_a_reply_id(database: str) -> None:
    one = span(content("A", **{"gen_ai.response.id": "r-1"}), scope="one")
    same = span(content("a", **{"gen_ai.response.id": "r-1"}), scope="two")
    other = span(content("A", **{"gen_ai.response.id": "r-2"}), scope="two")
    assert turns(database, [one, same, other]) == these(one, other)


def test_two_sources_that_tell_the_same_words(database: str) -> None:
    pair = [span(content(), scope=scope) for scope in ("one", "two")]
    later = [span(content(), scope=scope, start=9 * 10**9, end=10**10) for scope in ("one", "two")]
    third = span(content(**{"gen_ai.request.model": "another"}), scope="three")
    assert turns(database, [*pair, *later, third]) == these(pair[0], later[0], third)


def test_one_source_that_tells_the_same_words_twice(database: str) -> None:
    """A batch of equal prompts is as many calls, and another source tells of each."""
    calls = [span(content(), scope=scope) for scope in ("one", "one", "two", "two", "one")]
    assert turns(database, calls) == these(*(calls[n] for n in (0, 1, 4)))


def test_a_processor_finds_a_stack_through_open_spans(database: str) -> None:
    provider = TracerProvider()
    processor = MemoriSpanProcessor(database=database, worker=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("stack")
    with attribution(entity="ana"):
        outer = tracer.start_span("outer", attributes=content())
        between = tracer.start_span("http", context=set_span_in_context(outer))
        inner = tracer.start_span(
            "inner", context=set_span_in_context(between), attributes=OPENINFERENCE
        )
        for each in (inner, between, outer):
            each.end()
    processor.shutdown()
    (turn,) = kept(database, "ana").turns
    assert turn["span_id"] == f"{inner.get_span_context().span_id:016x}"


def test_what_is_made_under_suppression_is_no_turn(database: str) -> None:
    """Our own calls of models run so; an instrumentation may make spans all the same."""
    provider = TracerProvider()
    processor = MemoriSpanProcessor(database=database, worker=False)
    provider.add_span_processor(processor)
    with attribution(entity="ana"), suppress_instrumentation():
        provider.get_tracer("x").start_span("chat", attributes=content()).end()
    processor.shutdown()
    assert kept(database, "ana").turns == []


def test_two_processors_on_one_database_store_a_call_once(database: str) -> None:
    provider = TracerProvider()
    processors = [MemoriSpanProcessor(database=database, worker=False) for _ in range(2)]
    for processor in processors:
        provider.add_span_processor(processor)
    with attribution(entity="ana"):
        provider.get_tracer("x").start_span("chat", attributes=content()).end()
    for processor in processors:
        processor.shutdown()
    assert len(kept(database, "ana").turns) == 1


def test_spans_under_one_root_need_no_more_memory_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(once, "_REMEMBERED", 50)
    spans = once.Spans()
    root = (1, 1)
    for number in range(2, 1_000):
        spans.captured(root, (1, number))
        spans.taken((2, number), root, 0, 1, tells=True)
    assert len(spans._above) <= 50
    assert len(spans._below) <= 50
    assert root in spans._above


def test_calls_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from memori_instrumentation._attribution import Attribution
    from memori_instrumentation.capture.foreign import Heard, turn_of

    monkeypatch.setattr(once, "_NAMES", 50)
    calls = once.Calls()
    for number in range(200):
        same = span(content("Same."), start=number * 10**9, end=number * 10**9 + 1)
        other = span(content(f"{number}"), start=number * 10**9, end=number * 10**9 + 1)
        for told in (same, other):
            turn = turn_of(Heard.of_span(told), "memori", Attribution("ana"), "s")
            assert turn is not None
            assert not calls.is_told(turn, "one")
    assert len(calls._known) <= 50
    assert max(map(len, calls._known.values())) <= once._EQUAL


def test_a_span_that_cannot_be_looked_at_hurts_nobody(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Unreadable(dict[str, Any]):
        def get(self, *args: Any) -> Any:
            raise RuntimeError("no")

        __contains__ = __getitem__ = __iter__ = get  # type: ignore[assignment]

    processor = MemoriSpanProcessor(database=database, worker=False)
    told = span(content())
    told._attributes = Unreadable(a=1)  # type: ignore[assignment]
    for _ in range(3):
        processor.on_end(told)
        with attribution(entity="ana"):
            processor.on_start(told)  # type: ignore[arg-type]
    assert processor._runtime.stats.failed == 6
    assert caplog.text.count("could not be looked at") == 1
    processor.shutdown()


def test_content_that_cannot_be_read_hurts_nobody(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    deep = content(**{"gen_ai.input.messages": "[" * 100_000})
    whole = span(content())
    assert turns(database, [span(deep), whole]) == these(whole)
    assert "could not read a span" in caplog.text

"""Several instrumentations at a time around one call, as programs have them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from foreign_sources import HISTORY, SOURCES, kept_by, of_ours, unique
from foreign_spans import content
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from memori_instrumentation import MemoriInstrumentor, MemoriSpanExporter, MemoriSpanProcessor
from wire.check import differences, kept
from wire.memory import ENTITY, Memory
from wire.replies import text
from wire.sdks import SDKS
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

_BY_NAME = {source.name: source for source in SOURCES}
_OPENAI = ("official-openai", "openinference-openai", "openllmetry-openai")
_ANTHROPIC = ("official-anthropic", "openinference-anthropic", "openllmetry-anthropic")
_SLOWLY = pytest.mark.slow
_SETTINGS = {"extractor": "none", "embedder": "none", "worker": False}


@pytest.mark.parametrize("ours", ["none", "first", pytest.param("last", marks=_SLOWLY)])
@pytest.mark.parametrize(
    "streamed", [pytest.param(False, id="whole", marks=_SLOWLY), pytest.param(True, id="streamed")]
)
@pytest.mark.parametrize(
    ("sdk", "names"),
    [("openai-chat", _OPENAI), ("openai-responses", _OPENAI), ("anthropic", _ANTHROPIC)],
    ids=["openai-chat", "openai-responses", "anthropic"],
)
@pytest.mark.parametrize("behind", ["processor", "exporter"])
def test_all_at_once_make_one_turn(
    sdk: str,
    names: tuple[str, ...],
    ours: str,
    streamed: bool,
    behind: str,
    server: WireServer,
    uninstrumented: Memory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = TracerProvider()
    if behind == "processor":
        made: Any = MemoriSpanProcessor(database=uninstrumented.database, **_SETTINGS)
        provider.add_span_processor(made)
    else:
        made = MemoriSpanExporter(database=uninstrumented.database, **_SETTINGS)
        # The exporter knows only of spans what they say: our processor stamps them, or this.
        provider.add_span_processor(MemoriSpanProcessor(database="sqlite://", **_SETTINGS))
        provider.add_span_processor(BatchSpanProcessor(made, max_export_batch_size=1))
    provider.add_span_processor(SimpleSpanProcessor(uninstrumented.exporter))
    server.script(text("In Lisbon.", id=unique()))
    with ExitStack() as stack:
        if ours == "first":
            uninstrumented.instrument(tracer_provider=provider)
        for name in names:
            stack.enter_context(_BY_NAME[name].on(monkeypatch, provider))
        if ours == "last":
            uninstrumented.instrument(tracer_provider=provider)
        way = next(each for each in SDKS if each.name == sdk)
        reply = (way.stream if streamed else way.create)(way.client(server.url, False), HISTORY)
        if streamed:
            assert list(reply)
        found = kept_by(uninstrumented, provider)
        uninstrumented.uninstrument()
    made.shutdown()
    # OpenLLMetry counts the tokens of Anthropic's streams itself.
    lost = {"output tokens"} if sdk == "anthropic" and ours == "none" else set()
    assert [
        each
        for each in differences(server.journal[-1], found)
        if each.partition(":")[0] not in lost
    ] == []
    if ours == "first" and not sdk.startswith("openai"):
        # OpenLLMetry's spans of OpenAI's SDK may stand beside the call, and be over before it.
        assert {turn["span_id"] for turn in found.turns} == of_ours(uninstrumented)


@pytest.mark.parametrize("ours", [False, True], ids=["alone", "beside-ours"])
async def test_pydantic_ais_own_spans(
    ours: bool, server: WireServer, uninstrumented: Memory
) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings, InstrumentedModel
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = TracerProvider()
    processor = MemoriSpanProcessor(database=uninstrumented.database, **_SETTINGS)
    provider.add_span_processor(processor)
    if ours:
        uninstrumented.instrument(tracer_provider=provider)
    access = OpenAIProvider(base_url=f"{server.url}/v1", api_key="x")
    model = InstrumentedModel(
        OpenAIChatModel("gpt-5-mini", provider=access),
        InstrumentationSettings(tracer_provider=provider),
    )
    server.script(text("In Lisbon.", id=unique()))
    await Agent(model, name="guide").run("Where do I live?", conversation_id="c-1")
    found = kept_by(uninstrumented, provider)
    assert differences(server.journal[-1], found) == []
    assert [turn["framework"] for turn in found.turns] == (["pydantic-ai"] if ours else [None])
    processor.shutdown()


def test_a_processor_beside_our_instrumentor_makes_no_second_turn(
    server: WireServer, uninstrumented: Memory
) -> None:
    """Whichever comes first, and for calls of frameworks without an SDK, too."""
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from opentelemetry import trace

    for first in (True, False):
        provider = TracerProvider()
        processor = MemoriSpanProcessor(database=uninstrumented.database, **_SETTINGS)
        if first:
            provider.add_span_processor(processor)
        uninstrumented.instrument(tracer_provider=provider)
        if not first:
            provider.add_span_processor(processor)
        tracer = provider.get_tracer("around")
        answer = f"In Lisbon, {first}."
        with tracer.start_as_current_span("chat", attributes=content("Where?", answer)):
            FakeListChatModel(responses=[answer]).invoke("Where?")
        with tracer.start_as_current_span("chat", attributes=content("Who?", answer)) as told:
            assert trace.get_current_span() is told
        found = kept_by(uninstrumented, provider)
        mine = [turn for turn in found.turns if turn["framework"] == "langchain"]
        assert len(mine) == (1 if first else 2)
        assert len(found.turns) == 2 * len(mine)
        MemoriInstrumentor().uninstrument()
        processor.shutdown()
    assert len(kept(uninstrumented.database, ENTITY).turns) == 4

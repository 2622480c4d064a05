"""Every instrumentation over every SDK that it knows: one turn, whether we capture the call or
not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from foreign_sources import HISTORY, SOURCES, Source, kept_by, of_ours, unique
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from memori_instrumentation import MemoriSpanProcessor
from wire.check import differences
from wire.memory import Memory
from wire.replies import Answer, Choice, ToolCall, text
from wire.sdks import SDKS, Sdk, each, entered, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

_BY_NAME = {sdk.name: sdk for sdk in SDKS}
_CELLS = [(source, _BY_NAME[name]) for source in SOURCES for name in source.sdks]


@pytest.fixture(params=_CELLS, ids=lambda cell: f"{cell[0].name}-{cell[1].name}")
def cell(request: pytest.FixtureRequest) -> tuple[Source, Sdk]:
    found: tuple[Source, Sdk] = request.param
    return found


@pytest.fixture
def provider(cell: tuple[Source, Sdk], monkeypatch: pytest.MonkeyPatch) -> Any:
    return cell[0].provider(monkeypatch)


@pytest.fixture(params=[False, True], ids=["alone", "beside-ours"])
def ours(
    request: pytest.FixtureRequest,
    cell: tuple[Source, Sdk],
    provider: Any,
    uninstrumented: Memory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[bool]:
    """Whether our instrumentor is active, too, and sees the call; the test fails if ours warns of
    anything."""
    settings = {"extractor": "none", "embedder": "none", "worker": False}
    processor = MemoriSpanProcessor(database=uninstrumented.database, **settings)
    provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(uninstrumented.exporter))
    if request.param:
        uninstrumented.instrument(tracer_provider=provider)
    with caplog.at_level(logging.WARNING), cell[0].on(monkeypatch, provider):
        yield request.param and not cell[0].suppresses
        said = [r.getMessage() for r in caplog.records if r.name.startswith("memori")]
    processor.shutdown()
    assert said == []


async def ask(
    cell: tuple[Source, Sdk], provider: Any, server: WireServer, mode: str, asynchronous: bool
) -> None:
    """Make a call, to its end."""
    source, sdk = cell
    client = source.client(sdk.client(server.url, asynchronous), provider)
    reply = getattr(sdk, mode)(client, HISTORY)
    if mode == "helper":
        async with entered(reply) as stream:
            assert [event async for event in each(stream)]
        return
    reply = await resolve(reply)
    if mode == "stream":
        # By what was asked for: what instrumentations put around streams claims to be both.
        assert [event async for event in reply] if asynchronous else list(reply)


_SLOWLY = pytest.mark.slow
"""For what differs least from its neighbours: the fast run has its time."""


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "asynchronous",
    [pytest.param(False, id="sync"), pytest.param(True, id="async", marks=_SLOWLY)],
)
async def test_one_call_is_one_turn(
    cell: tuple[Source, Sdk],
    provider: Any,
    ours: bool,
    streamed: bool,
    asynchronous: bool,
    server: WireServer,
    uninstrumented: Memory,
) -> None:
    source, sdk = cell
    server.script(text("In Lisbon.", id=unique()))
    mode = source.stream if streamed else "create"
    await ask(cell, provider, server, mode, asynchronous)
    found = kept_by(uninstrumented, provider)
    lost = source.lost_in_streams if streamed and not ours else frozenset()
    assert [
        difference
        for difference in differences(server.journal[-1], found)
        if difference.partition(":")[0] not in lost
    ] == []
    (turn,) = found.turns
    assert (turn["session"], turn["provider"]) == ("s", sdk.provider)
    assert of_ours(uninstrumented) == ({turn["span_id"]} if ours else set())


@pytest.mark.parametrize(
    "streamed",
    [pytest.param(False, id="whole", marks=_SLOWLY), pytest.param(True, id="streamed")],
)
async def test_tool_calls(
    cell: tuple[Source, Sdk],
    provider: Any,
    ours: bool,
    streamed: bool,
    server: WireServer,
    uninstrumented: Memory,
) -> None:
    call = ToolCall("look", {"where": "é"})
    server.script(Answer(choices=(Choice(text="Wait.", tool_calls=(call,)),), id=unique()))
    mode = cell[0].stream if streamed else "create"
    await ask(cell, provider, server, mode, False)
    found = kept_by(uninstrumented, provider)
    assert len(found.turns) == 1
    parts = [part for row in found.messages for part in row["parts"]]
    texts = [part["content"] for part in parts if part["type"] == "text"]
    calls = [part for part in parts if part["type"] == "tool_call"]
    assert "Wait." in texts
    if not cell[0].tools:
        return
    assert [part["name"] for part in calls] == ["look"]
    assert [part["arguments"] for part in calls] == [{"where": "é"}]


async def test_a_failed_call_is_one_turn(
    cell: tuple[Source, Sdk],
    provider: Any,
    ours: bool,
    server: WireServer,
    uninstrumented: Memory,
) -> None:
    server.script(Answer(status=400, error="no such thing"))
    with pytest.raises(cell[1].status_error, match="no such thing"):
        await ask(cell, provider, server, "create", False)
    found = kept_by(uninstrumented, provider)
    assert [turn["status"] for turn in found.turns] == ["error"]
    assert found.turns[0]["error_type"]
    assert [row["text"] for row in found.messages][-1] == "Where do I live?"

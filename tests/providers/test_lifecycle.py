"""Switching on and off: objects made before, imports before and after, everything put back."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memori_instrumentation import MemoriInstrumentor
from wire.memory import ENTITY, Memory, assert_remembered
from wire.sdks import HELLO, SDKS, Sdk, each, entered, resolve
from wire.server import WireServer

pytestmark = pytest.mark.usefixtures("user")

CLASSES: tuple[tuple[str, str], ...] = (
    ("openai._base_client", "SyncAPIClient"),
    ("openai._base_client", "AsyncAPIClient"),
    ("anthropic._base_client", "SyncAPIClient"),
    ("anthropic._base_client", "AsyncAPIClient"),
    ("google.genai._api_client", "BaseApiClient"),
    ("google.genai.models", "Models"),
    ("google.genai.models", "AsyncModels"),
    ("openai", "Stream"),
    ("openai", "AsyncStream"),
    ("anthropic", "Stream"),
    ("anthropic", "AsyncStream"),
    ("openai.resources.chat.completions", "Completions"),
    ("openai.resources.chat.completions", "AsyncCompletions"),
    ("anthropic.resources.messages", "Messages"),
    ("botocore.client", "BaseClient"),
    ("botocore.eventstream", "EventStream"),
    ("botocore.response", "StreamingBody"),
    ("aiobotocore.client", "AioBaseClient"),
    ("opentelemetry.baggage.propagation", "W3CBaggagePropagator"),
)
if any(sdk.name == "xai" for sdk in SDKS):
    CLASSES += (
        ("xai_sdk.chat", "BaseChat"),
        ("xai_sdk.chat", "Response"),
        ("xai_sdk.sync.chat", "Chat"),
        ("xai_sdk.aio.chat", "Chat"),
    )


def attributes() -> dict[str, Any]:
    """Every attribute of the SDKs' classes, to be compared by identity."""
    found = {}
    for module, name in CLASSES:
        owner = getattr(importlib.import_module(module), name)
        found |= {f"{module}.{name}.{key}": value for key, value in vars(owner).items()}
    return found


@pytest.mark.mode("uninstrument")
async def test_clients_made_before_are_captured_and_released(
    sdk: Sdk, asynchronous: bool, server: WireServer, uninstrumented: Memory
) -> None:
    client = sdk.client(server.url, asynchronous)
    await resolve(sdk.create(client))
    uninstrumented.instrument()
    await resolve(sdk.create(client))
    found = assert_remembered(uninstrumented, sdk, server)
    uninstrumented.uninstrument()
    await resolve(sdk.create(client))
    assert len(server.journal) == 3
    assert uninstrumented.kept().turns == found.turns


async def test_wrappers_bound_before_are_captured_and_released(
    stainless: Sdk, asynchronous: bool, server: WireServer, uninstrumented: Memory
) -> None:
    assert stainless.resource is not None
    assert stainless.arguments is not None
    resource = stainless.resource(stainless.client(server.url, asynchronous))
    raw, streaming = resource.with_raw_response, resource.with_streaming_response
    uninstrumented.instrument()
    # Bound while instrumented: what it caches must pass through afterwards.
    late = stainless.resource(stainless.client(server.url, asynchronous)).with_raw_response
    given = stainless.arguments(HELLO)

    async def call_all() -> None:
        await resolve(raw.create(**given))
        await resolve(late.create(**given))
        async with entered(streaming.create(**given)) as response:
            await resolve(response.read())

    await call_all()
    assert len(uninstrumented.kept().turns) == 3
    uninstrumented.uninstrument()
    await call_all()
    assert len(server.journal) == 6
    uninstrumented.instrument()
    assert len(uninstrumented.kept().turns) == 3


def test_uninstrument_puts_every_function_back(uninstrumented: Memory) -> None:
    before = attributes()
    uninstrumented.instrument()
    assert any(before[name] is not value for name, value in attributes().items())
    uninstrumented.uninstrument()
    after = attributes()
    assert after.keys() == before.keys()
    assert [name for name, value in after.items() if before[name] is not value] == []


async def test_a_stream_open_while_switching_off_still_reads(
    sdk: Sdk, asynchronous: bool, server: WireServer, uninstrumented: Memory
) -> None:
    uninstrumented.instrument()
    client = sdk.client(server.url, asynchronous)
    stream = await resolve(sdk.stream(client))
    uninstrumented.uninstrument()
    assert [event async for event in each(stream)]


async def test_on_off_on(server: WireServer, uninstrumented: Memory) -> None:
    sdk = SDKS[0]
    client = sdk.client(server.url, False)
    for _ in range(3):
        uninstrumented.instrument()
        sdk.create(client)
        uninstrumented.uninstrument()
        sdk.create(client)
    uninstrumented.instrument()
    assert len(uninstrumented.kept().turns) == 3


def test_instrument_twice_captures_once(
    server: WireServer, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    MemoriInstrumentor().instrument(database=memory.database)
    lines = [r.getMessage() for r in caplog.records if "instrumented" in r.getMessage()]
    assert len(lines) == 1
    sdk = SDKS[0]
    sdk.create(sdk.client(server.url, False))
    assert_remembered(memory, sdk, server)


PROGRAM = """
import sys
from pathlib import Path
from memori_instrumentation import MemoriInstrumentor, attribution
order, database, url = sys.argv[1:]
if order == "sdk-first":
    import openai
instrumentor = MemoriInstrumentor()
instrumentor.instrument(database=database, extractor="none", embedder="none", worker=False)
assert order == "sdk-first" or "openai" not in sys.modules, "instrument() imported an SDK"
import openai
client = openai.OpenAI(base_url=url + "/v1", api_key="k")
with attribution(entity="user-1"):
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
"""


@pytest.mark.parametrize("order", ["sdk-first", "memori-first"])
def test_import_order_and_flush_at_exit(
    order: str, server: WireServer, uninstrumented: Memory, tmp_path: Path
) -> None:
    """Either order works, and a program that just ends has stored what it captured."""
    program = [sys.executable, "-c", PROGRAM, order, uninstrumented.database, server.url]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = uninstrumented.kept(ENTITY)
    assert [row["text"] for row in found.messages] == ["Hi", "You said: Hi"]

"""A memory under test: instrumented, over a database of its own, with its spans in memory."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from memori_instrumentation import attribution
from wire.memory import ENTITY, Memory
from wire.server import WireServer


@pytest.fixture(scope="session", autouse=True)
def small_heap() -> Iterator[None]:
    """Keep what is imported out of the garbage collector's way: some tests run it many times."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def wire_server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running


@pytest.fixture
def server(wire_server: WireServer) -> Iterator[WireServer]:
    yield wire_server
    wire_server.clear()


@pytest.fixture
def uninstrumented(tmp_path: Path) -> Iterator[Memory]:
    """A memory not switched on yet."""
    memory = Memory(tmp_path)
    yield memory
    memory.uninstrument()


@pytest.fixture
def memory(uninstrumented: Memory, caplog: pytest.LogCaptureFixture) -> Iterator[Memory]:
    """A memory switched on; the test fails if it warns of anything."""
    uninstrumented.instrument()
    with caplog.at_level(logging.WARNING):
        yield uninstrumented
        ours = [r.getMessage() for r in caplog.records if r.name.startswith("memori")]
    assert ours == []


@pytest.fixture
def user() -> Iterator[None]:
    """The block the test's calls are attributed in."""
    with attribution(entity=ENTITY, session="s"):
        yield

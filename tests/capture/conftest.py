"""A loopback model server for the tests of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wire.server import WireServer


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running

"""A memory under test, over every SDK."""

from __future__ import annotations

import pytest

from wire.fixtures import memory, server, small_heap, uninstrumented, user, wire_server
from wire.sdks import SDKS, STAINLESS, Sdk

__all__ = ["memory", "server", "small_heap", "uninstrumented", "user", "wire_server"]


@pytest.fixture(params=SDKS, ids=lambda sdk: sdk.name)
def sdk(request: pytest.FixtureRequest) -> Sdk:
    found: Sdk = request.param
    return found


@pytest.fixture(params=STAINLESS, ids=lambda sdk: sdk.name)
def stainless(request: pytest.FixtureRequest) -> Sdk:
    found: Sdk = request.param
    return found


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)

"""A memory under test, over every SDK."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from wire.fixtures import memory, server, small_heap, uninstrumented, user, wire_server
from wire.sdks import SDKS, STAINLESS, Sdk

__all__ = ["memory", "server", "small_heap", "uninstrumented", "user", "wire_server"]


VARIANTS = {"anthropic-beta", "google-chats"}
"""Other doors of an SDK into the same transport and wire format: theirs is the slow run."""


def _cells(sdks: Iterable[Sdk]) -> list[object]:
    return [
        pytest.param(sdk, id=sdk.name, marks=[pytest.mark.slow] if sdk.name in VARIANTS else [])
        for sdk in sdks
    ]


@pytest.fixture(params=_cells(SDKS))
def sdk(request: pytest.FixtureRequest) -> Sdk:
    found: Sdk = request.param
    return found


@pytest.fixture(params=_cells(STAINLESS))
def stainless(request: pytest.FixtureRequest) -> Sdk:
    found: Sdk = request.param
    return found


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)

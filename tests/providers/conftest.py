"""A memory under test, over every SDK."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from wire.fixtures import memory, server, small_heap, uninstrumented, user, wire_server
from wire.modes import offered
from wire.rows import ROWS
from wire.sdks import SDKS, STAINLESS, Sdk

__all__ = ["memory", "server", "small_heap", "uninstrumented", "user", "wire_server"]


VARIANTS = {"anthropic-beta", "google-chats", "bedrock-anthropic"}
"""Other doors of an SDK into the same transport and wire format: theirs is the slow run."""


def _cells(sdks: Iterable[Sdk]) -> list[Any]:
    return [pytest.param(sdk, id=sdk.name, marks=_marks(sdk)) for sdk in sdks]


def _marks(sdk: Sdk) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if sdk.framework or sdk.name in VARIANTS else []


_OVER: dict[str, list[Any]] = {
    "sdk": _cells(SDKS),
    "stainless": _cells(STAINLESS),
    "asynchronous": [pytest.param(False, id="sync"), pytest.param(True, id="async")],
}
"""What each argument of this name runs over, unless a test says otherwise."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a mode runs over whatever offers the mode, frameworks too."""
    mode = metafunc.definition.get_closest_marker("mode")
    if mode is not None:
        cells = [
            pytest.param(sdk, side == "async", id=f"{sdk.name}-{side}", marks=_marks(sdk))
            for sdk, side in offered(ROWS, *mode.args)
        ]
        metafunc.parametrize(("sdk", "asynchronous"), cells)
        return
    own = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    for name, cells in _OVER.items():
        if name in metafunc.fixturenames and name not in own:
            metafunc.parametrize(name, cells)

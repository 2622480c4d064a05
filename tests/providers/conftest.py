"""A memory under test, over every SDK."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from wire.fixtures import memory, server, small_heap, uninstrumented, user, wire_server
from wire.modes import ONLY_ASYNC, SIDES, offered
from wire.rows import ROWS
from wire.sdks import SDKS, STAINLESS, Sdk

__all__ = ["memory", "server", "small_heap", "uninstrumented", "user", "wire_server"]


VARIANTS = {"anthropic-beta", "bedrock-anthropic", "bedrock-invoke", "google-chats"}
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
    """A test of a mode runs over whatever offers the mode, frameworks too; in a module that has
    ``CELLS`` of its own, pairs of an SDK and whether it is asynchronous, over those."""
    mode = metafunc.definition.get_closest_marker("mode")
    own = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    given: list[tuple[Sdk, bool]] | None = getattr(metafunc.module, "CELLS", None)
    asked = next((name for name in ("sdk", "stainless") if name in metafunc.fixturenames), None)
    if given is not None and asked is not None:
        always = mode is not None and mode.args[0] in ONLY_ASYNC
        cells = [
            pytest.param(sdk, is_async, id=f"{sdk.name}-{SIDES[is_async]}")
            for sdk, is_async in given
            if is_async or not always
        ]
        metafunc.parametrize((asked, "asynchronous"), cells)
        return
    if mode is not None:
        cells = [
            pytest.param(sdk, side == "async", id=f"{sdk.name}-{side}", marks=_marks(sdk))
            for sdk, side in offered(ROWS, *mode.args)
        ]
        metafunc.parametrize(("sdk", "asynchronous"), cells)
        return
    for name, cells in _OVER.items():
        if name in metafunc.fixturenames and name not in own:
            metafunc.parametrize(name, cells)

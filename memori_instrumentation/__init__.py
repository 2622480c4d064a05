"""Memory for LLM apps, as OpenTelemetry instrumentation.

::

    from memori_instrumentation import MemoriInstrumentor, RecallClient, attribution

    MemoriInstrumentor().instrument(database="sqlite:///memori.db")
    with attribution(entity="user-123", session="chat-7"):
        ...  # any calls to OpenAI, Anthropic, Google
    RecallClient().recall("where does she live?", entity="user-123")

Names are loaded when first used: importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from memori_instrumentation._version import __version__

if TYPE_CHECKING:
    from memori_instrumentation._attribution import (
        Attribution,
        AttributionError,
        attribution,
        new_session,
    )
    from memori_instrumentation.client import RecallClient
    from memori_instrumentation.config import Settings, SettingsError
    from memori_instrumentation.instrumentor import MemoriInstrumentor
    from memori_instrumentation.pipelines import MemoriSpanExporter, MemoriSpanProcessor
    from memori_instrumentation.recall.block import context_block
    from memori_instrumentation.recall.memory import Memory, RecallError

_HOMES = {
    "Attribution": "_attribution",
    "AttributionError": "_attribution",
    "attribution": "_attribution",
    "new_session": "_attribution",
    "MemoriSpanExporter": "pipelines",
    "MemoriSpanProcessor": "pipelines",
    "Settings": "config",
    "SettingsError": "config",
    "MemoriInstrumentor": "instrumentor",
    "context_block": "recall.block",
    "Memory": "recall.memory",
    "RecallClient": "client",
    "RecallError": "recall.memory",
}

__all__ = [
    "Attribution",
    "AttributionError",
    "MemoriInstrumentor",
    "MemoriSpanExporter",
    "MemoriSpanProcessor",
    "Memory",
    "RecallClient",
    "RecallError",
    "Settings",
    "SettingsError",
    "__version__",
    "attribution",
    "context_block",
    "new_session",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))

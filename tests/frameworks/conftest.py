"""A memory under test, over frameworks."""

from __future__ import annotations

import os
from importlib.util import find_spec

from wire.fixtures import memory, server, small_heap, uninstrumented, user, wire_server

__all__ = ["memory", "server", "small_heap", "uninstrumented", "user", "wire_server"]

FRAMEWORKS = (
    "langchain",
    "langchain_anthropic",
    "langchain_openai",
    "langchain_xai",
    "pydantic_ai",
    "litellm",
    "agno",
)
_missing = [name for name in FRAMEWORKS if find_spec(name) is None]

if _missing and not os.environ.get("MEMORI_TEST_NO_SKIPS"):
    # An environment made for something else; the ``dev`` extra has them all.
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header() -> str | None:
    return f"tests/frameworks are left out, without {', '.join(_missing)}" if _missing else None

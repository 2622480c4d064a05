"""Providers: for each SDK where its traffic passes and how it reads. See CONTRIBUTING.md to add
one."""

from __future__ import annotations

import importlib

from memori_instrumentation.providers._patching import Patcher

_PROVIDERS = (
    "openai",
    "anthropic",
    "google",
    "xai",
    "bedrock",
    "langchain",
    "pydantic_ai",
    "litellm",
    "agno",
)


def build_all() -> list[Patcher]:
    """The patches of every supported SDK, not yet applied. Imports none of them."""
    return [importlib.import_module(f"{__name__}.{provider}").build() for provider in _PROVIDERS]

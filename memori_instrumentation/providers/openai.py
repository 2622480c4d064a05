"""OpenAI's SDK: chat completions and the Responses API."""

from __future__ import annotations

from typing import Any

from memori_instrumentation.providers import _openai_chat, _openai_responses
from memori_instrumentation.providers._patching import Patcher
from memori_instrumentation.providers._stainless import patcher

APIS = (_openai_chat.API, _openai_responses.API)


def provider(client: Any) -> str:
    return "openai"


def build() -> Patcher:
    """The patches of the ``openai`` package."""
    return patcher("openai._base_client", "request", APIS, provider)

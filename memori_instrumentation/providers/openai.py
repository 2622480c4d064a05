"""OpenAI's SDK: its conversations, with OpenAI and with those who speak as it does."""

from __future__ import annotations

from typing import Any

from memori_instrumentation.platforms import provider_at
from memori_instrumentation.providers import _openai_chat, _openai_completions, _openai_responses
from memori_instrumentation.providers._openai_connections import connections
from memori_instrumentation.providers._patching import Patcher
from memori_instrumentation.providers._stainless import patcher

# In this order: chat's path ends like that of the completions before it.
APIS = (_openai_chat.API, _openai_completions.API, *_openai_responses.APIS)


def provider(client: Any) -> str:
    from openai.lib.azure import BaseAzureClient

    if isinstance(client, BaseAzureClient):  # also behind a gateway of the company's own
        return "azure.ai.openai"
    runtime = getattr(client, "_provider_runtime", None)
    if runtime is not None and runtime.name == "bedrock":
        return "aws.bedrock"
    return provider_at(client._base_url.host, "openai")


def build() -> Patcher:
    """The patches of the ``openai`` package."""
    return patcher("openai._base_client", "request", APIS, provider, more=connections(provider))

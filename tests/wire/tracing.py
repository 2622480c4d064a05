"""Other instrumentations: those of the requests underneath an SDK."""

from __future__ import annotations

from typing import Any

import pytest

from wire.clients import http_library
from wire.sdk import Sdk


def wire_instrumentor(sdk: Sdk, asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What traces the requests of an SDK underneath it, not switched on yet."""
    if sdk.provider == "x_ai":
        from opentelemetry.instrumentation import grpc

        return grpc.GrpcAioInstrumentorClient() if asynchronous else grpc.GrpcInstrumentorClient()
    if sdk.name in ("bedrock-converse", "bedrock-invoke"):
        from opentelemetry.instrumentation import aiohttp_client, urllib3

        made: Any = aiohttp_client.AioHttpClientInstrumentor if asynchronous else None
        return (made or urllib3.URLLib3Instrumentor)()
    from opentelemetry.instrumentation import httpx

    # Google's SDK takes aiohttp where another SDK has brought it.
    monkeypatch.setattr("google.genai._api_client.has_aiohttp", False, raising=False)
    # LiteLLM gives clients of its own to OpenAI's.
    if sdk.framework == "litellm" or _library(sdk).__name__ == "httpx":
        return httpx.HTTPXClientInstrumentor()
    return httpx.HTTPX2ClientInstrumentor()


def _library(sdk: Sdk) -> Any:
    """What a row's requests are made with."""
    made_by = {"aws.bedrock": "anthropic", "gcp.gemini": "google"}
    return http_library(made_by.get(sdk.provider, sdk.provider))

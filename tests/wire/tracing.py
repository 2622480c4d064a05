"""Other instrumentations: those of the requests underneath an SDK."""

from __future__ import annotations

from typing import Any

import pytest
from google import genai

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
    # The SDKs of today use httpx2; the second major of Google's does not, nor does LiteLLM, which
    # gives clients of its own to OpenAI's.
    old = sdk.provider == "gcp.gemini" and genai.__version__.startswith("2.")
    if old or sdk.framework == "litellm":
        return httpx.HTTPXClientInstrumentor()
    return httpx.HTTPX2ClientInstrumentor()

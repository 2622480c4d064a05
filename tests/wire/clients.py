"""The providers' real clients, pointed at a server."""

from __future__ import annotations

from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anthropic
import openai
from google import genai
from google.genai import types

if TYPE_CHECKING:
    from wire.server import WireServer

OPENAI_MODEL = "gpt-5-mini"
ANTHROPIC_MODEL = "claude-sonnet-5"
GOOGLE_MODEL = "gemini-3-flash"

_HTTPX2_SINCE = {
    "openai": (openai.__version__, 3),
    "anthropic": (anthropic.__version__, 1),
    "google": (genai.__version__, 3),
}


def http_library(sdk: str) -> Any:
    """The module that an SDK makes its requests with: ``httpx2``, or ``httpx`` in older majors."""
    version, since = _HTTPX2_SINCE[sdk.partition("-")[0]]
    return import_module("httpx2" if int(version.partition(".")[0]) >= since else "httpx")


def redirecting(sdk: str, server: WireServer, asynchronous: bool) -> Any:
    """An HTTP client for an SDK whose every request reaches the loopback server, whatever its
    URL."""
    http = http_library(sdk)

    def redirect(request: Any) -> Any:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=server.port)
        return request

    class Redirect(http.HTTPTransport):
        def handle_request(self, request: Any) -> Any:
            return super().handle_request(redirect(request))

    class AsyncRedirect(http.AsyncHTTPTransport):
        async def handle_async_request(self, request: Any) -> Any:
            return await super().handle_async_request(redirect(request))

    if asynchronous:
        return http.AsyncClient(transport=AsyncRedirect())
    return http.Client(transport=Redirect())


def openai_client(url: str, **options: Any) -> openai.OpenAI:
    """An OpenAI client; ``options`` go to its constructor, which gets no retries otherwise."""
    return openai.OpenAI(**_openai(url, options))


def async_openai_client(url: str, **options: Any) -> openai.AsyncOpenAI:
    """The asynchronous :func:`openai_client`."""
    return openai.AsyncOpenAI(**_openai(url, options))


def _openai(url: str, options: dict[str, Any]) -> dict[str, Any]:
    return {"base_url": f"{url}/v1", "api_key": "sk-wire", "max_retries": 0, **options}


def anthropic_client(url: str, **options: Any) -> anthropic.Anthropic:
    """An Anthropic client; ``options`` as for :func:`openai_client`."""
    return anthropic.Anthropic(**_anthropic(url, options))


def async_anthropic_client(url: str, **options: Any) -> anthropic.AsyncAnthropic:
    """The asynchronous :func:`anthropic_client`."""
    return anthropic.AsyncAnthropic(**_anthropic(url, options))


def _anthropic(url: str, options: dict[str, Any]) -> dict[str, Any]:
    return {"base_url": url, "api_key": "sk-wire", "max_retries": 0, **options}


_in_use: deque[genai.Client] = deque(maxlen=8)
"""Google's clients close themselves when collected, also while a call of theirs is under way."""


def google_client(url: str, *, retries: int = 0, **options: Any) -> genai.Client:
    """A Google client, sync and ``.aio``; ``retries`` after the first attempt. ``options`` go to
    its constructor."""
    retry = types.HttpRetryOptions(attempts=retries + 1, initial_delay=0.01)
    http = types.HttpOptions(base_url=url, retry_options=retry)
    client = genai.Client(api_key="wire", http_options=http, **options)
    _in_use.append(client)
    return client

"""xAI's SDK and its way to ask a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import xai_sdk
from xai_sdk.chat import Response, assistant, system, user

MODEL = "grok-5"
_ROLES: dict[str, Callable[..., Any]] = {
    "user": user,
    "assistant": assistant,
    "system": system,
}


def client(url: str, asynchronous: bool, *, retries: int = 0, **options: Any) -> Any:
    """An xAI client of the wire server at ``url``; ``retries`` after the first attempt."""
    retrying = {
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": max(retries + 1, 2),
            "initialBackoff": "0.01s",
            "maxBackoff": "0.01s",
            "backoffMultiplier": 1,
            "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
        },
    }
    make = xai_sdk.AsyncClient if asynchronous else xai_sdk.Client
    return make(
        api_key="wire",
        api_host=urlsplit(url).netloc,
        use_insecure_channel=True,
        channel_options=[
            ("grpc.enable_retries", int(bool(retries))),
            ("grpc.service_config", json.dumps({"methodConfig": [retrying]})),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", 0),
        ],
        **options,
    )


def messages(history: Sequence[tuple[str, str]]) -> list[Any]:
    """A neutral history as the SDK's messages."""
    return [_ROLES[role](text) for role, text in history]


def chat(client: Any, history: Sequence[tuple[str, str]], **more: Any) -> Any:
    """A chat about to ask what ``history`` ends with; ``more`` goes to ``chat.create``."""
    return client.chat.create(**{"model": MODEL, "messages": messages(history), **more})


def positional(client: Any) -> Any:
    """Says ``Hi`` with as little as the SDK takes."""
    return client.chat.create(MODEL, messages=[user("Hi")]).sample()


def text(reply: Any) -> str:
    """What a result of ``sample`` or ``parse`` says."""
    response: Response = reply[0] if isinstance(reply, tuple) else reply
    return response.content

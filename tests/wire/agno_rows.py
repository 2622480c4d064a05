"""Agno over the real SDKs: single requests, as its agents make them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from agno.exceptions import ModelProviderError
from agno.media import Image
from agno.models.base import Model
from agno.models.message import Message

from frameworks.agno_models import MODELS, Asked
from wire.content import CALL, FUNCTION, PICTURE, QUESTION, RESULT
from wire.sdk import HELLO, History, Place, Sdk


class _Asked(NamedTuple):
    """A model, and which of its two sides is asked."""

    model: Model
    asynchronous: bool


def _client(over: Asked) -> Callable[..., _Asked]:
    def client(url: str, asynchronous: bool, *, retries: int = 0) -> _Asked:
        return _Asked(over.make(url, retries=retries), asynchronous)

    return client


def _asking(method: str) -> Callable[..., Any]:
    def call(
        client: _Asked,
        history: History = HELLO,
        messages: list[Message] | None = None,
        **more: Any,
    ) -> Any:
        given = messages or [Message(role=role, content=text) for role, text in history]
        ask = getattr(client.model, f"a{method}" if client.asynchronous else method)
        return ask(given, Message(role="assistant"), **more)

    return call


def _parse(client: _Asked) -> Any:
    return _asking("invoke")(client, response_format=Place)


def _picture() -> dict[str, Any]:
    image = Image(content=PICTURE, mime_type="image/png", format="png")
    return {"messages": [Message(role="user", content="Look", images=[image])]}


def _tool_round(**more: Any) -> dict[str, Any]:
    call = {"id": CALL.id, "type": "function", "function": FUNCTION, **more}
    return {
        "messages": [
            Message(role="user", content=QUESTION),
            Message(role="assistant", tool_calls=[call]),
            Message(role="tool", tool_call_id=CALL.id, content=RESULT, tool_name=CALL.name),
        ]
    }


_CALL_MORE = {"openai-responses": {"id": "fc_0", "call_id": CALL.id}}
"""What else Agno notes of a tool call, by SDK."""
_LACKS = {
    "anthropic": {"picture": "Agno sends pictures of known formats only to Anthropic"},
    "google": {
        "tools": "Agno sends a call back to Google without its id",
        **dict.fromkeys(
            ("http-400/async", "http-500/async"), "Agno does not tell what Google's error says"
        ),
    },
}
"""What only some of the SDKs get from Agno."""


def _row(over: Asked) -> Sdk:
    return Sdk(
        name=f"agno over {over.sdk.name}",
        provider=over.sdk.provider,
        operation=over.sdk.operation,
        model=over.sdk.model,
        client=_client(over),
        create=_asking("invoke"),
        stream=_asking("invoke_stream"),
        text=lambda reply: str(reply.content),
        status_error=ModelProviderError,
        parse=_parse,
        positional=lambda client: _asking("invoke")(client, (("user", "Hi"),)),
        picture=_picture,
        tool_round=partial(_tool_round, **_CALL_MORE.get(over.sdk.name, {})),
        framework="agno",
        lacks={
            **dict.fromkeys(("raw-parsed", "raw", "bytes"), "Agno gives messages only"),
            "unset": "Agno knows no such arguments",
            "choices": "Agno asks for one answer",
            **_LACKS.get(over.sdk.name, {}),
        },
    )


ROWS = [_row(over) for over in MODELS]

"""LiteLLM over OpenAI's SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import openai

from wire import clients, content
from wire.sdk import HELLO, History, Place, Sdk


class _Client(NamedTuple):
    """Where LiteLLM's functions are to ask, and which of them."""

    url: str
    asynchronous: bool
    retries: int


def _client(url: str, asynchronous: bool, *, retries: int = 0) -> _Client:
    return _Client(url, asynchronous, retries)


def _ask(client: _Client, *args: Any, **more: Any) -> Any:
    import litellm  # takes too long for those who only look what there is

    where = {"api_base": f"{client.url}/v1", "api_key": "sk-wire", "max_retries": client.retries}
    ask = litellm.acompletion if client.asynchronous else litellm.completion
    return ask(*args, **where, **more)


def _create(client: _Client, history: History = HELLO, **more: Any) -> Any:
    said = [{"role": role, "content": text} for role, text in history]
    return _ask(client, **{"model": _MODEL, "messages": said, **more})


class _Sync:
    """A stream to be read synchronously: LiteLLM's could be read both ways, to its misfortune."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.close = stream.close

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._stream)


def _stream(client: _Client, history: History = HELLO, **more: Any) -> Any:
    stream = _create(client, history, stream=True, **more)
    return stream if client.asynchronous else _Sync(stream)


def _parse(client: _Client) -> Any:
    return _create(client, response_format=Place)


def _text(reply: Any) -> str:
    return str(reply.choices[0].message.content)


_MODEL = f"openai/{clients.OPENAI_MODEL}"
_LACKS = {
    **dict.fromkeys(("raw-parsed", "raw", "bytes"), "LiteLLM gives objects of its own only"),
    "stacked/async": "its requests are aiohttp's, whose instrumentation is not among those tested",
}

ROWS = [
    Sdk(
        name="litellm over openai-chat",
        provider="openai",
        operation="chat",
        model=clients.OPENAI_MODEL,
        client=_client,
        create=_create,
        stream=_stream,
        text=_text,
        status_error=openai.APIStatusError,
        parse=_parse,
        choices=lambda client: _create(client, n=2),
        positional=lambda client: _ask(client, _MODEL, [{"role": "user", "content": "Hi"}]),
        unset=lambda client: _create(client, temperature=None, tools=None, max_tokens=None),
        picture=content.chat_picture,
        tool_round=content.chat_tool_round,
        framework="litellm",
        lacks=_LACKS,
    )
]

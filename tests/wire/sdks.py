"""The SDKs' ways to ask a model: the rows of the suites in ``tests/providers``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import anthropic
import openai
from google.genai import errors, types

from wire import clients, content
from wire.sdk import HELLO, PLACE_JSON, History, Place, Sdk, each, entered, resolve, step

__all__ = [
    "HELLO",
    "PLACE_JSON",
    "SDKS",
    "STAINLESS",
    "History",
    "Place",
    "Sdk",
    "each",
    "entered",
    "resolve",
    "step",
]


def _stainless(
    name: str,
    provider: str,
    model: str,
    client: Callable[..., Any],
    resource: Callable[[Any], Any],
    arguments: Callable[[History], dict[str, Any]],
    text: Callable[[Any], str],
    errors: type[Exception],
    schema: str,
    path: str,
    unset: Sequence[dict[str, Any]],
    **more: Any,
) -> Sdk:
    """An API of the OpenAI or Anthropic SDK.

    Args:
        schema: How ``parse`` takes the model class.
        path: Where the SDK's generic ``post`` sends it.
        unset: Arguments that stand for none given.
    """

    def called(method: str, **fixed: Any) -> Callable[..., Any]:
        def call(client: Any, history: History = HELLO, **more: Any) -> Any:
            given = {**arguments(history), **fixed, **more}
            return getattr(resource(client), method)(**given)

        return call

    def post(client: Any) -> Any:
        return client.post(path, cast_to=object, body=arguments((("user", "Hi"),)))

    async def without(client: Any) -> None:
        for given in unset:
            await resolve(called("create")(client, **given))

    return Sdk(
        name=name,
        provider=provider,
        operation="chat",
        model=model,
        client=client,
        create=called("create"),
        stream=called("create", stream=True),
        text=text,
        status_error=errors,
        resource=resource,
        arguments=arguments,
        helper=called("stream"),
        parse=called("parse", **{schema: Place}),
        positional=post,
        unset=without,
        **more,
    )


def _openai_client(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    make = clients.async_openai_client if asynchronous else clients.openai_client
    return make(url, max_retries=retries)


def _anthropic_client(url: str, asynchronous: bool, *, retries: int = 0) -> Any:
    make = clients.async_anthropic_client if asynchronous else clients.anthropic_client
    return make(url, max_retries=retries)


def _messages(history: History) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in history]


def _chat_text(reply: Any) -> str:
    return reply.choices[0].message.content or ""


def _blocks_text(reply: Any) -> str:
    return "".join(block.text for block in reply.content if block.type == "text")


def _anthropic_arguments(history: History) -> dict[str, Any]:
    return {
        "model": clients.ANTHROPIC_MODEL,
        "max_tokens": 100,
        "messages": _messages(history),
    }


class _Google:
    """A Google client and its ``.aio``, kept together: the first closes when it is collected."""

    def __init__(self, url: str, asynchronous: bool, retries: int) -> None:
        self.root = clients.google_client(url, retries=retries)
        self.face: Any = self.root.aio if asynchronous else self.root
        self.asynchronous = asynchronous


def _google_client(url: str, asynchronous: bool, *, retries: int = 0) -> _Google:
    return _Google(url, asynchronous, retries)


def _contents(history: History) -> list[dict[str, Any]]:
    names = {"assistant": "model"}
    return [{"role": names.get(role, role), "parts": [{"text": text}]} for role, text in history]


def _generate(method: str) -> Callable[..., Any]:
    def call(client: _Google, history: History = HELLO, **more: Any) -> Any:
        given = {"model": clients.GOOGLE_MODEL, "contents": _contents(history), **more}
        return getattr(client.face.models, method)(**given)

    return call


def _send(method: str) -> Callable[..., Any]:
    def call(client: _Google, history: History = HELLO, contents: Any = None, **more: Any) -> Any:
        *past, last = contents or _contents(history)
        chat = client.face.chats.create(
            model=clients.GOOGLE_MODEL,
            history=[types.Content.model_validate(item) for item in past],
        )
        parts = types.Content.model_validate(last).parts or []
        return getattr(chat, method)(parts, **more)

    return call


def _google(name: str, create: Callable[..., Any], stream: Callable[..., Any], **more: Any) -> Sdk:
    schema = {"response_mime_type": "application/json", "response_schema": Place}
    return Sdk(
        name=name,
        provider="gcp.gemini",
        operation="generate_content",
        model=clients.GOOGLE_MODEL,
        client=_google_client,
        create=create,
        stream=stream,
        text=_google_text,
        status_error=errors.APIError,
        parse=partial(create, config=schema),
        choices=partial(create, config={"candidate_count": 2}),
        unset=partial(create, config=None),
        picture=content.google_picture,
        tool_round=content.google_tool_round,
        **more,
    )


def _chat(method: str, *given: Any) -> Callable[..., Any]:
    from wire import xai

    def call(client: Any, history: History = HELLO, **more: Any) -> Any:
        return getattr(xai.chat(client, history, **more), method)(*given)

    return call


def _google_text(reply: Any) -> str:
    return reply.text or ""


def _xai() -> tuple[Sdk, ...]:
    """xAI's, where it is installed; where it is not, ``tests/providers/test_xai.py`` says so."""
    if find_spec("xai_sdk") is None:
        return ()
    import grpc

    from wire import xai

    return (
        Sdk(
            name="xai",
            provider="x_ai",
            operation="chat",
            model=xai.MODEL,
            client=xai.client,
            create=_chat("sample"),
            stream=_chat("stream"),
            text=xai.text,
            status_error=grpc.RpcError,
            parse=_chat("parse", Place),
            choices=_chat("sample_batch", 2),
            positional=xai.positional,
            unset=partial(_chat("sample"), temperature=None),
            picture=content.xai_picture,
            tool_round=content.xai_tool_round,
            lacks=_without_raw("the SDK speaks gRPC: it has no HTTP responses to hand out"),
        ),
    )


def _without_raw(reason: str) -> dict[str, str]:
    """What an SDK lacks that does not hand out its responses."""
    return dict.fromkeys(("raw-parsed", "raw", "bytes"), reason)


ONE_ANSWER = {"choices": "the API gives one answer to a request"}
_OPENAI_UNSET = ({"temperature": openai.NOT_GIVEN}, {"temperature": openai.omit})
_ANTHROPIC = (
    _anthropic_arguments,
    _blocks_text,
    anthropic.APIStatusError,
    "output_format",
    "/v1/messages",
    ({"system": anthropic.omit}, {"stop_sequences": anthropic.NOT_GIVEN}),
)
_GOOGLE_WITHOUT = _without_raw("the SDK hands out no raw responses")

SDKS = (
    _stainless(
        "openai-chat",
        "openai",
        clients.OPENAI_MODEL,
        _openai_client,
        lambda client: client.chat.completions,
        lambda history: {"model": clients.OPENAI_MODEL, "messages": _messages(history)},
        _chat_text,
        openai.APIStatusError,
        "response_format",
        "/chat/completions",
        _OPENAI_UNSET,
        choices=lambda client: client.chat.completions.create(
            model=clients.OPENAI_MODEL, messages=_messages(HELLO), n=2
        ),
        picture=content.chat_picture,
        tool_round=content.chat_tool_round,
    ),
    _stainless(
        "openai-responses",
        "openai",
        clients.OPENAI_MODEL,
        _openai_client,
        lambda client: client.responses,
        lambda history: {"model": clients.OPENAI_MODEL, "input": _messages(history)},
        lambda reply: reply.output_text,
        openai.APIStatusError,
        "text_format",
        "/responses",
        (*_OPENAI_UNSET, {"instructions": openai.omit}),
        picture=content.responses_picture,
        tool_round=content.responses_tool_round,
        lacks=ONE_ANSWER,
    ),
    *(
        _stainless(
            name,
            "anthropic",
            clients.ANTHROPIC_MODEL,
            _anthropic_client,
            resource,
            *_ANTHROPIC,
            picture=content.anthropic_picture,
            tool_round=content.anthropic_tool_round,
            lacks=ONE_ANSWER,
        )
        for name, resource in (
            ("anthropic", lambda client: client.messages),
            ("anthropic-beta", lambda client: client.beta.messages),
        )
    ),
    _google(
        "google",
        _generate("generate_content"),
        _generate("generate_content_stream"),
        lacks={**_GOOGLE_WITHOUT, "positional": "its methods take keyword arguments only"},
    ),
    _google(
        "google-chats",
        _send("send_message"),
        _send("send_message_stream"),
        positional=lambda client: client.face.chats.create(model=clients.GOOGLE_MODEL).send_message(
            "Hi"
        ),
        lacks=_GOOGLE_WITHOUT,
    ),
    *_xai(),
)
STAINLESS = tuple(sdk for sdk in SDKS if sdk.resource is not None)

"""The SDKs' ways to ask a model: the rows of the suites in ``tests/providers``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import anthropic
import openai
from botocore.exceptions import ClientError

from wire import bedrock, clients, content
from wire.google_rows import ROWS as GOOGLE
from wire.offers import offered
from wire.sdk import (
    HELLO,
    ONE_ANSWER,
    PLACE_JSON,
    History,
    Place,
    Sdk,
    each,
    entered,
    resolve,
    step,
    without_raw,
)

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
    helpers: Callable[[Any], Any] | None = None,
    parses: bool = True,
    lacks: Mapping[str, str] | None = None,
    **more: Any,
) -> Sdk:
    """An API of the OpenAI or Anthropic SDK.

    Args:
        schema: How ``parse`` takes the model class.
        path: Where the SDK's generic ``post`` sends it.
        unset: Arguments that stand for none given.
        helpers: What has ``parse`` and ``stream``, if not the resource.
        parses: Whether this release has ``parse``.
    """

    def called(method: str, on: Callable[[Any], Any], **fixed: Any) -> Callable[..., Any]:
        def call(client: Any, history: History = HELLO, **more: Any) -> Any:
            given = {**arguments(history), **fixed, **more}
            return getattr(on(client), method)(**given)

        return call

    def post(client: Any) -> Any:
        return client.post(path, cast_to=object, body=arguments((("user", "Hi"),)))

    async def without(client: Any) -> None:
        for given in unset:
            await resolve(called("create", resource)(client, **given))

    helping = helpers or resource

    return Sdk(
        name=name,
        provider=provider,
        operation="chat",
        model=model,
        client=client,
        create=called("create", resource),
        stream=called("create", resource, stream=True),
        text=text,
        status_error=errors,
        resource=resource,
        arguments=arguments,
        helper=called("stream", helping),
        parse=called("parse", helping, **{schema: Place}) if parses else None,
        positional=post,
        unset=without,
        lacks={**(lacks or {}), **({} if parses else {"parse": "this release has none"})},
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


def _chat_helpers(client: Any) -> Any:
    """What has ``parse`` and ``stream``: before openai 1.92 that was ``beta`` alone."""
    modern = client.chat.completions
    return modern if hasattr(modern, "parse") else client.beta.chat.completions


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


def _chat(method: str, *given: Any) -> Callable[..., Any]:
    from wire import xai

    def call(client: Any, history: History = HELLO, **more: Any) -> Any:
        return getattr(xai.chat(client, history, **more), method)(*given)

    return call


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
            lacks=without_raw("the SDK speaks gRPC: it has no HTTP responses to hand out"),
        ),
    )


_SENTINELS = ("NOT_GIVEN", "omit") if offered("openai:omit") else ("NOT_GIVEN",)
_OPENAI_UNSET = tuple({"temperature": getattr(openai, name)} for name in _SENTINELS)
_ANTHROPIC_PARSES = offered("anthropic.resources.messages:Messages.parse")
_ANTHROPIC = (
    _anthropic_arguments,
    _blocks_text,
    anthropic.APIStatusError,
    "output_format",
    "/v1/messages",
    tuple({"system": getattr(anthropic, name)} for name in _SENTINELS),
)
_BOTO3 = {
    **without_raw("boto3 hands out no raw responses"),
    **ONE_ANSWER,
    "parse": "boto3 gives JSON",
    "positional": "its methods take keyword arguments only",
    "unset": "boto3 refuses arguments that stand for none",
}


def _asking(call: Callable[..., Any]) -> Callable[..., Any]:
    """``call`` with a history to send if none is given."""

    def asking(client: Any, history: History = HELLO, **more: Any) -> Any:
        return call(client, history, **more)

    return asking


def _bedrock() -> tuple[Sdk, ...]:
    return (
        Sdk(
            name="bedrock-converse",
            provider="aws.bedrock",
            operation="chat",
            model=bedrock.MODEL,
            client=bedrock.client,
            create=_asking(bedrock.asks("converse")),
            stream=_asking(bedrock.streams("converse_stream", "converse", "stream")),
            text=bedrock.text,
            status_error=ClientError,
            names_itself=False,
            picture=partial(bedrock.picture, "Look", content.PICTURE),
            tool_round=partial(bedrock.tool_round, content.QUESTION, content.CALL, content.RESULT),
            lacks=_BOTO3,
        ),
        Sdk(
            name="bedrock-invoke",
            provider="aws.bedrock",
            operation="chat",
            model=bedrock.MODEL,
            client=bedrock.client,
            create=_asking(bedrock.asks("invoke_model")),
            stream=_asking(
                bedrock.streams("invoke_model_with_response_stream", "invoke_model", "body")
            ),
            text=bedrock.text,
            status_error=ClientError,
            picture=content.anthropic_picture,
            tool_round=content.anthropic_tool_round,
            lacks=_BOTO3,
        ),
        _stainless(
            "bedrock-anthropic",
            "aws.bedrock",
            bedrock.MODEL,
            bedrock.anthropic_client,
            lambda client: client.messages,
            lambda history: {**_anthropic_arguments(history), "model": bedrock.MODEL},
            *_ANTHROPIC[1:],
            picture=content.anthropic_picture,
            tool_round=content.anthropic_tool_round,
            lacks=ONE_ANSWER,
            parses=_ANTHROPIC_PARSES,
        ),
    )


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
        helpers=_chat_helpers,
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
        _OPENAI_UNSET,
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
            parses=_ANTHROPIC_PARSES,
        )
        for name, resource in (
            ("anthropic", lambda client: client.messages),
            ("anthropic-beta", lambda client: client.beta.messages),
        )
    ),
    *GOOGLE,
    *_xai(),
    *_bedrock(),
)
STAINLESS = tuple(sdk for sdk in SDKS if sdk.resource is not None)

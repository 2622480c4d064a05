"""LangChain's chat models over the real SDKs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from frameworks.langchain_models import CHATS, Chat
from wire.content import CALL, DATA_URL, QUESTION, RESULT
from wire.offers import offered
from wire.sdk import HELLO, History, Place, Sdk

_timeouts = itertools.count(60)


class _Asked(NamedTuple):
    """A chat model, and which of its two sides is asked."""

    model: BaseChatModel
    asynchronous: bool


def _client(chat: Chat) -> Callable[..., _Asked]:
    def client(url: str, asynchronous: bool, *, retries: int = 0) -> _Asked:
        # Models with the same settings share an HTTP client, which may not outlive its event loop:
        # no two have the same timeout.
        timeout = float(next(_timeouts))
        return _Asked(chat.make(url, max_retries=retries, timeout=timeout), asynchronous)

    return client


def _asking(method: str) -> Callable[..., Any]:
    def call(client: _Asked, history: History = HELLO, messages: Any = None) -> Any:
        given = messages or list(history)
        return getattr(client.model, f"a{method}" if client.asynchronous else method)(given)

    return call


def _parse(client: _Asked) -> Any:
    model: Any = client.model
    structured = model.with_structured_output(Place, method="json_schema")
    return structured.ainvoke("Where?") if client.asynchronous else structured.invoke("Where?")


def _choices(client: _Asked) -> Any:
    generate = client.model.agenerate if client.asynchronous else client.model.generate
    return generate([[HumanMessage(HELLO[0][1])]], n=2)


def _text(reply: Any) -> str:
    return reply.model_dump_json() if isinstance(reply, Place) else str(reply.text)


def _picture() -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": DATA_URL}}
    return {"messages": [HumanMessage([{"type": "text", "text": "Look"}, image])]}


def _tool_round() -> dict[str, Any]:
    call: Any = {"name": CALL.name, "args": CALL.arguments, "id": CALL.id}
    return {
        "messages": [
            HumanMessage(QUESTION),
            AIMessage("", tool_calls=[call]),
            ToolMessage(RESULT, tool_call_id=CALL.id),
        ]
    }


def _row(chat: Chat) -> Sdk:
    several = chat.sdk.choices is not None
    return Sdk(
        name=f"langchain over {chat.sdk.name}",
        provider=chat.sdk.provider,
        operation=chat.sdk.operation,
        model=chat.sdk.model,
        client=_client(chat),
        create=_asking("invoke"),
        stream=_asking("stream"),
        text=_text,
        status_error=chat.sdk.status_error,
        parse=_parse,
        choices=_choices if several else None,
        positional=lambda client: _asking("invoke")(client, (("user", "Hi"),)),
        picture=_picture,
        tool_round=_tool_round,
        framework="langchain",
        lacks={
            **dict.fromkeys(("raw-parsed", "raw", "bytes"), "LangChain gives messages only"),
            "unset": "LangChain knows no such arguments",
            **({} if _takes_schemas(chat) else {"parse": "this release sends no schemas"}),
            **({} if several else chat.sdk.lacks),
        },
    )


def _takes_schemas(chat: Chat) -> bool:
    return chat.sdk.provider != "anthropic" or offered(
        "langchain_anthropic:ChatAnthropic.with_structured_output(method)"
    )


# Google's need another environment: see ``frameworks.langchain_models``.
ROWS = [_row(chat) for chat in CHATS if chat.sdk.provider in ("openai", "anthropic")]

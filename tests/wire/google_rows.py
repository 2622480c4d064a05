"""Google's ways to ask a model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from google.genai import errors, types

from wire import clients, content
from wire.offers import offered
from wire.sdk import HELLO, ONE_ANSWER, History, Place, Sdk, without_raw

_INTERACTION_ERRORS = (
    "google.genai._gaos.lib.compat_errors",
    "google.genai._interactions",  # before 2.9
)


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


def _google_text(reply: Any) -> str:
    return reply.text or ""


def _interact(**fixed: Any) -> Callable[..., Any]:
    kinds = {"assistant": "model_output", "user": "user_input"}

    def call(client: _Google, history: History = HELLO, **more: Any) -> Any:
        steps = [
            {"type": kinds[role], "content": [{"type": "text", "text": text}]}
            for role, text in history
        ]
        given = {"model": clients.GOOGLE_MODEL, "input": steps, **fixed, **more}
        return client.face.interactions.create(**given)

    return call


def _steps_text(reply: Any) -> str:
    said = [step for step in reply.steps if step.type == "model_output"]
    return "".join(content.text for step in said for content in step.content)


_WITHOUT = without_raw("the SDK hands out no raw responses")
_KEYWORDS = {"positional": "its methods take keyword arguments only"}


def _interactions() -> tuple[Sdk, ...]:
    """The Interactions API, which releases before 1.55 do not have."""
    home = next((it for it in _INTERACTION_ERRORS if offered(f"{it}:APIStatusError")), None)
    if home is None:
        return ()
    return (
        Sdk(
            name="google-interactions",
            provider="gcp.gemini",
            operation="chat",
            model=clients.GOOGLE_MODEL,
            client=_google_client,
            create=_interact(),
            stream=_interact(stream=True),
            text=_steps_text,
            status_error=import_module(home).APIStatusError,
            unset=partial(_interact(), system_instruction=None),
            picture=content.interactions_picture,
            tool_round=content.interactions_tool_round,
            lacks={
                **_WITHOUT,
                **_KEYWORDS,
                **ONE_ANSWER,
                "parse": "it gives JSON as text",
            },
        ),
    )


ROWS = (
    _google(
        "google",
        _generate("generate_content"),
        _generate("generate_content_stream"),
        lacks={**_WITHOUT, **_KEYWORDS},
    ),
    _google(
        "google-chats",
        _send("send_message"),
        _send("send_message_stream"),
        positional=lambda client: client.face.chats.create(model=clients.GOOGLE_MODEL).send_message(
            "Hi"
        ),
        lacks=_WITHOUT,
    ),
    *_interactions(),
)

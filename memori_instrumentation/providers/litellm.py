"""LiteLLM: chat and text completions, the Responses API and Anthropic's messages, by its functions
and by its router.

Every attempt at a provider, be it a retry or a fallback, sync or async, passes the undecorated
``completion`` or ``responses`` once. Their decorator holds them in its closure: whoever has the
decorated function, however they came by it, gets there. What the decorator finds in LiteLLM's
cache does not, and is recorded by itself.

OpenAI's models, and those of servers that speak like OpenAI's, are mostly asked through OpenAI's
SDK, which is captured. The others LiteLLM asks itself, and tells of it in OpenAI's terms.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from opentelemetry import context

from memori_instrumentation._attribution import using
from memori_instrumentation.capture.reading import (
    Api,
    Json,
    Reply,
    Request,
    items,
    mapping,
    plain,
    string,
)
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.capture.scope import current
from memori_instrumentation.providers import _openai_chat, _openai_responses, anthropic
from memori_instrumentation.providers._choke import Args, Kwargs
from memori_instrumentation.providers._following import patches
from memori_instrumentation.providers._patching import Patch, Patcher
from memori_instrumentation.providers._scope import Asking, Framework, said


def _plain(told: Any) -> Any:
    """JSON of what LiteLLM exchanges: a text completion as one of chat, and of the chunks that a
    stream has kept, the token counts that its reader does not see."""
    if isinstance(told, list):
        counted = (getattr(chunk, "usage", None) for chunk in reversed(told))
        return {"usage": plain(next(filter(None, counted), None))}
    body = plain(told)
    choices = items(mapping(body).get("choices"))
    if not any("text" in choice for choice in choices):
        return body
    return {
        **body,
        "choices": [{**choice, "message": {"content": choice.get("text")}} for choice in choices],
    }


def _read_request(body: Json) -> Request:
    request = _openai_responses.read_request(body)
    return replace(request, previous_response_id=_providers_id(request.previous_response_id))


def _read_reply(body: Json) -> Reply:
    reply = _openai_responses.read_reply(body)
    return replace(reply, id=_providers_id(reply.id))


def _providers_id(given: str | None) -> str | None:
    """The provider's id of a response, out of the one that LiteLLM makes of it some time later."""
    if given is None:
        return None
    try:
        told = base64.b64decode(given.removeprefix("resp_"), validate=True).decode()
    except ValueError:
        return given
    return told.partition(";response_id:")[2] or given


def _framework(api: Api, places: Sequence[str], told: Sequence[str]) -> Framework:
    """LiteLLM as seen by one of its functions.

    Args:
        api: What it speaks.
        places: The first of the function's parameters.
        told: The parameters that make up the request. Not the model, which is said there in
            LiteLLM's way.
    """

    def asking(instance: Any, args: Args, kwargs: Kwargs) -> Asking:
        given = {**dict(zip(places, args, strict=False)), **kwargs}
        metadata, more = (mapping(given.get(name)) for name in ("metadata", "litellm_metadata"))
        sessions = (
            given.get("litellm_session_id"),
            *(m.get("session_id") for m in (metadata, more)),
        )
        return Asking(
            said(metadata, more, session=next(filter(None, sessions), None)),
            request={name: _copied(given[name]) for name in told if given.get(name) is not None},
            named=_naming(given),
        )

    api = replace(api, path=f"litellm{api.path}", plain=_plain)
    return Framework(
        "litellm",
        api,
        asking,
        kept=lambda stream: getattr(stream, "chunks", None),
        sends=True,
    )


def _copied(value: Any) -> Any:
    """The caller may change a list of messages, and the messages."""
    if not isinstance(value, list):
        return value
    return [dict(item) if isinstance(item, dict) else item for item in value]


def _naming(given: Mapping[str, Any]) -> Callable[[], tuple[str, str | None]]:
    """Tells provider and model as LiteLLM has made them out, which it notes for its log."""
    noted = getattr(given.get("litellm_logging_obj"), "model_call_details", {})

    def named() -> tuple[str, str | None]:
        provider, _, model = (string(given.get("model")) or "").rpartition("/")
        return (
            string(noted.get("custom_llm_provider")) or provider.partition("/")[0] or "unknown",
            string(noted.get("model")) or model or None,
        )

    return named


CHAT = _framework(_openai_chat.API, ("model", "messages"), ("messages", *_openai_chat.PARAMETERS))
RESPONSES = _framework(
    replace(_openai_responses.API, read_request=_read_request, read_reply=_read_reply),
    ("input", "model"),
    (
        "input",
        "instructions",
        "previous_response_id",
        "conversation",
        *_openai_responses.PARAMETERS,
    ),
)
MESSAGES = _framework(
    anthropic.APIS[0],
    ("max_tokens", "messages", "model"),
    ("messages", "system", *anthropic.PARAMETERS),
)
_CACHED = {
    "completion": CHAT,
    "acompletion": CHAT,
    "responses": RESPONSES,
    "aresponses": RESPONSES,
}
"""What answers from the cache, by the function that was called."""


def _from_cache(wrapped: Any, handler: Any, args: Args, kwargs: Any) -> Any:
    found = wrapped(*args, **kwargs)
    _record(found, kwargs)
    return found


async def _from_cache_async(wrapped: Any, handler: Any, args: Args, kwargs: Any) -> Any:
    found = await wrapped(*args, **kwargs)
    _record(found, kwargs)
    return found


def _record(found: Any, looked_up: Kwargs) -> None:
    """Record an answer from the cache as the call that it answers."""
    cached = getattr(found, "cached_result", None)
    framework = _CACHED.get(str(looked_up.get("call_type")))
    if cached is not None and framework is not None:
        given: Any = mapping(looked_up.get("kwargs"))
        framework.function(lambda *_, **__: cached, None, looked_up.get("args") or (), given)


def _carried_over(wrapped: Any, instance: Any, args: Args, kwargs: Any) -> Any:
    """Around what runs a coroutine function from synchronous code: where there is a running event
    loop it takes a thread, which knows nothing of whose call it is."""
    function = kwargs.get("async_function")
    if function is None or active() is None:
        return wrapped(*args, **kwargs)
    ctx, scope = context.get_current(), current()

    async def carried(*args: Any, **kwargs: Any) -> Any:
        with using(ctx), nullcontext() if scope is None else scope.entered():
            return await function(*args, **kwargs)

    return wrapped(*args, **{**kwargs, "async_function": carried})


_UNDECORATED = "original_function"
_STREAMS = {
    "litellm.litellm_core_utils.streaming_handler": ["CustomStreamWrapper"],
    "litellm.responses.streaming_iterator": [
        "ResponsesAPIStreamingIterator",
        "SyncResponsesAPIStreamingIterator",
        "MockResponsesAPIStreamingIterator",
        "CachedResponsesAPIStreamingIterator",
    ],
    "litellm.llms.anthropic.messages.native.streaming_iterator": [
        "AnthropicMessagesStreamingResponse"
    ],
}


def build() -> Patcher:
    """The patches of the ``litellm`` package."""
    caching = "litellm.caching.caching_handler"
    fallbacks = "litellm.litellm_core_utils.fallback_utils"
    messages = "litellm.llms.anthropic.messages.native.handler"
    found = [
        Patch("litellm.main", "completion", CHAT.function, closure=_UNDECORATED),
        Patch("litellm.responses.main", "responses", RESPONSES.function, closure=_UNDECORATED),
        Patch(messages, "anthropic_messages", MESSAGES.coroutine, True, closure=_UNDECORATED),
        Patch(fallbacks, "run_async_function", _carried_over),
        Patch(caching, "LLMCachingHandler.sync_get_cache", _from_cache),
        Patch(caching, "LLMCachingHandler.async_get_cache", _from_cache_async),
    ]
    for module, classes in _STREAMS.items():
        found += patches(module, classes)
    return Patcher(found)

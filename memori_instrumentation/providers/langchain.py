"""LangChain: chat models, in chains, agents and LangGraph too.

All ways to ask a chat model lead to two methods that make one call each, ``_generate_with_cache``
and its asynchronous twin, and to the streams ``stream``, ``astream`` and those of events.
``_stream`` and ``_astream`` must not be wrapped: LangChain tells by their identity what a model
can do. ``invoke`` and ``ainvoke`` are only looked at for what their configuration says.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

from memori_instrumentation._attribution import Attribution
from memori_instrumentation.capture.reading import (
    Api,
    Json,
    Reply,
    Request,
    chosen,
    counts,
    file_part,
    mapping,
    media_part,
    other_part,
    reasoning_part,
    string,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from memori_instrumentation.capture.scope import current
from memori_instrumentation.providers._choke import Args, Kwargs
from memori_instrumentation.providers._patching import Patch, Patcher
from memori_instrumentation.providers._scope import Asking, Framework, said
from memori_storage.records import Message, Part

_MODULE = "langchain_core.language_models.chat_models"

_ROLES = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system",
    "function": "tool",
    "ToolMessageChunk": "tool",
}
"""Roles by a message's ``type`` where they differ."""
_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_token_details.cache_read": "cache_read_tokens",
    "input_token_details.cache_creation": "cache_creation_tokens",
    "output_token_details.reasoning": "reasoning_tokens",
}
_PARAMETERS = {
    "ls_temperature": "gen_ai.request.temperature",
    "ls_max_tokens": "gen_ai.request.max_tokens",
    "ls_stop": "gen_ai.request.stop_sequences",
}


def read_request(body: Json) -> Request:
    """The messages that a chat model was given, or what it makes its messages of."""
    messages = body.get("messages")
    if messages is None:
        messages = body["model"]._convert_input(body["input"]).to_messages()
    return Request(
        messages=[_message(message) for message in messages],
        attributes=chosen(mapping(body.get("parameters")), _PARAMETERS),
    )


def read_reply(body: Json) -> Reply:
    """A ``ChatResult``, the chunks of a stream, or its protocol events."""
    whole = bool(body.get("whole", True))
    items = body.get("items") or []
    if items and isinstance(items[0], Mapping):
        return _from_events(items, whole)
    replies = (
        [generation.message for generation in body["reply"].generations]
        if "reply" in body
        else [reduce(add, items)]
        if items
        else []
    )
    details = [mapping(reply.response_metadata) for reply in replies]
    reasons = [
        string(detail.get("finish_reason")) or string(detail.get("stop_reason"))
        for detail in details
    ]
    first = details[0] if details else {}
    return Reply(
        messages=[
            Message("assistant", _parts(reply), reason)
            for reply, reason in zip(replies, reasons, strict=True)
        ],
        model=string(first.get("model_name")) or string(first.get("model")),
        id=string(first.get("id")),
        finish_reasons=[reason for reason in reasons if reason],
        usage=counts(replies[0].usage_metadata, _USAGE) if replies else {},
        complete=whole,
    )


def _from_events(events: list[Json], whole: bool) -> Reply:
    """A reply from the events of LangChain's streaming protocol, version 3."""
    blocks: dict[Any, Json] = {}
    finished: Json = {}
    for event in events:
        kind, index = event.get("event"), event.get("index")
        if kind in ("content-block-start", "content-block-finish"):
            blocks[index] = mapping(event.get("content"))
        elif kind == "content-block-delta":
            delta, block = mapping(event.get("delta")), blocks.get(index, {})
            for key in ("text", "reasoning"):
                if key in delta:
                    blocks[index] = {**block, key: str(block.get(key) or "") + str(delta[key])}
        elif kind == "message-finish":
            finished = event
    return Reply(
        messages=[Message("assistant", [_part(block) for block in blocks.values()])],
        usage=counts(finished.get("usage"), _USAGE),
        complete=whole,
    )


def _message(message: Any) -> Message:
    kind = str(message.type)
    role = str(message.role) if kind == "chat" else _ROLES.get(kind, kind)
    if role == "tool":
        answer = message.content if isinstance(message.content, str) else _parts(message)
        return Message(role, [tool_response_part(getattr(message, "tool_call_id", None), answer)])
    return Message(role, _parts(message))


def _parts(message: Any) -> list[Part]:
    return [_part(block) for block in message.content_blocks]


def _part(block: Json) -> Part:
    """One of LangChain's standard content blocks, which it makes of every provider's own."""
    kind = str(block.get("type"))
    if kind == "text":
        return text_part(str(block.get("text", "")))
    if kind == "reasoning":
        return reasoning_part(str(block.get("reasoning", "")))
    if kind.endswith(("tool_call", "tool_call_chunk")):
        return tool_call_part(string(block.get("id")), string(block.get("name")), block.get("args"))
    if kind == "server_tool_result":
        return tool_response_part(string(block.get("tool_call_id")), block.get("output"))
    if kind in ("image", "audio", "video", "file", "text-plain"):
        return _media("file" if kind == "text-plain" else kind, block)
    return other_part(mapping(block.get("value")) or block)


def _media(modality: str, block: Json) -> Part:
    mime_type = string(block.get("mime_type"))
    if data := string(block.get("base64")) or string(block.get("data")):
        return media_part(modality, mime_type, data)
    if text := string(block.get("text")):
        return media_part(modality, mime_type or "text/plain", text.encode("utf-8", "replace"))
    if url := string(block.get("url")):
        return uri_part(modality, url, mime_type)
    if file_id := string(block.get("file_id")):
        return file_part(file_id, modality)
    return other_part(block)


API = Api("langchain", "chat", read_request, read_reply)


def _argument(args: Args, kwargs: Kwargs, place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _configured(config: Any) -> Attribution:
    """What a ``RunnableConfig``, and the one in force around it, say of whose the call is."""
    from langchain_core.runnables.config import ensure_config

    ensured = ensure_config(config)
    metadata, configurable = (mapping(ensured.get(key)) for key in ("metadata", "configurable"))
    thread = configurable.get("thread_id") or metadata.get("thread_id")
    return said(metadata, configurable, session=thread)


def _saying(model: Any, args: Args, kwargs: Kwargs) -> Asking:
    """``invoke``: what is said; the call itself comes inside."""
    return Asking(_configured(_argument(args, kwargs, 1, "config")))


def _generating(model: Any, args: Args, kwargs: Kwargs) -> Asking:
    """One call, with its messages and the manager of its run."""
    metadata = mapping(getattr(_argument(args, kwargs, 2, "run_manager"), "metadata", None))
    who = said(metadata, session=metadata.get("thread_id"))
    if current() is None:
        who = who.otherwise(_configured(None))
    names = metadata if "ls_provider" in metadata else mapping(model._get_ls_params())
    # The list is the caller's to change.
    return _asking(who, names, {"messages": list(_argument(args, kwargs, 0, "messages"))})


def _streaming(model: Any, args: Args, kwargs: Kwargs) -> Asking:
    """``stream``: its input may be a text, a prompt or messages."""
    who = _configured(_argument(args, kwargs, 1, "config"))
    given = _argument(args, kwargs, 0, "input")
    given = list(given) if isinstance(given, list) else given
    return _asking(who, model._get_ls_params(), {"model": model, "input": given})


def _asking(who: Attribution, names: Json, request: dict[str, Any]) -> Asking:
    return Asking(
        who,
        string(names.get("ls_provider")) or "unknown",
        string(names.get("ls_model_name")),
        {**request, "parameters": names},
    )


def _last(item: Any) -> bool:
    """Whether a chunk or an event is a stream's last."""
    if isinstance(item, Mapping):
        return item.get("event") == "message-finish"
    return getattr(item, "chunk_position", None) == "last"


def build() -> Patcher:
    """The patches of ``langchain-core``."""
    generating, streaming, saying = (
        Framework("langchain", API, asking, _last) for asking in (_generating, _streaming, _saying)
    )
    wrappers = {
        "invoke": saying.function,
        "ainvoke": saying.coroutine,
        "_generate_with_cache": generating.function,
        "_agenerate_with_cache": generating.coroutine,
        "stream": streaming.generator,
        "astream": streaming.async_generator,
        "_iter_v2_events": generating.generator,
        "_aiter_v2_events": generating.async_generator,
    }
    return Patcher(
        [
            Patch(_MODULE, f"BaseChatModel.{name}", wrapper, optional="v2" in name)
            for name, wrapper in wrappers.items()
        ]
    )

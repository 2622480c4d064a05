"""Anthropic's SDK: messages, beta included, as JSON.

The patched method is ``_request``, below ``request``: there the body is prepared, one-shot
iterators read. Releases before 1.14 have no ``_request``; most of them prepare the body before
``request`` is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memori_instrumentation.capture.reading import (
    Api,
    Assembled,
    Json,
    Reply,
    Request,
    chosen,
    counts,
    file_part,
    items,
    loose_json,
    mapping,
    media_part,
    number,
    other_part,
    reasoning_part,
    string,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
    without_payloads,
)
from memori_instrumentation.platforms import provider_at
from memori_instrumentation.providers import _anthropic_batches
from memori_instrumentation.providers._patching import Patcher
from memori_instrumentation.providers._stainless import patcher
from memori_storage.records import Message, Part

PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "stream": "gen_ai.request.stream",
}
_USAGE = {
    # The conventions count cached tokens as input; Anthropic reports them apart.
    "input_tokens": "input_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_creation_tokens",
    "output_tokens": "output_tokens",
    "output_tokens_details.thinking_tokens": "reasoning_tokens",
}
_CACHED = ("cache_read_tokens", "cache_creation_tokens")


def read_request(body: Json) -> Request:
    return Request(
        messages=[
            Message(string(item.get("role")) or "user", _parts(item.get("content")))
            for item in items(body.get("messages"))
        ],
        model=string(body.get("model")),
        system=_system(body.get("system")),
        # A thread's history is at Anthropic's.
        previous_response_id=string(mapping(body.get("thread")).get("previous_message_id")),
        attributes=chosen(body, PARAMETERS),
    )


def _system(system: Any) -> str | None:
    if isinstance(system, str):
        return system or None
    return "\n".join(str(block.get("text", "")) for block in items(system)) or None


def read_reply(body: Json) -> Reply:
    reason = string(body.get("stop_reason"))
    usage = counts(body.get("usage"), _USAGE)
    if "input_tokens" in usage:
        usage["input_tokens"] += sum(usage.get(name, 0) for name in _CACHED)
    failure = mapping(body.get("error"))
    parts = _parts(body.get("content"))
    return Reply(
        messages=[Message("assistant", parts, reason)] if parts or reason else [],
        model=string(body.get("model")),
        id=string(body.get("id")),
        finish_reasons=[reason] if reason else [],
        usage=usage,
        complete=reason is not None,
        error=(str(failure.get("type")), str(failure.get("message"))) if failure else None,
    )


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [_part(block) for block in items(content)]


def _part(block: Json) -> Part:
    kind = str(block.get("type"))
    if kind == "text":
        return text_part(str(block.get("text", "")), items(block.get("citations")))
    if kind in ("thinking", "redacted_thinking"):
        return reasoning_part(str(block.get("thinking", "")))
    if kind.endswith("tool_use"):  # the app's, Anthropic's own, or of an MCP server
        return tool_call_part(
            string(block.get("id")), string(block.get("name")), block.get("input")
        )
    if kind.endswith("tool_result"):
        return tool_response_part(string(block.get("tool_use_id")), _answer(block.get("content")))
    if kind in ("image", "document"):
        return _source("image" if kind == "image" else "file", mapping(block.get("source")))
    if kind == "container_upload":
        return file_part(str(block.get("file_id")))
    if kind == "mcp_tool_listing":  # definitions, however long; nothing that is said
        block = {"type": kind, "mcp_server_name": block.get("mcp_server_name")}
    return other_part(_readable(block))


def _answer(content: Any) -> Any:
    """What a tool answered: text alone as text, other blocks as parts, an object as it is."""
    blocks = items(content)
    if not blocks:
        return without_payloads(_readable(content))
    if all(block.get("type") == "text" for block in blocks):
        return "\n".join(str(block.get("text", "")) for block in blocks)
    return [_part(block) for block in blocks]


def _readable(value: Any) -> Any:
    """``value`` less what only Anthropic can read or is unset, with documents as references.

    Clients send blocks back with or without what is unset: the rest is the same."""
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("type") in ("image", "document"):
        return dict(_part(value))
    return {
        key: _readable(item)
        for key, item in value.items()
        if item is not None and key not in _OPAQUE
    }


_OPAQUE = frozenset(
    {"encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "cache_control"}
)


def _source(modality: str, source: Json) -> Part:
    kind = source.get("type")
    if kind == "base64":
        return media_part(modality, string(source.get("media_type")), str(source.get("data", "")))
    if kind == "url":
        return uri_part(modality, str(source.get("url")))
    if kind == "file":
        return file_part(str(source.get("file_id")), modality)
    if kind == "text" or (kind == "content" and isinstance(source.get("content"), str)):
        # A document given as plain text: its content counts as a file's, not as the user's words.
        data = str(source.get("data") or source.get("content") or "").encode("utf-8", "replace")
        return media_part(modality, string(source.get("media_type")) or "text/plain", data)
    return other_part({"type": modality, **_readable(source)})


_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


def assemble(events: Iterable[Json]) -> Assembled:
    """The message that the events build up."""
    body: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    error: tuple[str, str] | None = None
    complete = False
    for event in events:
        kind = event.get("type")
        if kind == "message_start":
            body = dict(mapping(event.get("message")))
        elif kind == "content_block_start":
            block = blocks[number(event.get("index"))] = dict(mapping(event.get("content_block")))
            if block.get("type") == "fallback":  # another model takes over
                body["model"] = mapping(block.get("to")).get("model") or body.get("model")
        elif kind == "content_block_delta":
            block = blocks.setdefault(number(event.get("index")), {"type": "text"})
            _add(block, mapping(event.get("delta")))
        elif kind == "message_delta":
            body.update(mapping(event.get("delta")))
            # Counts here are cumulative, and leave out what message_start has said.
            usage = {k: v for k, v in mapping(event.get("usage")).items() if v is not None}
            body["usage"] = {**mapping(body.get("usage")), **usage}
        elif kind == "message_stop":
            complete = True
        elif kind == "error":
            failure = mapping(event.get("error"))
            error = (str(failure.get("type")), str(failure.get("message")))
    for block in blocks.values():
        if partial := block.pop("partial_json", None):
            block["input"] = loose_json(partial)
    body["content"] = [blocks[index] for index in sorted(blocks)]
    return Assembled(body, complete, error)


def _add(block: dict[str, Any], delta: Json) -> None:
    """Add what one event brings to its block."""
    kind = str(delta.get("type"))
    if kind == "citations_delta":
        block["citations"] = [*items(block.get("citations")), mapping(delta.get("citation"))]
    elif kind == "compaction_delta":
        block["content"] = delta.get("content")
    elif name := _DELTAS.get(kind):
        block[name] = str(block.get(name) or "") + str(delta.get(name) or "")


APIS = (Api("/v1/messages", "chat", read_request, read_reply, assemble),)


def provider(client: Any) -> str:
    # A platform's client says what it is for, also behind a gateway of the company's own.
    own = getattr(client, "_gen_ai_provider_name", None) or _older_platform(client)
    return str(own) if own != "anthropic" else provider_at(client._base_url.host, "anthropic")


_PLATFORMS = {"BaseBedrockClient": "aws.bedrock", "BaseVertexClient": "gcp.vertex_ai"}


def _older_platform(client: Any) -> str:
    """Whom a client is for by its class, in releases that do not say it."""
    classes = (each.__name__ for each in type(client).__mro__)
    return next((_PLATFORMS[name] for name in classes if name in _PLATFORMS), "anthropic")


def build() -> Patcher:
    """The patches of the ``anthropic`` package."""
    module = "anthropic._base_client"
    batches = _anthropic_batches.patches(module, APIS[0])
    return patcher(module, "_request", APIS, provider, older="request", more=batches)

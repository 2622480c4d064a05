"""What a provider module tells about its wire format: pure functions from JSON to messages.

A provider is data plus three pure functions (:class:`Api`). They run on our worker, on bodies
exactly as they crossed the wire, and never see an SDK object.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memori_storage.records import Message, Part

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says. ``attributes`` are further span attributes, by their ``gen_ai``
    names."""

    messages: Sequence[Message]
    model: str | None = None
    system: str | None = None
    previous_response_id: str | None = None
    conversation_id: str | None = None
    later: bool = False
    """Whether the answer may have to be fetched, by the id that the reply names."""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply says, or what arrived of it."""

    messages: Sequence[Message] = ()
    model: str | None = None
    id: str | None = None
    finish_reasons: Sequence[str] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    complete: bool = True
    """Whether the content itself says that the model had finished."""
    pending: bool = False
    """Whether the answer is still in the making, at the provider."""
    error: tuple[str, str] | None = None
    """Type and message of an error that the reply reports in its body."""
    conversation: bool = True
    """Whether it answers a conversation; an endpoint for any kind of model (Bedrock's
    ``InvokeModel``) brings embeddings and pictures too."""
    key: str | None = None
    """Names the turn wherever and however often its reply is fetched; by default its span does."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A streamed reply put together: the body that an unstreamed call would have brought."""

    body: Json
    complete: bool
    error: tuple[str, str] | None = None


def _unstreamed(events: Iterable[Json]) -> Assembled:
    """For what has no streams of events."""
    return Assembled({}, complete=False)


@dataclass(frozen=True, slots=True)
class Api:
    """One conversational endpoint: how to know it and how its traffic reads."""

    path: str
    """How the path of its URL ends, query cut off; ``*`` is any one step of it."""
    operation: str
    """``gen_ai.operation.name``."""
    read_request: Callable[[Json], Request]
    read_reply: Callable[[Json], Reply]
    assemble: Callable[[Iterable[Json]], Assembled] = _unstreamed
    """Puts the JSON events of a stream together."""
    plain: Callable[[Any], Any] | None = None
    """Makes JSON of what an SDK exchanges that speaks no JSON; on our worker, like the rest."""
    against: Callable[[Json, Reply], Reply] | None = None
    """Reads a reply against the request's body, where it does not tell all by itself."""
    method: str = "post"
    fetches: bool = False
    """Whether it brings, or changes, the answer of an earlier call: no call of a model itself."""


def first_api(apis: Sequence[Api], path: str, method: str = "post") -> Api | None:
    """The endpoint that ``path`` names, or ``None``: what is not listed is no conversation.

    Args:
        apis: In this order.
        path: May have a query, which does not count.
        method: Of HTTP, in lower case.
    """
    path = path.partition("?")[0].rstrip("/")
    for api in apis:
        if api.method == method and _ends(path, api.path):
            return api
    return None


def _ends(path: str, pattern: str) -> bool:
    """Whether a path ends as a pattern says."""
    if "*" not in pattern:
        return path.endswith(pattern)
    steps = pattern.split("/")
    found = path.split("/")[-len(steps) + 1 :]
    return len(found) == len(steps) - 1 and all(
        step in ("*", there) and there for step, there in zip(steps[1:], found, strict=True)
    )


# --- parts: the shapes of the GenAI semantic conventions ----------------------------------------


def text_part(content: str, citations: Sequence[Json] = ()) -> Part:
    """Words; with the sources that they name, less what only their provider can read."""
    if not citations:
        return {"type": "text", "content": content}
    return {"type": "text", "content": content, "citations": [_readable(it) for it in citations]}


def _readable(source: Json) -> dict[str, Any]:
    return {
        key: without_payloads(value)
        for key, value in source.items()
        if value is not None and not key.startswith("encrypted")
    }


def reasoning_part(content: str) -> Part:
    return {"type": "reasoning", "content": content}


def tool_call_part(id: str | None, name: str | None, arguments: Any) -> Part:
    """A tool call; ``arguments`` as JSON text are decoded, and kept as they are when broken."""
    return {"type": "tool_call", "id": id, "name": name, "arguments": loose_json(arguments)}


def tool_response_part(id: str | None, response: Any) -> Part:
    return {"type": "tool_call_response", "id": id, "response": response}


def server_tool_parts(
    id: str | None, name: str, call: Json, response: Json | None = None
) -> list[Part]:
    """A call that the provider answers itself, and its answer if there is one; long encoded
    payloads left out."""
    parts: list[Part] = [
        {
            "type": "server_tool_call",
            "id": id,
            "name": name,
            "server_tool_call": without_payloads(call),
        }
    ]
    if response is not None:
        answer = {"id": id, "server_tool_call_response": without_payloads(response)}
        parts.append({"type": "server_tool_call_response", **answer})
    return parts


def other_part(item: Json) -> Part:
    """A part of a kind we have no shape for: kept as sent, less any long encoded payload."""
    kind = str(item.get("type", "unknown"))
    return {"type": "unknown" if kind in _SHAPED else kind, "content": without_payloads(item)}


_SHAPED = frozenset({"text", "reasoning", "tool_call", "tool_call_response", "blob", "uri", "file"})
"""Types whose parts have a shape of ours, which a part that we cannot read does not have."""


def media_part(modality: str, mime_type: str | None, data: str | bytes) -> Part:
    """Binary content as a reference: kind, mime type, size in bytes and SHA-256, never the bytes.

    Args:
        modality: ``image``, ``audio``, ``video`` or ``file``.
        mime_type: As sent, if it was.
        data: Base64 text or the bytes themselves. Text that is no base64 is measured as it stands.
    """
    raw = media_bytes(data)
    return {
        "type": "blob",
        "modality": modality,
        "mime_type": mime_type,
        "size": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def uri_part(modality: str, uri: str, mime_type: str | None = None) -> Part:
    """Content by address; a ``data:`` URL counts as the bytes it holds."""
    if uri.startswith("data:"):
        head, _, data = uri[5:].partition(",")
        return media_part(modality, head.partition(";")[0] or mime_type, data)
    return {"type": "uri", "modality": modality, "mime_type": mime_type, "uri": uri}


def file_part(file_id: str, modality: str = "file") -> Part:
    return {"type": "file", "modality": modality, "file_id": file_id}


def media_bytes(data: str | bytes) -> bytes:
    """The bytes that base64 text stands for; text that is none as it stands."""
    if isinstance(data, bytes):
        return data
    import base64
    import binascii

    try:
        # Gemini's SDK sends the URL-safe alphabet, the others the plain one.
        text = data.replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return data.encode("utf-8", "surrogatepass")


_PAYLOAD = 4_096


def without_payloads(value: Any) -> Any:
    """``value`` with each ``data:`` URL, and each string of unbroken text beyond 4 kB, replaced by
    its size and digest."""
    if isinstance(value, Mapping):
        return {str(key): without_payloads(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_payloads(item) for item in value]
    if isinstance(value, str):
        if value.startswith("data:") and ";base64," in value[:_PAYLOAD]:
            value = value.partition(",")[2]
        elif len(value) <= _PAYLOAD or " " in value[:_PAYLOAD]:
            return value
        part = media_part("file", None, value)
        return {"size": part["size"], "sha256": part["sha256"]}
    return value


# --- small readers shared by the providers ------------------------------------------------------


def plain(value: Any) -> Any:
    """JSON of what frameworks build of mappings, lists and pydantic's models."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    dump = getattr(value, "model_dump", None)
    return value if dump is None else dump(mode="json", warnings=False)


def loose_json(value: Any) -> Any:
    """JSON text decoded; anything else, and text that is no JSON, as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def mapping(value: Any) -> Json:
    """``value`` if it is a JSON object, else an empty one: bodies are not to be trusted."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Json]:
    """The JSON objects in ``value`` if it is a list, else none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def number(value: Any) -> int:
    """``value`` if it is a whole number, else 0: indexes in streams."""
    return value if isinstance(value, int) else 0


def counts(usage: Any, names: Mapping[str, str]) -> dict[str, int]:
    """Token counts under our names.

    Args:
        usage: The provider's usage object.
        names: Our name by the provider's; a dotted one reaches into nested objects.
    """
    found: dict[str, int] = {}
    for theirs, ours in names.items():
        value: Any = usage
        for step in theirs.split("."):
            value = mapping(value).get(step)
        if isinstance(value, int) and not isinstance(value, bool):
            found[ours] = found.get(ours, 0) + value
    return found


def chosen(body: Json, names: Mapping[str, str]) -> dict[str, Any]:
    """The request parameters that are span attributes, by attribute name; unset ones left out."""
    attributes: dict[str, Any] = {}
    for theirs, attribute in names.items():
        value = body.get(theirs)
        if isinstance(value, bool | int | float | str):
            attributes[attribute] = value
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            attributes[attribute] = value
    return attributes

"""Agno: every request to a model, by agents and teams in all their ways to run.

Each class of models has its own four methods that make one request each, so they are wrapped
wherever they are defined. Tools run outside of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from memori_instrumentation.capture.reading import (
    Api,
    Json,
    Reply,
    Request,
    items,
    mapping,
    media_part,
    plain,
    string,
    uri_part,
)
from memori_instrumentation.providers import _openai_chat
from memori_instrumentation.providers._choke import Args, Kwargs
from memori_instrumentation.providers._patching import Patch, Patcher
from memori_instrumentation.providers._scope import Asking, Framework, said
from memori_storage.records import Message, Part

_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_creation_tokens",
    "reasoning_tokens": "reasoning_tokens",
}
_MEDIA = {
    "images": "image",
    "audio": "audio",
    "videos": "video",
    "files": "file",
}
"""Modality by the attribute of a message."""


def read_request(body: Json) -> Request:
    """The history a model was given."""
    return Request(messages=[_message(message) for message in body["messages"]])


def read_reply(body: Json) -> Reply:
    """A ``ModelResponse``, or the pieces of one: an answer of OpenAI's chat in other clothes."""
    pieces = [body["reply"]] if "reply" in body else body["items"]
    assembled = _openai_chat.assemble(_chunks(pieces))
    reply = _openai_chat.read_reply(assembled.body)
    media = [part for piece in pieces for part in _media(piece)]
    ids = (string(mapping(piece.provider_data).get("id")) for piece in pieces)
    usage: dict[str, int] = {}
    for theirs, ours in _USAGE.items():
        count = sum(getattr(piece.response_usage, theirs, 0) for piece in pieces)
        if count:
            usage[ours] = count
    return replace(
        reply,
        messages=[Message(m.role, [*m.parts, *media]) for m in reply.messages],
        id=next(filter(None, ids), None),
        usage=usage,
        complete=bool(body.get("whole", True)),
    )


def _chunks(pieces: list[Any]) -> Iterator[Json]:
    """Pieces of a reply as the chunks of OpenAI's chat."""
    # A call that has no index is whole.
    indexes = itertools.count()
    for piece in pieces:
        calls = items(plain(piece.tool_calls or []))
        delta = {
            "content": piece.content if piece.content is None else str(piece.content),
            "reasoning_content": piece.reasoning_content,
            "tool_calls": [{"index": next(indexes), **call} for call in calls],
        }
        yield {"choices": [{"delta": delta}]}


def _message(message: Any) -> Message:
    told = {
        "role": message.role,
        "content": plain(message.content),
        "reasoning_content": message.reasoning_content,
        "tool_calls": plain(message.tool_calls),
        "tool_call_id": message.tool_call_id,
    }
    (read,) = _openai_chat.read_request({"messages": [told]}).messages
    return Message(read.role, [*read.parts, *_media(message)])


def _media(holder: Any) -> Iterator[Part]:
    for name, modality in _MEDIA.items():
        found = getattr(holder, name, None) or ()
        for medium in found if isinstance(found, list | tuple) else (found,):
            mime_type = string(getattr(medium, "mime_type", None))
            if isinstance(medium.content, bytes | str):
                yield media_part(modality, mime_type, medium.content)
            elif place := medium.url or medium.filepath:
                yield uri_part(modality, str(place), mime_type)


API = Api("agno", "chat", read_request, read_reply)


def _asking(model: Any, args: Args, kwargs: Kwargs) -> Asking:
    run = kwargs.get("run_response")
    told = (mapping(getattr(run, name, None)) for name in ("metadata", "session_state"))
    return Asking(
        said(*told, session=getattr(run, "session_id", None)),
        # A class that names no provider gets one made of its name and its model's.
        (model.provider or "unknown").partition(" (")[0].lower(),
        model.id,
        # The list goes on growing with the run.
        {"messages": list(args[0] if args else kwargs["messages"])},
    )


def build() -> Patcher:
    """The patches of the ``agno`` package."""
    framework = Framework("agno", API, _asking, sends=True)
    wrappers = {
        "invoke": framework.function,
        "ainvoke": framework.coroutine,
        "invoke_stream": framework.generator,
        "ainvoke_stream": framework.async_generator,
    }
    return Patcher(
        [
            Patch("agno.models.base", f"Model.{name}", wrapper, family=True)
            for name, wrapper in wrappers.items()
        ]
    )

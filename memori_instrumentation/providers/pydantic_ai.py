"""Pydantic AI: every request to a model, by agents in all their ways to run and by ``direct``.

Each class of models has its own ``request`` and ``request_stream``, so they are wrapped wherever
they are defined. Models made of models (with fallbacks, instrumented ones) contain the scopes of
those they ask.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from memori_instrumentation.capture.reading import (
    Api,
    Json,
    Reply,
    Request,
    file_part,
    items,
    media_part,
    other_part,
    reasoning_part,
    string,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)
from memori_instrumentation.providers._choke import Args, Kwargs
from memori_instrumentation.providers._patching import Patch, Patcher
from memori_instrumentation.providers._scope import Asking, Framework, said
from memori_storage.records import Message, Part

if TYPE_CHECKING:
    from pydantic_ai.models.instrumented import InstrumentationSettings

_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_creation_tokens",
}


def read_request(body: Json) -> Request:
    """The history a model was given."""
    history = body["messages"]
    instructions = (getattr(message, "instructions", None) for message in reversed(history))
    return Request(messages=_messages(history), system=next(filter(None, instructions), None))


def read_reply(body: Json) -> Reply:
    """A ``ModelResponse``, whole or as far as it had been streamed."""
    response = body.get("reply")
    if response is None:  # a stream that could not say what had arrived
        return Reply(complete=False)
    usage = ((ours, getattr(response.usage, theirs, 0)) for theirs, ours in _USAGE.items())
    return Reply(
        messages=_messages([response]),
        model=response.model_name,
        id=response.provider_response_id,
        finish_reasons=[response.finish_reason] if response.finish_reason else [],
        usage={name: count for name, count in usage if count},
        complete=response.state == "complete",
    )


_OF_URLS = {"image-url": "image", "audio-url": "audio", "video-url": "video"}


@functools.cache
def _telling() -> InstrumentationSettings:
    """Pydantic AI's own way to put messages in the form of the semantic conventions."""
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.trace import NoOpTracerProvider
    from pydantic_ai.models.instrumented import InstrumentationSettings

    return InstrumentationSettings(
        tracer_provider=NoOpTracerProvider(), meter_provider=NoOpMeterProvider()
    )


def _messages(history: list[Any]) -> list[Message]:
    found = []
    for told in _telling().messages_to_otel_messages(history):
        parts = [_part(part) for part in items(told["parts"])]
        answers = parts and all(part["type"] == "tool_call_response" for part in parts)
        role = "tool" if answers else told["role"]
        found.append(Message(role, parts, string(told.get("finish_reason"))))
    return [message for message in found if message.parts or message.role == "assistant"]


def _part(part: Json) -> Part:
    """One of Pydantic AI's parts, which differ from the conventions' in a few names."""
    kind = str(part.get("type"))
    modality = string(part.get("modality")) or "file"
    mime_type = string(part.get("mime_type")) or string(part.get("media_type"))
    if kind == "text":
        return text_part(str(part.get("content", "")))
    if kind in ("thinking", "reasoning"):
        return reasoning_part(str(part.get("content", "")))
    if kind == "tool_call":
        return tool_call_part(
            string(part.get("id")), string(part.get("name")), part.get("arguments")
        )
    if kind == "tool_call_response":
        return tool_response_part(string(part.get("id")), part.get("result", part.get("response")))
    if kind in ("blob", "binary"):
        return media_part(modality, mime_type, str(part.get("content", "")))
    if kind == "uri":
        return uri_part(modality, str(part.get("uri")), mime_type)
    if kind.endswith("-url"):  # the same in the first major
        return uri_part(_OF_URLS.get(kind, "file"), str(part.get("url")), mime_type)
    if kind == "file":
        return file_part(str(part.get("file_id")), modality)
    return other_part(part)


API = Api("pydantic-ai", "chat", read_request, read_reply)


def _asking(model: Any, args: Args, kwargs: Kwargs) -> Asking:
    from pydantic_ai._run_context import get_current_run_context

    run = args[3] if len(args) > 3 else kwargs.get("run_context")
    run = run or get_current_run_context()
    metadata = getattr(run, "metadata", None) or {}
    return Asking(
        said(metadata, session=getattr(run, "conversation_id", None)),
        model.system,
        model.model_name,
        # The list goes on growing with the run.
        {"messages": list(args[0] if args else kwargs["messages"])},
    )


def build() -> Patcher:
    """The patches of ``pydantic-ai-slim``."""
    framework = Framework("pydantic-ai", API, _asking)
    module = "pydantic_ai.models"
    return Patcher(
        [
            Patch(module, "Model.request", framework.coroutine, family=True),
            Patch(module, "Model.request_stream", framework.stream_manager, family=True),
        ]
    )

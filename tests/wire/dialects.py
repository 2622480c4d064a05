"""The wire formats: a scripted answer as each provider's JSON body, SSE events and errors.

Shapes follow the providers' public API references and the recorded exchanges; every one is checked
by the real SDKs reading it (``test_server.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wire.anthropic_messages import anthropic_body, anthropic_error, anthropic_events
from wire.bedrock_formats import (
    EVENT_STREAM,
    bedrock_error,
    bedrock_headers,
    bedrock_stream_error,
    converse_body,
    converse_events,
    invoke_events,
)
from wire.common import Json, sse
from wire.google_generate import google_body, google_error, google_events
from wire.google_interactions import (
    interactions_body,
    interactions_error,
    interactions_events,
    interactions_stream_error,
)
from wire.openai_chat import chat_body, chat_events, openai_error
from wire.openai_completions import completions_body, completions_events
from wire.openai_responses import responses_body, responses_events, responses_stream_error
from wire.replies import Answer
from wire.xai_chat import xai_body, xai_error, xai_events


@dataclass(frozen=True)
class Dialect:
    """How one API speaks. Functions take the answer and the request's model name."""

    name: str
    path: re.Pattern[str]
    body: Callable[[Answer, str], Json]
    events: Callable[[Answer, str, Json], Iterator[bytes]]
    error: Callable[[int, str], Json]
    stream_error: Callable[[str], bytes]
    content_type: str = "text/event-stream; charset=utf-8"
    """Of a streamed answer."""
    headers: Callable[[int], dict[str, str]] = lambda status: {}
    """Of an answer with a status, beyond what all have."""


DIALECTS = (
    Dialect(
        "openai.chat",
        re.compile(r"/chat/completions$"),
        chat_body,
        chat_events,
        openai_error,
        lambda message: sse(openai_error(500, message)),
    ),
    Dialect(
        "openai.completions",
        re.compile(r"(?<!chat)/completions$"),
        completions_body,
        completions_events,
        openai_error,
        lambda message: sse(openai_error(500, message)),
    ),
    Dialect(
        "openai.responses",
        re.compile(r"/(v1|openai)/responses$"),
        responses_body,
        responses_events,
        openai_error,
        responses_stream_error,
    ),
    Dialect(
        "anthropic",
        re.compile(r"/v1/messages$|:(streamR|r)awPredict$"),
        anthropic_body,
        anthropic_events,
        anthropic_error,
        lambda message: sse(anthropic_error(500, message), "error"),
    ),
    Dialect(
        "google",
        re.compile(r":(streamG|g)enerateContent$"),
        google_body,
        google_events,
        google_error,
        lambda message: sse(google_error(500, message), end="\r\n\r\n"),
    ),
    Dialect(
        "google.interactions",
        re.compile(r"/interactions$"),
        interactions_body,
        interactions_events,
        interactions_error,
        interactions_stream_error,
    ),
    Dialect(
        # Over gRPC, where each event is a message: see ``xai_server``.
        "xai",
        re.compile(r"/xai_api\.Chat(/|$)"),
        xai_body,
        xai_events,
        xai_error,
        lambda message: sse(xai_error(500, message)),
    ),
    Dialect(
        "bedrock.converse",
        re.compile(r"/model/[^/]+/converse(-stream)?$"),
        converse_body,
        converse_events,
        bedrock_error,
        bedrock_stream_error,
        EVENT_STREAM,
        bedrock_headers,
    ),
    Dialect(
        # Claude's: other models' bodies are given as they are, in ``Answer.raw``.
        "bedrock.invoke",
        re.compile(r"/model/[^/]+/invoke(-with-response-stream)?$"),
        anthropic_body,
        invoke_events,
        bedrock_error,
        bedrock_stream_error,
        EVENT_STREAM,
        bedrock_headers,
    ),
)


def dialect_of(path: str) -> Dialect | None:
    """The dialect of a request's path (its query is ignored); ``None`` for other endpoints."""
    bare = path.partition("?")[0]
    return next((item for item in DIALECTS if item.path.search(bare)), None)


def streams(path: str, request: Json) -> bool:
    """Whether a request asks for a streamed reply: by its path, where that says it, or its body."""
    by_path = path.endswith(("/GetCompletionChunk", "/converse-stream", "-with-response-stream"))
    return by_path or ":streamGenerateContent" in path or bool(request.get("stream"))

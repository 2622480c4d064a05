"""Google's Gen AI SDK: ``generate_content`` in all its forms, for Gemini and Vertex AI.

All of them pass four methods of the API client, one per model turn: automatic function calling
makes several. A body is JSON text already; a stream is a series of JSON texts. Bodies are
camelCase, but dictionaries that the user wrote pass as they are, so both spellings are read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from time import time_ns
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import context

from memori_instrumentation._attribution import attach, detach
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.reading import (
    Api,
    Assembled,
    Json,
    Reply,
    Request,
    chosen,
    counts,
    first_api,
    items,
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
)
from memori_instrumentation.capture.runtime import active
from memori_instrumentation.providers._patching import Patch, Patcher
from memori_storage.records import Message, Part

_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "topP": "gen_ai.request.top_p",
    "topK": "gen_ai.request.top_k",
    "maxOutputTokens": "gen_ai.request.max_tokens",
    "frequencyPenalty": "gen_ai.request.frequency_penalty",
    "presencePenalty": "gen_ai.request.presence_penalty",
    "stopSequences": "gen_ai.request.stop_sequences",
    "seed": "gen_ai.request.seed",
    "candidateCount": "gen_ai.request.choice.count",
}
_USAGE = {
    "promptTokenCount": "input_tokens",
    "toolUsePromptTokenCount": "input_tokens",
    "candidatesTokenCount": "output_tokens",
    # Gemini counts thoughts beside the candidates; both are generated tokens.
    "thoughtsTokenCount": "reasoning_tokens",
    "cachedContentTokenCount": "cache_read_tokens",
}


def _get(item: Json, camel: str) -> Any:
    """A field under its camelCase or snake_case name."""
    if camel in item:
        return item[camel]
    return item.get("".join("_" + c.lower() if c.isupper() else c for c in camel))


def read_request(body: Json) -> Request:
    config = mapping(_get(body, "generationConfig"))
    contents = body.get("contents")
    return Request(
        messages=[
            _message(item) for item in items(contents if isinstance(contents, list) else [contents])
        ],
        system=_message(mapping(_get(body, "systemInstruction"))).text or None,
        conversation_id=None,
        attributes=chosen({name: _get(config, name) for name in _PARAMETERS}, _PARAMETERS),
    )


def read_reply(body: Json) -> Reply:
    candidates = items(body.get("candidates"))
    reasons = [string(_get(candidate, "finishReason")) for candidate in candidates]
    blocked = string(_get(mapping(_get(body, "promptFeedback")), "blockReason"))
    usage = counts(_get(body, "usageMetadata"), _USAGE)
    if "reasoning_tokens" in usage:
        usage["output_tokens"] = usage.get("output_tokens", 0) + usage["reasoning_tokens"]
    return Reply(
        messages=[
            _message({"role": "model", **mapping(candidate.get("content"))}, reason)
            for candidate, reason in zip(candidates, reasons, strict=True)
        ],
        model=string(_get(body, "modelVersion")),
        id=string(_get(body, "responseId")),
        finish_reasons=[reason for reason in (*reasons, blocked) if reason],
        usage=usage,
        complete=bool(blocked) or (bool(reasons) and all(reasons)),
    )


def _message(item: Json, finish_reason: str | None = None) -> Message:
    role = string(item.get("role")) or "user"
    parts = item.get("parts")
    return Message(
        "assistant" if role == "model" else role,
        _joined(_part(part) for part in items(parts if isinstance(parts, list) else [parts])),
        finish_reason,
    )


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Neighbouring text parts as one: a stream cuts text anywhere."""
    joined: list[Part] = []
    for part in parts:
        kind = part["type"]
        if joined and kind == joined[-1]["type"] and kind in ("text", "reasoning"):
            joined[-1] = {"type": kind, "content": joined[-1]["content"] + part["content"]}
        else:
            joined.append(part)
    return joined


def _part(part: Json) -> Part:
    if isinstance(text := part.get("text"), str):
        return reasoning_part(text) if part.get("thought") is True else text_part(text)
    if call := mapping(_get(part, "functionCall")):
        return tool_call_part(string(call.get("id")), string(call.get("name")), call.get("args"))
    if answer := mapping(_get(part, "functionResponse")):
        return {
            **tool_response_part(string(answer.get("id")), answer.get("response")),
            "name": string(answer.get("name")),
        }
    if blob := mapping(_get(part, "inlineData")):
        mime_type = string(_get(blob, "mimeType"))
        data = blob.get("data")
        return media_part(
            _modality(mime_type), mime_type, data if isinstance(data, bytes) else str(data or "")
        )
    if file := mapping(_get(part, "fileData")):
        mime_type = string(_get(file, "mimeType"))
        return uri_part(_modality(mime_type), str(_get(file, "fileUri")), mime_type)
    kind = next((key for key in part if key not in ("thought", "thoughtSignature")), "unknown")
    return other_part({"type": kind, **part})


def _modality(mime_type: str | None) -> str:
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "file"


def assemble(events: Iterable[Json]) -> Assembled:
    """Chunks put together: parts are appended, counts and finish reason are the last ones said."""
    body: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    error: tuple[str, str] | None = None
    for event in events:
        if failure := mapping(event.get("error")):
            error = (str(failure.get("status") or failure.get("code")), str(failure.get("message")))
        body.update({key: value for key, value in event.items() if key != "candidates" and value})
        for item in items(event.get("candidates")):
            candidate = candidates.setdefault(number(item.get("index")), {"content": {"parts": []}})
            candidate["content"]["parts"] += items(mapping(item.get("content")).get("parts"))
            if reason := _get(item, "finishReason"):
                candidate["finishReason"] = reason
    body["candidates"] = [candidates[index] for index in sorted(candidates)]
    return Assembled(body, complete=error is None and read_reply(body).complete, error=error)


APIS = tuple(
    Api(path, "generate_content", read_request, read_reply, assemble)
    for path in (":generateContent", ":streamGenerateContent")
)


# --- patches ------------------------------------------------------------------------------------


def _begin(client: Any, args: Any, kwargs: Any) -> tuple[Call, context.Context] | None:
    """Start capturing, if this is a conversation and nothing forbids it. Never raises."""
    runtime = active()
    if runtime is None:
        return None
    try:
        path = args[1] if len(args) > 1 else kwargs["path"]
        api = first_api(APIS, path)
        if api is None:
            return None
        url = urlsplit(str(client._http_options.base_url))
        begun = runtime.begin(
            api,
            "gcp.vertex_ai" if client.vertexai else "gcp.gemini",
            model=path.rpartition("/")[2].partition(":")[0],
            server=(url.hostname or "", url.port or (80 if url.scheme == "http" else 443)),
        )
        if begun is not None:
            # The SDK built this dictionary for the call and serialises it itself: nobody changes
            # it later.
            begun[0].request = args[2] if len(args) > 2 else kwargs["request_dict"]
    except Exception as error:
        runtime.stats.failed += 1
        runtime.stats.once("begin google", "a call could not be captured: %r", error)
        return None
    return begun


def _failed(call: Call, error: BaseException) -> None:
    code = getattr(error, "code", None)
    if isinstance(code, int):
        call.status = code
    call.finish(error)


def _request(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
    begun = _begin(client, args, kwargs)
    if begun is None:
        return wrapped(*args, **kwargs)
    call, ctx = begun
    token = attach(ctx)
    try:
        response = wrapped(*args, **kwargs)
    except BaseException as error:
        _failed(call, error)
        raise
    finally:
        detach(token)
    call.body = response.body
    call.finish()
    return response


async def _async_request(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
    begun = _begin(client, args, kwargs)
    if begun is None:
        return await wrapped(*args, **kwargs)
    call, ctx = begun
    token = attach(ctx)
    try:
        response = await wrapped(*args, **kwargs)
    except BaseException as error:
        _failed(call, error)
        raise
    finally:
        detach(token)
    call.body = response.body
    call.finish()
    return response


def _request_streamed(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
    begun = _begin(client, args, kwargs)
    if begun is None:
        return wrapped(*args, **kwargs)
    return _Chunks(wrapped(*args, **kwargs), *begun)


async def _async_request_streamed(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
    begun = _begin(client, args, kwargs)
    if begun is None:
        return await wrapped(*args, **kwargs)
    call, ctx = begun
    token = attach(ctx)
    try:
        stream = await wrapped(*args, **kwargs)
    except BaseException as error:
        _failed(call, error)
        raise
    finally:
        detach(token)
    return _AsyncChunks(stream, call, ctx)


class _Noting:
    """A stream of chunks inside the SDK that notes what passes. The user holds the SDK's own
    generator around it."""

    def __init__(self, stream: Any, call: Call, ctx: context.Context) -> None:
        self._stream = stream
        self._call = call
        self._ctx: context.Context | None = ctx
        call.streamed = True

    def __getattr__(self, name: str) -> Any:
        if name in ("_stream", "_call", "_ctx"):
            raise AttributeError(name)
        return getattr(self._stream, name)

    def __del__(self) -> None:
        call = self.__dict__.get("_call")
        if call is not None:
            call.finish()

    def _note(self, chunk: Any) -> Any:
        call = self._call
        if not call.first_ns:
            call.first_ns = time_ns()
        if chunk.body:
            call.chunks.append(chunk.body)
        return chunk


class _Chunks(_Noting):
    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        # The request itself goes out with the first step.
        token = attach(self._ctx) if self._ctx is not None else None
        self._ctx = None
        try:
            return self._note(next(self._stream))
        except StopIteration:
            self._call.finish()
            raise
        except BaseException as error:
            _failed(self._call, error)
            raise
        finally:
            if token is not None:
                detach(token)

    def close(self) -> None:
        self._call.finish()
        self._stream.close()


class _AsyncChunks(_Noting):
    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return self._note(await self._stream.__anext__())
        except StopAsyncIteration:
            self._call.finish()
            raise
        except BaseException as error:
            _failed(self._call, error)
            raise

    async def aclose(self) -> None:
        self._call.finish()
        await self._stream.aclose()


_MODULE = "google.genai._api_client"


def build() -> Patcher:
    """The patches of the ``google-genai`` package."""
    return Patcher(
        [
            Patch(_MODULE, "BaseApiClient.request", _request),
            Patch(_MODULE, "BaseApiClient.request_streamed", _request_streamed),
            Patch(_MODULE, "BaseApiClient.async_request", _async_request),
            Patch(_MODULE, "BaseApiClient.async_request_streamed", _async_request_streamed),
        ]
    )

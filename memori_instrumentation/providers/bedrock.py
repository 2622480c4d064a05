"""AWS Bedrock through botocore (boto3) and aiobotocore: ``Converse`` and ``InvokeModel``, whole and
streamed.

Each call of any AWS service passes ``_make_api_call``, retries inside, and each one that is sent
``_make_request`` below it: there the request is the bytes that go out, and what comes back is the
HTTP response, a stream still unread. The user gets botocore's own objects; only the response
underneath is teed as it is read.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any
from weakref import finalize, ref

from opentelemetry import context

from memori_instrumentation.capture.call import MAX_ERROR, Call, call_under_way
from memori_instrumentation.capture.decode import frozen
from memori_instrumentation.capture.tee_reads import tee_reads
from memori_instrumentation.providers import _bedrock_invoke, _converse
from memori_instrumentation.providers._choke import (
    Args,
    Asked,
    Choke,
    Kwargs,
    server_at,
    unusable,
)
from memori_instrumentation.providers._patching import Patch, Patcher

_INVOKE = _bedrock_invoke.API
APIS = (_converse.API, _INVOKE)
_OPERATIONS = {
    "Converse": _converse.API,
    "ConverseStream": _converse.API,
    "InvokeModel": _INVOKE,
    "InvokeModelWithResponseStream": _INVOKE,
}
_SERVICE = "bedrock-runtime"
_NO_CONVERSATION = re.compile(
    r"\b(?:stability|luma)\.|\b(?:amazon|cohere|twelvelabs)\.[\w-]*(?:embed|rerank|image|canvas|reel)"
)
"""Models that ``InvokeModel`` calls for something else. Of models behind the name of a profile or a
deployment, the reply tells."""


def _describe(client: Any, args: Args, kwargs: Kwargs) -> Asked | None:
    operation, given = _arguments(args, kwargs)
    api = _OPERATIONS.get(operation)
    if api is None or client._service_model.service_name != _SERVICE:
        return None
    model = given.get("modelId")
    if not isinstance(model, str):
        model = None
    elif api is _INVOKE and _NO_CONVERSATION.search(model):
        return None
    return Asked(api, "aws.bedrock", model, server_at(client.meta.endpoint_url))


def _arguments(args: Args, kwargs: Kwargs) -> tuple[str, Mapping[str, Any]]:
    """The operation of ``_make_api_call`` and what the user gave it."""
    operation, given = (*args, *kwargs.values())
    return operation, given


def _request(wrapped: Any, client: Any, args: Args, kwargs: Any) -> Any:
    call = _sending(args)
    result = wrapped(*args, **kwargs)
    if call is not None:
        call.body = _received(call, args, result)
    return result


async def _request_async(wrapped: Any, client: Any, args: Args, kwargs: Any) -> Any:
    call = _sending(args)
    result = await wrapped(*args, **kwargs)
    if call is not None and (content := _received(call, args, result)) is not None:
        call.body = await content  # the SDK has read it: there is nothing to wait for
    return result


def _sending(args: Args) -> Call | None:
    """Note a request that is about to be sent; the call that it belongs to, if it is one of ours.

    Requests of other services may go out inside a call, to get credentials for instance.
    """
    try:
        operation = args[0]
        if operation.name not in _OPERATIONS or operation.service_model.service_name != _SERVICE:
            return None
        call = call_under_way()
        if call is None or call.api not in APIS:
            return None
        call.request = _bytes(args[1]["body"])
        return call
    except Exception as error:
        unusable("a request", error)
        return None


def _bytes(body: Any) -> Any:
    """What a body says. ``InvokeModel`` takes the caller's own, which may be a buffer or a file."""
    if isinstance(body, bytearray):
        return bytes(body)
    if not hasattr(body, "read"):
        return body
    # As botocore does to sign it.
    position = body.tell()
    try:
        return body.read()
    finally:
        body.seek(position)


def _received(call: Call, args: Args, result: Any) -> Any:
    """Note the HTTP response that came back; its content, unless the user is still to read it."""
    try:
        operation, (response, _) = args[0], result
        call.status = response.status_code
        call.content_type = response.headers.get("content-type")
        unread = operation.has_event_stream_output or operation.has_streaming_output
        if not unread or response.status_code >= 300:
            return response.content
        tee_reads(response.raw, call)
        call.streamed = True
    except Exception as error:
        unusable("a response", error)
    return None


def _returned(call: Call, ctx: context.Context, result: Any) -> Any:
    # What is still to be read is handed over once its response has been, is closed, or is garbage.
    if not call.streamed:
        call.finish()
    elif hasattr(stream := result.get("stream") or result.get("body"), "_parse_event"):
        _watch(stream, call)
    return result


def _watch(stream: Any, call: Call) -> None:
    """Hand over with an ``EventStream`` what the response under it does not tell: an event that it
    raises, which leaves the response open, and that it is garbage, which a response of aiohttp is
    not before its connection ends."""
    finalize(stream, call.finish).atexit = False
    itself, plain = ref(stream), type(stream)._parse_event

    def parse(event: Any) -> Any:
        try:
            return plain(itself(), event)
        except BaseException as error:
            call.finish(error)
            raise

    async def parse_async(event: Any) -> Any:
        try:
            return await plain(itself(), event)
        except BaseException as error:
            call.finish(error)
            raise

    stream._parse_event = parse_async if inspect.iscoroutinefunction(plain) else parse


def _failed(call: Call, args: Args, kwargs: Kwargs, error: BaseException) -> None:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        # A ``ClientError``, whose class is one for all.
        details = response.get("Error", {})
        call.error = str(details.get("Code")), str(details.get("Message"))[:MAX_ERROR]
    if call.request is None:
        # Not sent: what the caller gave is the caller's to change.
        _, given = _arguments(args, kwargs)
        call.request = _bytes(given.get("body")) if call.api is _INVOKE else frozen(given)


_SYNC, _ASYNC = "botocore.client", "aiobotocore.client"


def build() -> Patcher:
    """The patches of ``botocore`` and ``aiobotocore``."""
    choke = Choke(_describe, _returned, _failed)
    return Patcher(
        [
            Patch(_SYNC, "BaseClient._make_api_call", choke.sync),
            Patch(_SYNC, "BaseClient._make_request", _request),
            Patch(_ASYNC, "AioBaseClient._make_api_call", choke.asynchronous),
            Patch(_ASYNC, "AioBaseClient._make_request", _request_async),
        ]
    )

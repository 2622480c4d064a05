"""xAI's chat service over real gRPC, on the SDK's own protocol buffers.

It listens on a port of its own; clients reach it through :class:`wire.server.WireServer`, which
relays their connections here, shares its script and journal, and so can cut a connection in the
middle of a reply.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from xai_sdk.proto import chat_pb2, chat_pb2_grpc, deferred_pb2

from wire.dialects import dialect_of
from wire.replies import Answer, Received

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
}


class XaiServer:
    """The service.

    Args:
        chosen: Journals a request and decides its answer.
    """

    def __init__(self, chosen: Callable[[Received], Answer]) -> None:
        self._chosen = chosen
        self._clients: dict[int, socket.socket] = {}
        self._server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
        chat_pb2_grpc.add_ChatServicer_to_server(_Chat(self), self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def relay(self, client: socket.socket) -> None:
        """Carry a client's connection to the service and back until either side closes it."""
        with socket.create_connection(("127.0.0.1", self._port)) as service:
            port = service.getsockname()[1]
            self._clients[port] = client
            back = threading.Thread(target=_pump, args=(service, client), daemon=True)
            back.start()
            _pump(client, service)
            back.join()
            del self._clients[port]

    def received(self, request: Any, context: grpc.ServicerContext, method: str) -> Received:
        """A request as the journal keeps it: protocol buffers in their JSON form."""
        headers = {key: str(value) for key, value in context.invocation_metadata()}
        body = json.dumps(MessageToDict(request, preserving_proto_field_name=True))
        return Received("POST", f"/xai_api.Chat/{method}", headers, body.encode())

    def begun(self, received: Received, context: grpc.ServicerContext) -> Answer:
        """The answer to a request, its status told and its first silence kept."""
        answer = self._chosen(received)
        time.sleep(answer.first_byte_after)
        received.status = answer.status
        if answer.gzip:
            context.set_compression(grpc.Compression.Gzip)
        if answer.status >= 400:
            context.abort(_CODES[answer.status], answer.error)
        return answer

    def cut(self, context: grpc.ServicerContext) -> None:
        """Close the connection of a call's client."""
        client = self._clients[int(context.peer().rpartition(":")[2])]
        client.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class _Chat(chat_pb2_grpc.ChatServicer):
    def __init__(self, server: XaiServer) -> None:
        self._server = server
        self._deferred: dict[str, Any] = {}

    def GetCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._whole(request, context, "GetCompletion")

    def _whole(self, request: Any, context: Any, method: str) -> Any:
        received = self._server.received(request, context, method)
        answer = self._server.begun(received, context)
        dialect = dialect_of(received.path)
        assert dialect is not None
        body = dialect.body(answer, request.model)
        if answer.raw is not None:
            body = json.loads(answer.raw)
        reply = ParseDict(body, chat_pb2.GetChatCompletionResponse())
        received.answered = _json(reply)
        return reply

    def GetCompletionChunk(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        from wire.server import events

        received = self._server.received(request, context, "GetCompletionChunk")
        answer = self._server.begun(received, context)
        dialect = dialect_of(received.path)
        assert dialect is not None
        for number, event in enumerate(events(dialect, answer, request.model, received.json)):
            if number and answer.between_events:
                # Also before a cut: what was sent is on its way through a queue of gRPC's.
                time.sleep(answer.between_events)
            if number == answer.cut_after:
                self._server.cut(context)
                return
            said = json.loads(event.removeprefix(b"data: "))
            if "error" in said:
                context.abort(_CODES[500], said["error"]["message"])
            chunk = ParseDict(said, chat_pb2.GetChatCompletionChunk())
            received.answered += b"data: " + _json(chunk) + b"\n\n"
            yield chunk

    def StartDeferredCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        reply = self._whole(request, context, "StartDeferredCompletion")
        self._deferred[reply.id] = [reply, 2]
        return deferred_pb2.StartDeferredResponse(request_id=reply.id)

    def GetDeferredCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Pending when first asked, then done."""
        waiting = self._deferred[request.request_id]
        waiting[1] -= 1
        if waiting[1]:
            return chat_pb2.GetDeferredCompletionResponse(
                status=deferred_pb2.DeferredStatus.PENDING
            )
        return chat_pb2.GetDeferredCompletionResponse(
            status=deferred_pb2.DeferredStatus.DONE, response=waiting[0]
        )


def _json(message: Any) -> bytes:
    return json.dumps(MessageToDict(message, preserving_proto_field_name=True)).encode()

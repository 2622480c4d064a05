"""A loopback model server on a real socket: keep-alive HTTP/1.1, SSE, faults on demand, a journal.

Runs on a thread inside a test (:class:`WireServer`) or as its own process, for measurements::

    python -m wire.server --pieces 100        # prints its URL, answers until killed

Answers come, in this order of precedence, from the request's ``x-wire-answer`` header (a name given
to :meth:`WireServer.name`), from the queue filled by :meth:`WireServer.script`, or from
:attr:`WireServer.default`, a function of the request.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import socket
import socketserver
import sys
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from wire.background import Background, Later
from wire.dialects import DIALECTS, Dialect, dialect_of, streams
from wire.replies import Answer, Received, text

if TYPE_CHECKING:
    from wire.xai_server import XaiServer

Default = Callable[[Received], Answer]


def last_text(request: Any) -> str:
    """The last piece of text anywhere in a request's messages, whatever its dialect."""
    found = ""
    names = ("messages", "input", "contents", "prompt")
    stack = [next((request[name] for name in names if request.get(name)), "")]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            return item
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item[key] for key in ("text", "parts", "content") if item.get(key))
    return found


def echo(received: Received) -> Answer:
    """The default answer: ``You said: …`` with an id of its own for each request body."""
    said = last_text(received.json)
    return text(f"You said: {said}", id=f"reply-{abs(hash(received.body)):x}")


ELSEWHERE: dict[str, Any] = {
    "/v1/embeddings": {
        "object": "list",
        "model": "embedding-model",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}],
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    },
    "/v1/completions": {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "completion-model",
        "choices": [{"index": 0, "text": "a city.", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
    },
    "/v1/moderations": {"id": "modr-1", "model": "moderation-model", "results": []},
    "/v1/models": {"object": "list", "data": [], "has_more": False},
    "/v1/responses/input_tokens": {"object": "response.input_tokens", "input_tokens": 3},
    "/v1/messages/count_tokens": {"input_tokens": 3},
    "/v1beta/models": {"models": []},
    ":countTokens": {"totalTokens": 3},
    ":predict": {"predictions": []},
    ":predictLongRunning": {"name": "models/m/operations/o-1", "done": False},
    ":fetchPredictOperation": {"name": "models/m/operations/o-1", "done": True, "response": {}},
    ":batchGenerateContent": {"name": "batches/b-1", "metadata": {"name": "batches/b-1"}},
    "/batches/b-1": {"name": "batches/b-1", "metadata": {"name": "batches/b-1"}},
    "/cachedContents": {"name": "cachedContents/c-1"},
    "/files/f-1": {"name": "files/f-1", "uri": "https://files/f-1"},
    "/interactions/int-1": {"id": "int-1", "status": "completed", "steps": []},
    "/interactions/int-1/cancel": {"id": "int-1", "status": "cancelled", "steps": []},
    "/count-tokens": {"inputTokens": 3},
    "/apply": {"action": "NONE", "outputs": [], "assessments": []},
    ":batchEmbedContents": {"embeddings": [{"values": [0.25, 0.5]}]},
}
"""Endpoints that are not conversations, by the end of their path."""


class WireServer:
    """The server. Use as a context manager; :attr:`url` is where it listens.

    Args:
        port: TCP port on 127.0.0.1; 0 takes a free one.
        default: What to answer when nothing is scripted.
        keep_journal: Whether requests are kept in :attr:`journal` (a measurement turns it off).
    """

    def __init__(
        self, port: int = 0, default: Default = echo, *, keep_journal: bool = True
    ) -> None:
        self.default = default
        self.journal: list[Received] = []
        self.keep_journal = keep_journal
        self._queue: deque[Answer] = deque()
        self._named: dict[str, Answer] = {}
        self.pages: dict[str, bytes] = {}
        """Bodies of further endpoints, by the end of their path."""
        self._lock = threading.Lock()
        self._grpc: XaiServer | None = None
        self.background = Background()
        self._server = _Listener(("127.0.0.1", port), _Connection)
        self._server.wire = self
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> WireServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._grpc is not None:
            self._grpc.stop()

    def grpc(self) -> XaiServer:
        """The server behind this one for those who speak gRPC."""
        from wire.xai_server import XaiServer

        with self._lock:
            if self._grpc is None:
                self._grpc = XaiServer(self.chosen)
        return self._grpc

    def script(self, *answers: Answer) -> None:
        """Answer the next requests with these, in order of arrival."""
        with self._lock:
            self._queue.extend(answers)

    def name(self, name: str, answer: Answer) -> dict[str, str]:
        """Register an answer; returns the request header that asks for it."""
        self._named[name] = answer
        return {"x-wire-answer": name}

    def clear(self) -> None:
        """Forget the journal and whatever was scripted."""
        with self._lock:
            self._queue.clear()
            self._named.clear()
            self.pages.clear()
            self.journal.clear()
            self.default = echo

    def note(self, received: Received) -> None:
        """Journal a request."""
        if self.keep_journal:
            self.journal.append(received)

    def chosen(self, received: Received) -> Answer:
        """Journal a request and decide its answer."""
        name = received.headers.get("x-wire-answer")
        with self._lock:
            self.note(received)
            if name is None and self._queue:
                return self._queue.popleft()
        return self._named[name] if name is not None else self.default(received)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512
    wire: WireServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up midway is a test's purpose; anything else is a fault to show."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Hangup(Exception):
    """The script says to drop the connection here."""


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    wbufsize = 0
    server: _Listener

    def handle(self) -> None:
        if self.connection.recv(3, socket.MSG_PEEK) == b"PRI":
            # HTTP/2 with prior knowledge begins "PRI * HTTP/2.0": gRPC.
            self.server.wire.grpc().relay(self.connection)
            return
        try:
            while (received := self._read()) is not None:
                self._answer(received)
        except _Hangup:
            self.connection.shutdown(socket.SHUT_RDWR)

    def _read(self) -> Received | None:
        """The next request of this connection; ``None`` when the client has closed it."""
        line = self.rfile.readline(65536)
        if not line:
            return None
        method, target, _ = line.decode("ascii").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(1 << 20)) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if "transfer-encoding" in headers:
            raise NotImplementedError("this server reads bodies with a content-length only")
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return Received(method, target, headers, body)

    def _answer(self, received: Received) -> None:
        if (later := self.server.wire.background.answer(received)) is not None:
            self.server.wire.note(received)
            self._later(received, later)
            return
        dialect = dialect_of(received.path)
        if dialect is None or received.method != "POST":
            self._elsewhere(received)
            return
        answer = self.server.wire.chosen(received)
        if answer.first_byte_after:
            time.sleep(answer.first_byte_after)
        received.status = answer.status
        request = received.json
        asked = _asked(received.path, request)
        if dialect.name == "openai.responses" and request.get("background"):
            body = self.server.wire.background.begin(answer, asked)
            if not request.get("stream"):
                self._whole(received, answer, json.dumps(body).encode())
                return
        if "gzip" not in received.headers.get("accept-encoding", ""):
            answer = replace(answer, gzip=False)
        if answer.status >= 400 and answer.raw is None:
            body = dialect.error(answer.status, answer.error)
            headers = {**dialect.headers(answer.status), **answer.headers}
            self._whole(received, replace(answer, headers=headers), json.dumps(body).encode())
        elif streams(received.path, request):
            self._streamed(received, answer, dialect, events(dialect, answer, asked, request))
        elif answer.raw is not None:
            self._whole(received, answer, answer.raw)
        else:
            body = dialect.body(answer, asked)
            self._whole(received, answer, json.dumps(body, ensure_ascii=False).encode())

    def _later(self, received: Received, later: Later) -> None:
        """Answer a request for a background response."""
        received.status = later.status
        answer = Answer(status=later.status, cut_after=later.cut_after)
        if later.events is not None:
            dialect = next(it for it in DIALECTS if it.name == "openai.responses")
            self._streamed(received, answer, dialect, iter(later.events))
        else:
            self._whole(received, answer, json.dumps(later.body).encode())

    def _elsewhere(self, received: Received) -> None:
        self.server.wire.note(received)
        bare = received.path.partition("?")[0]
        for end, page in self.server.wire.pages.items():
            if bare.endswith(end):
                received.status = 200
                self._whole(received, Answer(), page)
                return
        known = next((body for end, body in ELSEWHERE.items() if bare.endswith(end)), None)
        received.status = 404 if known is None else 200
        body = {"error": {"message": "no such endpoint"}} if known is None else known
        self._whole(received, Answer(status=received.status), json.dumps(body).encode())

    def _head(self, answer: Answer, content_type: str, length: int | None) -> bytes:
        headers = {"content-type": content_type, "x-request-id": "req_0", **answer.headers}
        if answer.gzip:
            headers["content-encoding"] = "gzip"
        if length is None:
            headers["transfer-encoding"] = "chunked"
        else:
            headers["content-length"] = str(length)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {answer.status} Wire\r\n{lines}\r\n".encode()

    def _whole(self, received: Received, answer: Answer, body: bytes) -> None:
        sent = gzip.compress(body, 1) if answer.gzip else body
        events = body.startswith((b"event:", b"data:"))
        kind = "text/event-stream" if events else "application/json"
        head = self._head(answer, kind, len(sent))
        if answer.cut_after is not None:
            received.answered = body[: len(body) // 2]
            self.wfile.write(head + sent[: len(sent) // 2])
            raise _Hangup
        received.answered = body
        self.wfile.write(head + sent)

    def _streamed(
        self, received: Received, answer: Answer, dialect: Dialect, events: Iterator[bytes]
    ) -> None:
        self.wfile.write(self._head(answer, dialect.content_type, None))
        packer = None
        if answer.gzip:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        for number, event in enumerate(events):
            if number == answer.cut_after:
                raise _Hangup
            if number and answer.between_events:
                time.sleep(answer.between_events)
            received.answered += event
            data = event
            if packer is not None:
                data = packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        tail = packer.flush() if packer is not None else b""
        if tail:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(tail), tail))
        self.wfile.write(b"0\r\n\r\n")


def _asked(path: str, request: Any) -> str:
    """The model that a request names, in its body or its path."""
    named = re.search(r"/models/([^:/]+):|/model/([^/]+)/", path)
    return unquote(named[1] or named[2]) if named else request.get("model") or "default-model"


def events(dialect: Dialect, answer: Answer, asked: str, request: Any) -> Iterator[bytes]:
    """The events of a streamed answer, with the scripted error in its place."""
    if answer.raw is not None:
        # Events as recorded, kept byte for byte, one write each.
        yield from re.findall(rb".+?(?:\r?\n\r?\n|\Z)", answer.raw, re.DOTALL)
        return
    for number, event in enumerate(dialect.events(answer, asked, request)):
        if number == answer.error_after:
            yield dialect.stream_error(answer.error)
            return
        yield event


def main() -> None:
    """Serve as a process of its own until killed; the first line printed is the URL."""
    parser = argparse.ArgumentParser(description="A loopback model server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pieces", type=int, default=5, help="chunks of a streamed text")
    parser.add_argument("--words", type=int, default=40, help="words in each answer")
    options = parser.parse_args()
    said = " ".join(f"word{number}" for number in range(options.words))
    answer = text(said, pieces=options.pieces)
    with WireServer(options.port, lambda _: answer, keep_journal=False) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

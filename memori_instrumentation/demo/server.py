"""A model server for the demo: OpenAI's chat completions on loopback, answering from a small table.

It is no language model. Its wire format is the provider's
(https://platform.openai.com/docs/api-reference/chat), so that everything else in the demo is the
real thing.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPLIES: Sequence[tuple[Sequence[str], str]] = (
    (("cook", "dinner"), "How about rice noodles with vegetables, lime and plenty of basil?"),
    (("weekend", "trip"), "The forecast is fine: take the train and bring good shoes."),
    (("allergic",), "Thank you for telling me, I will keep that in mind."),
    (("cat", "dog"), "How lovely! Long walks ahead, then."),
    (("live in", "moved to"), "A good place to be. What can I do for you?"),
    (("learn", "practise"), "A little every day beats a lot once a week. Start small."),
)
"""What is answered to a message with one of the words in it; the first row that fits counts."""
OTHERWISE = "All right."


def reply_to(messages: Sequence[Mapping[str, Any]]) -> str:
    """The answer to the last message, from the table."""
    said = str(messages[-1].get("content", "")).lower() if messages else ""
    fits = (reply for words, reply in REPLIES if any(word in said for word in words))
    return next(fits, OTHERWISE)


def completion(request: Mapping[str, Any]) -> dict[str, Any]:
    """A whole chat completion for a request body."""
    text = reply_to(request["messages"])
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        **_head(request, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(request, text),
    }


def chunks(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same as a stream's chunks, a word each; token counts come last, if asked for."""
    head = _head(request, "chat.completion.chunk")
    text = reply_to(request["messages"])
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in text.replace(" ", " \0").split("\0")]
    for delta in deltas:
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(request, text)}


def _head(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": request["model"],
    }


def _usage(request: Mapping[str, Any], text: str) -> dict[str, int]:
    """Token counts; a token is a word here."""
    sent = sum(len(str(message.get("content", "")).split()) for message in request["messages"])
    answered = len(text.split())
    return {
        "prompt_tokens": sent,
        "completion_tokens": answered,
        "total_tokens": sent + answered,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/chat/completions":
            self._send(404, {"error": {"message": f"no such path: {self.path}", "code": None}})
            return
        request = json.loads(body)
        if not request.get("stream"):
            self._send(200, completion(request))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in chunks(request):
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _send(self, status: int, body: Mapping[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: stderr belongs to the demo."""


@contextmanager
def serving() -> Iterator[str]:
    """Run the server on a free loopback port while the block runs; gives the SDK's base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="demo-model-server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A loopback server of OpenAI's WebSockets, Realtime and Responses, on the ``websockets`` package.

It behaves as the API's references say of the order of events, with answers from a script.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from wire.common import Json, pieces
from wire.openai_responses import responses_events
from wire.replies import Answer, Received


@dataclass(frozen=True)
class Said:
    """One response of a Realtime model."""

    text: str | None = "Hello there."
    audio: bool = False
    """Spoken: what comes is sound, and its transcript."""
    call: Json | None = None
    """A function call: ``name`` and ``arguments``."""
    status: str = "completed"
    reason: str | None = None
    cut_after: int | None = None
    """Drop the connection after this many events of the response."""
    refused: str | None = None
    """Make no response, and say why: the code of an error."""


class SocketServer:
    """The server. Use as a context manager; :attr:`url` is where it listens."""

    def __init__(self) -> None:
        self.replies: deque[Said | Answer] = deque()
        self.received: list[Json] = []
        """What clients sent, over all connections."""
        self.paths: list[str] = []
        self.exchanges: list[Received] = []
        """Each response of the Responses API, as if it had been asked for over HTTP."""
        self.instructions: str | None = None
        self.transcripts: deque[str | None] = deque()
        """What is understood of each piece of sound, by turns; ``None``: nothing."""
        self.transcribe_late = False
        """Whether transcripts come after the response to what was said."""
        self._server = serve(self._handle, "127.0.0.1", 0)
        self.port: int = self._server.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> SocketServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def clear(self) -> None:
        """Forget what was scripted and what came."""
        for kept in (self.replies, self.received, self.paths, self.exchanges, self.transcripts):
            kept.clear()
        self.instructions, self.transcribe_late = None, False

    def script(self, *replies: Said | Answer) -> None:
        """Answer the next responses with these."""
        self.replies.extend(replies)

    def _handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        self.paths.append(path)
        talk = _Responses(self, connection) if "/responses" in path else _Realtime(self, connection)
        try:
            talk.begin()
            for message in connection:
                event = json.loads(message)
                self.received.append(event)
                talk.take(event)
        except (ConnectionClosed, OSError):
            pass  # a client that leaves is a test's purpose


class _Connection:
    def __init__(self, server: SocketServer, connection: ServerConnection) -> None:
        self.server = server
        self.connection = connection

    def begin(self) -> None: ...

    def send(self, event: Json) -> None:
        self.connection.send(json.dumps(event))

    def hang_up(self) -> None:
        """Without a closing handshake."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)


class _Responses(_Connection):
    def begin(self) -> None:
        self.lane: Json = {}

    def take(self, event: Json) -> None:
        """A ``response.steer`` is answered with a response that takes it up by itself."""
        if event["type"] == "response.steer":
            before = {"previous_response_id": event["previous_response_id"]}
            steer = {"id": "steer_1", **before}
            self.send({"type": "response.steer.accepted", "steer": steer, **self.lane})
            self.answer({"model": "steered-model", **before})
        elif event["type"] == "response.create":
            self.lane = {"stream_id": event["stream_id"]} if "stream_id" in event else {}
            self.answer(event)

    def answer(self, event: Json) -> None:
        answer, lane = self.server.replies.popleft(), self.lane
        assert isinstance(answer, Answer)
        if answer.status >= 400:
            error = {"type": "invalid_request_error", "code": "bad", "message": answer.error}
            self.send({"type": "error", "status": answer.status, "error": error, **lane})
            return
        request = {**event, "stream": True}
        record = Received("POST", "/v1/responses", {}, json.dumps(request).encode())
        self.server.exchanges.append(record)
        for number, sse in enumerate(responses_events(answer, event["model"], event)):
            if number == answer.cut_after:
                self.hang_up()
                return
            said = json.loads(sse.partition(b"data: ")[2])
            if "response" in said:
                said["response"]["previous_response_id"] = event.get("previous_response_id")
            record.answered += sse
            self.send({**said, **lane})


class _Realtime(_Connection):
    """As of today, or as before it was out of beta."""

    def __init__(self, server: SocketServer, connection: ServerConnection) -> None:
        super().__init__(server, connection)
        assert connection.request is not None
        self.beta = "OpenAI-Beta" in connection.request.headers
        self.numbers = itertools.count(1)
        self.spoken = False

    def begin(self) -> None:
        model = self.connection.request.path.partition("model=")[2].partition("&")[0]  # type: ignore[union-attr]
        session = {"model": f"{model}-0001", "instructions": self.server.instructions}
        if self.server.transcripts:
            heard = {"transcription": {"model": "whisper-1"}}
            beta = {"input_audio_transcription": {"model": "whisper-1"}}
            session |= beta if self.beta else {"audio": {"input": heard}}
        self.send({"type": "session.created", "session": session})

    def take(self, event: Json) -> None:
        kind = event["type"]
        if kind == "conversation.item.create":
            self.add({"id": f"item_{next(self.numbers)}", **event["item"]})
        elif kind == "input_audio_buffer.commit":
            self.hear()
        elif kind == "response.create":
            self.respond(event)

    def add(self, item: Json) -> None:
        """An item has its place."""
        shown = {**item, "object": "realtime.item", "status": "completed"}
        if shown["type"] == "message":
            shown["content"] = [
                {key: value for key, value in part.items() if key != "audio"}
                for part in item["content"]
            ]
        names = ("created",) if self.beta else ("added", "done")
        for name in names:
            self.send({"type": f"conversation.item.{name}", "item": shown})

    def hear(self) -> None:
        """Sound was sent: it is an item, and after a while a text."""
        name = f"item_{next(self.numbers)}"
        content = [{"type": "input_audio", "transcript": None}]
        self.send({"type": "input_audio_buffer.committed", "item_id": name})
        self.add({"id": name, "type": "message", "role": "user", "content": content})
        self.heard = name
        if not self.server.transcribe_late:
            self.transcribe()

    def transcribe(self) -> None:
        if not self.server.transcripts or self.heard is None:
            return
        text = self.server.transcripts.popleft()
        event = {"item_id": self.heard, "content_index": 0}
        start = "conversation.item.input_audio_transcription"
        if text is None:
            self.send({"type": f"{start}.failed", **event, "error": {"message": "noise"}})
        else:
            self.send({"type": f"{start}.completed", **event, "transcript": text})
        self.heard = None

    heard: str | None = None

    def respond(self, event: Json) -> None:
        said = self.server.replies.popleft()
        assert isinstance(said, Said)
        if said.refused:
            error = {"type": "invalid_request_error", "code": said.refused, "message": "no"}
            self.send({"type": "error", "error": error})
            return
        apart = (event.get("response") or {}).get("conversation") == "none"
        for number, each in enumerate(self.events(said, None if apart else "conv_1")):
            if number == said.cut_after:
                self.hang_up()
                return
            self.send(each)
        self.transcribe()

    def events(self, said: Said, conversation: str | None) -> Iterator[Json]:
        name = f"resp_{next(self.numbers)}"
        response: Json = {"id": name, "object": "realtime.response"}
        response["conversation_id"] = conversation
        yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
        output: list[Json] = []
        if said.text is not None:
            output.append(self.message(said))
        if said.call is not None:
            number = next(self.numbers)
            call = {"id": f"item_{number}", "type": "function_call", "call_id": f"call_{number}"}
            output.append({**call, "status": "completed", **said.call})
        for index, item in enumerate(output):
            yield from self.item_events(item, {"response_id": name, "output_index": index})
        details = {"type": said.status, "reason": said.reason} if said.reason else None
        usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
        done = {"status": said.status, "status_details": details, "output": output, "usage": usage}
        yield {"type": "response.done", "response": {**response, **done}}

    def message(self, said: Said) -> Json:
        kind, field = ("audio", "transcript") if said.audio else ("text", "text")
        part = {"type": kind if self.beta else f"output_{kind}", field: said.text}
        item = {"id": f"item_{next(self.numbers)}", "type": "message", "role": "assistant"}
        return {**item, "status": "completed", "content": [part]}

    def item_events(self, item: Json, place: Json) -> Iterator[Json]:
        begun = {**item, "status": "in_progress"}
        begun |= {"content": []} if "content" in item else {"arguments": ""}
        yield {"type": "response.output_item.added", **place, "item": begun}
        if not self.beta:
            yield {"type": "conversation.item.added", "item": begun}
        place = {**place, "item_id": item["id"]}
        if "content" in item:
            yield from self.part_events(item["content"][0], {**place, "content_index": 0})
        else:
            for piece in pieces(item["arguments"], 3):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        yield {"type": "response.output_item.done", **place, "item": item}
        if not self.beta:
            yield {"type": "conversation.item.done", "item": item}

    def part_events(self, part: Json, place: Json) -> Iterator[Json]:
        output = "response." if self.beta else "response.output_"
        if "text" in part:
            for piece in pieces(part["text"], 3):
                yield {"type": f"{output}text.delta", **place, "delta": piece}
            return
        for piece in pieces(part["transcript"], 3):
            yield {"type": f"{output}audio_transcript.delta", **place, "delta": piece}
            yield {"type": f"{output}audio.delta", **place, "delta": "UklGRg" * 1000}

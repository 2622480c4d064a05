"""A Gemini Live server on a real WebSocket, over TLS as the SDK wants: scripted turns, a journal.

After what asks the model to speak (a finished client content, realtime text, a tool's response, the
end of the sound) it plays the next scripted turn, a list of frames.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from contextlib import suppress
from typing import Any

import trustme
from google import genai
from google.genai import types
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]

_CA = trustme.CA()

CUT = "cut"
"""Stands among the frames for the connection's breaking off."""
WAIT = "wait"
"""Stands among the frames for a wait until the client has sent something."""


class Closed(int):
    """Stands among the frames for the server's closing with this code."""


Turn = list[Json | str | Closed]


def content(**said: Any) -> Json:
    """A frame of the server's content."""
    return {"serverContent": said}


def text(said: str, **more: Any) -> Json:
    """A frame in which the model says something."""
    return content(modelTurn={"role": "model", "parts": [{"text": said}]}, **more)


def done(**usage: int) -> Json:
    """The frame that ends a model's turn; ``usage`` are token counts."""
    frame = content(turnComplete=True)
    return {**frame, "usageMetadata": usage} if usage else frame


class LiveServer:
    """The server. Use as an asynchronous context manager; clients come from :meth:`client`.

    Args:
        session_id: The id that it gives to sessions, if any.
    """

    def __init__(self, session_id: str | None = None) -> None:
        self.journal: list[Json] = []
        """What clients have sent, the setup first."""
        self._session_id = session_id
        self._turns: deque[Turn] = deque()

    def script(self, *turns: Turn) -> None:
        """Play these turns, one each time that the model is to speak."""
        self._turns.extend(turns)

    async def __aenter__(self) -> LiveServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _CA.issue_cert("127.0.0.1").configure_cert(context)
        self._server = await serve(self._talk, "127.0.0.1", 0, ssl=context)
        self.port: int = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def client(self, **options: Any) -> genai.Client:
        """A Google client of this server; ``options`` go to its constructor."""
        context = ssl.create_default_context()
        _CA.configure_trust(context)
        url = f"https://127.0.0.1:{self.port}"
        http = types.HttpOptions(base_url=url, async_client_args={"ssl": context})
        return genai.Client(api_key="wire", http_options=http, **options)

    async def _talk(self, connection: ServerConnection) -> None:
        await self._heard(connection)
        session = {"sessionId": self._session_id} if self._session_id else {}
        await self._say(connection, {"setupComplete": session})
        with suppress(ConnectionClosed):
            while True:
                if _asks(await self._heard(connection)):
                    await self._play(connection, self._turns.popleft())

    async def _heard(self, connection: ServerConnection) -> Json:
        frame: Json = json.loads(await connection.recv())
        self.journal.append(frame)
        return frame

    async def _say(self, connection: ServerConnection, frame: Json) -> None:
        # Google's server sends its JSON on many lines, in binary frames.
        await connection.send(json.dumps(frame, indent=2, ensure_ascii=False).encode())

    async def _play(self, connection: ServerConnection, turn: Turn) -> None:
        for frame in turn:
            if isinstance(frame, Closed):
                await connection.close(frame, "so said the script")
            elif frame == CUT:
                connection.transport.abort()
            elif frame == WAIT:
                await self._heard(connection)
            else:
                assert isinstance(frame, dict)
                await self._say(connection, frame)
            await asyncio.sleep(0)


def _asks(frame: Json) -> bool:
    """Whether the model is to speak after a frame."""
    said = frame.get("client_content") or {}
    realtime = frame.get("realtime_input") or {}
    finished = said.get("turnComplete") or said.get("turn_complete")
    ended = realtime.get("audioStreamEnd") or realtime.get("text")
    return bool(finished or ended or "tool_response" in frame)

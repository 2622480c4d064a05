"""A loopback way to a MongoDB wire server that loses connections, or stands still, where told."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from urllib.parse import urlsplit


class Fate(Enum):
    """What becomes of a command."""

    PASS = "pass"
    LOSE_COMMAND = "lose command"
    """The connection is closed before the server hears of it."""
    LOSE_ANSWER = "lose answer"
    """The server does it; the connection is closed before the answer is there."""
    HOLD_COMMAND = "hold command"
    """The server does not hear of it, and nobody learns that."""
    HOLD_ANSWER = "hold answer"
    """The server does it, and nobody learns that."""


class Proxy:
    """Listens on a port of its own and passes commands on, one at a time for each connection.

    Args:
        url: The server's, with the database to name in :attr:`url`.
        decide: The fate of a command, given as the bytes of its message. Replaceable at any time.
    """

    def __init__(self, url: str, decide: Callable[[bytes], Fate] = lambda _: Fate.PASS) -> None:
        self._parts = urlsplit(url)
        self.decide = decide
        self.holding = threading.Event()
        """Set once a command or an answer is held."""
        self._lost = threading.Lock()
        self.lost = 0
        """How many connections were cut."""
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def url(self) -> str:
        """The server's URL, by way of here."""
        return self._parts._replace(netloc=f"127.0.0.1:{self.port}").geturl()

    def refuse(self) -> None:
        """Cut all connections and take no new ones."""
        # Wakes the thread that accepts, which would keep the port open.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            _close(each)
        self._sockets.clear()

    def take(self) -> None:
        """Take connections again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._sockets.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        assert self._parts.hostname is not None
        server = socket.create_connection((self._parts.hostname, self._parts.port or 27017))
        self._sockets.append(server)
        with suppress(OSError, EOFError):
            while True:
                command = _message(client)
                fate = self.decide(command)
                if fate is Fate.LOSE_COMMAND:
                    break
                if fate is Fate.HOLD_COMMAND:
                    self._hold(client)
                server.sendall(command)
                answer = _message(server)
                if fate is Fate.LOSE_ANSWER:
                    break
                if fate is Fate.HOLD_ANSWER:
                    self._hold(client)
                client.sendall(answer)
        with self._lost:
            self.lost += 1
        _close(client)
        _close(server)

    def _hold(self, client: socket.socket) -> None:
        """Until the client is gone."""
        self.holding.set()
        while client.recv(65536):
            pass
        raise EOFError


def _message(link: socket.socket) -> bytes:
    """One message of the wire protocol: its length, itself included, comes first."""
    head = _exactly(link, 4)
    (length,) = struct.unpack("<i", head)
    return head + _exactly(link, length - 4)


def _exactly(link: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        if not (part := link.recv(count - len(parts))):
            raise EOFError
        parts += part
    return bytes(parts)


def _close(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()


def command(name: str, collection: str) -> bytes:
    """How a command on a collection begins in its message."""
    text = collection.encode()
    return name.encode() + b"\0" + struct.pack("<i", len(text) + 1) + text + b"\0"

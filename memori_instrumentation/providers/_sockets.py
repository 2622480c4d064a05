"""Connections of the ``websockets`` package that tell a dialogue what passes them.

The package lets its callers name what makes a connection, so an SDK's own call makes one of ours: a
subclass that notes and passes on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from memori_instrumentation.providers._dialogue import Dialogue


def noting(base: Any, dialogue: Dialogue) -> Callable[..., Any]:
    """What makes connections like those of ``base``, a connection class, that tell ``dialogue``."""
    return functools.partial(_noting_class(base), dialogue)


@functools.cache
def _noting_class(base: Any) -> Any:
    class Connection(base):  # type: ignore[misc]
        def __init__(self, dialogue: Dialogue, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._memori_dialogue = dialogue

        async def send(self, message: Any, *args: Any, **kwargs: Any) -> None:
            # Before it is sent: the answer may be here sooner than this task goes on.
            if isinstance(message, str | bytes):
                self._memori_dialogue.sent(message)
            await super().send(message, *args, **kwargs)

        async def recv(self, *args: Any, **kwargs: Any) -> Any:
            try:
                frame = await super().recv(*args, **kwargs)
            except Exception as error:
                _note_closing(self._memori_dialogue, error)
                raise
            self._memori_dialogue.received(frame)
            return frame

        async def close(self, *args: Any, **kwargs: Any) -> None:
            try:
                await super().close(*args, **kwargs)
            finally:
                self._memori_dialogue.close()

    Connection.__name__, Connection.__qualname__ = base.__name__, base.__qualname__
    return Connection


def _note_closing(dialogue: Dialogue, error: Exception) -> None:
    """All that had arrived is read, and there will be no more."""
    from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

    if isinstance(error, ConnectionClosed):
        dialogue.close(None if isinstance(error, ConnectionClosedOK) else error)

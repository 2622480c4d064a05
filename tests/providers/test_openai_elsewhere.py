"""What OpenAI's SDK offers beside conversations: none of it is captured."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import openai
import pytest

from wire.clients import async_openai_client, openai_client
from wire.memory import Memory
from wire.sdks import entered, resolve
from wire.server import WireServer
from wire.sockets import SocketServer

pytestmark = [
    pytest.mark.usefixtures("user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the Assistants API is old
]

USER: Any = [{"role": "user", "content": "I live in Lisbon."}]
SOUND = ("a.wav", io.BytesIO(b"RIFF"))

ELSEWHERE: dict[str, Callable[[Any], Any]] = {
    "assistants": lambda c: c.beta.assistants.create(model="m"),
    "threads": lambda c: c.beta.threads.create(messages=USER),
    "thread messages": lambda c: c.beta.threads.messages.create("t", role="user", content="x"),
    "runs": lambda c: c.beta.threads.runs.create("t", assistant_id="a"),
    "threads and runs": lambda c: c.beta.threads.create_and_run(assistant_id="a"),
    "tool outputs": lambda c: c.beta.threads.runs.submit_tool_outputs(
        "r", thread_id="t", tool_outputs=[{"tool_call_id": "c", "output": "x"}]
    ),
    "conversations": lambda c: c.conversations.create(items=USER),
    "conversation": lambda c: c.conversations.retrieve("conv_1"),
    "conversation items": lambda c: c.conversations.items.create("conv_1", items=USER),
    "compaction": lambda c: c.responses.compact(model="m", input=USER),
    "token counts": lambda c: c.responses.input_tokens.count(model="m", input="x"),
    "a response's items": lambda c: c.responses.input_items.list("resp_1"),
    "a response's end": lambda c: c.responses.delete("resp_1"),
    "stored completions": lambda c: c.chat.completions.retrieve("chatcmpl-1"),
    "their messages": lambda c: c.chat.completions.messages.list("chatcmpl-1"),
    "their metadata": lambda c: c.chat.completions.update("chatcmpl-1", metadata={"a": "b"}),
    "decisions": lambda c: c.decisions.create(model="m", input="x", questions=[]),
    "embeddings": lambda c: c.embeddings.create(model="m", input="x", encoding_format="float"),
    "moderations": lambda c: c.moderations.create(input="x"),
    "images": lambda c: c.images.generate(model="m", prompt="x"),
    "image edits": lambda c: c.images.edit(model="m", prompt="x", image=b"x"),
    "speech": lambda c: c.audio.speech.create(model="m", voice="alloy", input="x"),
    "transcriptions": lambda c: c.audio.transcriptions.create(model="m", file=SOUND),
    "translations": lambda c: c.audio.translations.create(model="m", file=SOUND),
    "batches": lambda c: c.batches.create(
        completion_window="24h", endpoint="/v1/chat/completions", input_file_id="f"
    ),
    "fine-tuning": lambda c: c.fine_tuning.jobs.create(model="m", training_file="f"),
    "files": lambda c: c.files.create(file=b"x", purpose="batch"),
    "vector stores": lambda c: c.vector_stores.search("v", query="x"),
    "realtime secrets": lambda c: c.realtime.client_secrets.create(),
    "models": lambda c: c.models.retrieve("m"),
}


@pytest.mark.parametrize("what", ELSEWHERE)
async def test_not_captured(
    what: str, asynchronous: bool, server: WireServer, memory: Memory
) -> None:
    client = (async_openai_client if asynchronous else openai_client)(server.url)
    try:
        await resolve(ELSEWHERE[what](client))
    except openai.NotFoundError:
        assert server.journal[-1].status == 404
    assert len(server.journal) == 1
    assert memory.kept().turns == []
    assert memory.spans() == []


CONNECTIONS: dict[str, Callable[[Any], Any]] = {
    "live": lambda c: c.live.connect(),
    "translation": lambda c: c.realtime.translations.connect(model="m"),
}


@pytest.mark.parametrize("what", CONNECTIONS)
async def test_connections_not_listened_to(what: str, asynchronous: bool, memory: Memory) -> None:
    with SocketServer() as server:
        client = (async_openai_client if asynchronous else openai_client)(server.url)
        async with entered(CONNECTIONS[what](client)) as connection:
            assert not {"send", "recv", "close"} & vars(connection._connection).keys()
            await resolve(connection.recv_bytes())
        assert len(server.paths) == 1
    assert memory.kept().turns == []

"""Responses of urllib3 and aiohttp, read in all their ways: the same bytes, noted once."""

from __future__ import annotations

import gc
import io
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import urllib3

from memori_instrumentation._attribution import Attribution
from memori_instrumentation.capture.call import Call
from memori_instrumentation.capture.tee_reads import tee_reads
from memori_instrumentation.providers._openai_chat import API
from wire.replies import Answer, text
from wire.server import WireServer

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = text("One two three.\nFour five six.", pieces=4)


@pytest.fixture
def done() -> list[Call]:
    """Calls handed over."""
    return []


@pytest.fixture
def call(done: list[Call]) -> Call:
    return Call(API, "openai", Attribution(), done.append)


@pytest.fixture(params=[False, True], ids=["whole", "chunked"])
def body(request: pytest.FixtureRequest) -> bytes:
    """A request for a body with a length, or in chunks."""
    return json.dumps({**REQUEST, "stream": request.param}).encode()


def opened(server: WireServer, body: bytes, answer: Answer = ANSWER) -> Any:
    """A response of urllib3, as botocore asks for it."""
    server.script(answer)
    return urllib3.PoolManager().urlopen(
        "POST",
        f"{server.url}/v1/chat/completions",
        body=body,
        preload_content=False,
        decode_content=False,
        enforce_content_length=False,
    )


def by_read1(response: Any) -> Iterator[bytes]:
    while piece := response.read1(11):
        yield piece


def by_read(response: Any) -> Iterator[bytes]:
    while piece := response.read(11):
        yield piece


def by_readinto(response: Any) -> Iterator[bytes]:
    buffer = bytearray(11)
    while count := response.readinto(buffer):
        yield bytes(buffer[:count])


WAYS = {
    "read": lambda response: [response.read()],
    "read-pieces": by_read,
    "read1": by_read1,
    "readinto": by_readinto,
    "stream": lambda response: response.stream(13),
    "iteration": iter,
    "lines": lambda response: response.readlines(),
    "data": lambda response: [response.data],
    "buffered": lambda response: [io.BufferedReader(response).read()],
}


@pytest.mark.parametrize("way", WAYS)
def test_urllib3(way: str, body: bytes, server: WireServer, call: Call, done: list[Call]) -> None:
    response = opened(server, body)
    plain = type(response)
    tee_reads(response, call)
    assert isinstance(response, plain)
    assert b"".join(WAYS[way](response)) == server.journal[-1].answered
    assert b"".join(call.chunks) == server.journal[-1].answered  # type: ignore[arg-type]
    del response
    gc.collect()
    assert done == [call]


@pytest.mark.parametrize("way", ["read", "read-pieces", "stream"])
def test_the_end_is_known_when_it_is_read(
    way: str, body: bytes, server: WireServer, call: Call, done: list[Call]
) -> None:
    response = opened(server, body)
    tee_reads(response, call)
    assert b"".join(WAYS[way](response))
    assert done == [call]


def test_a_response_dropped_is_freed_without_the_collector(
    body: bytes, server: WireServer, call: Call, done: list[Call]
) -> None:
    response = opened(server, body)
    tee_reads(response, call)
    response.read(3)
    gc.disable()
    try:
        del response
        assert done == [call]
    finally:
        gc.enable()
    assert call.error is None


def test_a_cut_says_why(server: WireServer, call: Call, done: list[Call]) -> None:
    body = json.dumps({**REQUEST, "stream": True}).encode()
    response = opened(server, body, text("cut", cut_after=2))
    tee_reads(response, call)
    with pytest.raises(urllib3.exceptions.ProtocolError, match="prematurely"):
        list(response.stream())
    assert done == [call]
    assert call.error is not None
    assert call.error[0] == "urllib3.exceptions.ProtocolError"


class Canned(io.BytesIO):
    """What libraries that fake responses give for one."""

    def stream(self) -> Iterator[bytes]:
        while piece := self.read(5):
            yield piece


def test_responses_that_are_alike(call: Call, done: list[Call]) -> None:
    response = Canned(b"canned content")
    tee_reads(response, call)
    assert b"".join(response.stream()) == b"".join(call.chunks) == b"canned content"  # type: ignore[arg-type]
    assert not hasattr(response, "read_chunked")
    assert done == [call]


async def readlines(content: Any) -> bytes:
    return b"".join([line async for line in content])


async def by_any(content: Any) -> bytes:
    return b"".join([piece async for piece in content.iter_any()])


async def by_chunks(content: Any) -> bytes:
    return b"".join([piece async for piece, _ in content.iter_chunks()])


async def by_size(content: Any) -> bytes:
    return b"".join([piece async for piece in content.iter_chunked(7)])


async def at_once(content: Any) -> bytes:
    found: bytes = await content.read()
    return found


async def exactly(content: Any) -> bytes:
    return b"".join([await content.readexactly(5), await content.readuntil(), await content.read()])


READING = (readlines, by_any, by_chunks, by_size, at_once, exactly)


@pytest.mark.parametrize("read", READING)
async def test_aiohttp(
    read: Any, body: bytes, server: WireServer, call: Call, done: list[Call]
) -> None:
    server.script(ANSWER)
    async with aiohttp.ClientSession() as session:
        response = await session.post(f"{server.url}/v1/chat/completions", data=body)
        tee_reads(response, call)
        assert await read(response.content) == server.journal[-1].answered
        assert b"".join(call.chunks) == server.journal[-1].answered  # type: ignore[arg-type]
        assert done == [call]


async def test_aiohttp_closed_before_the_end(
    server: WireServer, call: Call, done: list[Call]
) -> None:
    server.script(text("left", pieces=4, between_events=0.1))
    body = json.dumps({**REQUEST, "stream": True}).encode()
    async with aiohttp.ClientSession() as session:
        response = await session.post(f"{server.url}/v1/chat/completions", data=body)
        tee_reads(response, call)
        assert await response.content.readany()
        response.close()
        assert done == [call]
        assert call.error is None
        with pytest.raises(aiohttp.ClientConnectionError):
            await response.content.read()

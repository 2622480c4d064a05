"""AWS event streams as servers send them and as cut connections leave them."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.capture import eventstream
from wire.bedrock_formats import bedrock_stream_error, chunk, event, frame

names = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=9).filter(
    lambda name: name != "chunk"
)
sent = st.lists(st.tuples(names, st.dictionaries(st.text(max_size=5), st.text())), max_size=5)


def bodies(items: list[tuple[str, dict[str, str]]]) -> list[bytes]:
    return [event(name, body) for name, body in items]


@given(items=sent)
def test_events_come_back_as_aws_reads_them(items: list[tuple[str, dict[str, str]]]) -> None:
    body = b"".join(bodies(items))
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    theirs = [
        {**json.loads(message.payload), "type": message.headers[":event-type"]}
        for message in buffer
    ]
    assert list(eventstream.events(body)) == theirs
    assert len(theirs) == len(items)


@given(items=sent, data=st.data())
def test_a_cut_stream_gives_what_was_whole(
    items: list[tuple[str, dict[str, str]]], data: st.DataObject
) -> None:
    body = b"".join(bodies(items))
    cut = data.draw(st.integers(0, len(body)))
    found = list(eventstream.events(body[:cut]))
    assert found == list(eventstream.events(body))[: len(found)]
    lengths = [len(b"".join(bodies(items[:count]))) for count in range(len(items) + 1)]
    assert len(found) == max(count for count, length in enumerate(lengths) if length <= cut)


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    list(eventstream.events(body))
    list(eventstream.events(frame({":message-type": "event", ":event-type": "chunk"}, body)))
    headers = struct.pack("!III", 16 + len(body), len(body), 0) + body
    list(eventstream.events(headers + struct.pack("!I", crc32(headers))))


def test_a_damaged_message_ends_the_stream() -> None:
    good = event("messageStart", {"role": "assistant"})
    bad = bytearray(event("messageStop", {"stopReason": "end_turn"}))
    bad[-6] ^= 1
    assert len(list(eventstream.events(good + bytes(bad) + good))) == 1


def test_a_chunk_reads_as_what_it_wraps() -> None:
    inner = {"type": "content_block_delta", "text": "é"}
    assert list(eventstream.events(chunk(inner))) == [inner]


@pytest.mark.parametrize(
    "data", [None, 7, "%%%", base64.b64encode(b"no JSON").decode(), base64.b64encode(b"1").decode()]
)
def test_a_chunk_of_nothing_readable_is_left_out(data: Any) -> None:
    assert list(eventstream.events(event("chunk", {"bytes": data}))) == []


def test_exceptions_and_errors_read_alike() -> None:
    error = frame(
        {":message-type": "error", ":error-code": "InternalError", ":error-message": "oh"}, b""
    )
    assert list(eventstream.events(bedrock_stream_error("fell over") + error)) == [
        {"type": "error", "error": {"type": "modelStreamErrorException", "message": "fell over"}},
        {"type": "error", "error": {"type": "InternalError", "message": "oh"}},
    ]


def test_headers_of_other_types_are_passed_over() -> None:
    def header(name: str, kind: int, value: bytes) -> bytes:
        return struct.pack("!B", len(name)) + name.encode() + struct.pack("!B", kind) + value

    values = {
        0: b"",
        1: b"",
        2: b"x",
        3: b"xx",
        4: b"x" * 4,
        5: b"x" * 8,
        6: b"\0\2xx",
        8: b"8" * 8,
    }
    headers = b"".join(header(f"h{kind}", kind, value) for kind, value in values.items())
    headers += header("h9", 9, b"x" * 16)
    headers += header(":message-type", 7, b"\0\5event") + header(":event-type", 7, b"\0\4stop")
    head = struct.pack("!II", 12 + len(headers) + 2 + 4, len(headers))
    body = head + struct.pack("!I", crc32(head)) + headers + b"{}"
    body += struct.pack("!I", crc32(body))
    assert list(eventstream.events(body)) == [{"type": "stop"}]
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    assert len(list(buffer)) == 1  # AWS's decoder agrees that it is one

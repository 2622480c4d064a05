"""Event streams as servers send them and as cut connections leave them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.capture import sse

objects = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "type"), st.text() | st.integers(), max_size=4
)


@given(sent=st.lists(objects), end=st.sampled_from(["\n", "\r\n", "\r"]), named=st.booleans())
def test_events_come_back(sent: list[dict[str, object]], end: str, named: bool) -> None:
    lines = []
    for item in sent:
        # Line separators that JSON leaves alone inside strings are no line ends of the stream.
        text = json.dumps(item, ensure_ascii=True)
        lines += [*(["event: note"] if named else []), f"data: {text}", ": a comment", ""]
    body = end.join([*lines, "data: [DONE]", "", ""]).encode()
    expected = [{**item, "type": "note"} if named else item for item in sent]
    assert list(sse.events(body)) == [*expected, {"done": True}]


@given(sent=st.lists(objects, min_size=1, max_size=5), data=st.data())
def test_a_cut_stream_gives_what_was_whole(
    sent: list[dict[str, object]], data: st.DataObject
) -> None:
    body = b"".join(b"data: %s\n\n" % json.dumps(item).encode() for item in sent)
    cut = data.draw(st.integers(0, len(body)))
    assert list(sse.events(body[:cut])) == sent[: len(list(sse.events(body[:cut])))]


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    list(sse.events(body))
    sse.document(body)
    sse.is_event_stream(None, body)


def test_unicode_line_separators_are_content() -> None:
    item = {"text": "one\u2028two\x85three\x0bfour"}
    body = f"data: {json.dumps(item, ensure_ascii=False)}\n\n".encode()
    assert list(sse.events(body)) == [item]


def test_several_data_lines_are_one_event() -> None:
    assert list(sse.events(b'data: {"a":\ndata: 1}\n\n')) == [{"a": 1}]

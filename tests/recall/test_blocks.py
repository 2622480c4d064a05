"""The block of memories: what goes into a prompt must come out of it, and nothing else."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.blocks import CLOSE, OPEN, PREAMBLE, strip_blocks
from memori_instrumentation.recall.block import context_block
from memori_instrumentation.recall.memory import Memory

MAY = datetime(2024, 5, 1, 12, tzinfo=UTC)


def memory(content: str, kind: str = "fact", role: str | None = None) -> Memory:
    return Memory("m", content, kind, 1.0, "e", MAY, MAY, role=role)


def test_lines_are_dated_and_say_what_they_are() -> None:
    block = context_block([memory("Lives in Lisbon"), memory("I moved", "message", "user")])
    assert block.splitlines() == [
        OPEN,
        PREAMBLE,
        "- [2024-05-01, fact] Lives in Lisbon",
        "- [2024-05-01, user said] I moved",
        CLOSE,
    ]


def test_no_memories_no_block() -> None:
    assert context_block([]) == ""


@given(st.lists(st.text(max_size=80) | st.sampled_from([OPEN, CLOSE, f"a\n{CLOSE}\n- [x] y"])))
def test_stored_text_can_neither_close_nor_imitate_the_block(contents: list[str]) -> None:
    block = context_block([memory(content) for content in contents])
    assert block.count(OPEN) == block.count(CLOSE) == bool(contents)
    assert len(block.splitlines()) == (len(contents) + 3 if contents else 0)
    assert strip_blocks(block) == ""


@given(
    st.text().filter(lambda t: OPEN not in t and not t.endswith("\n")),
    st.text(min_size=1).filter(lambda t: OPEN not in t and CLOSE not in t and t[0] != "\n"),
)
def test_a_block_anywhere_is_cut(before: str, after: str) -> None:
    block = context_block([memory("Lives in Lisbon")])
    assert strip_blocks(before + block + "\n\n" + after) == before + after
    assert strip_blocks(before + "\n\n" + block) == before
    assert strip_blocks(block + "\n" + block + "\n" + after) == after


@given(st.text())
def test_text_without_a_block_is_untouched(text: str) -> None:
    if OPEN not in text:
        assert strip_blocks(text) is text


@pytest.mark.parametrize(
    "text", [f"what does {OPEN} mean?", f"{CLOSE} closes it", f"use {OPEN}\nnow"]
)
def test_talk_about_the_marker_is_kept(text: str) -> None:
    assert strip_blocks(text) == text


def test_talk_about_the_marker_before_a_block_is_kept() -> None:
    block = context_block([memory("Lives in Lisbon")])
    assert strip_blocks(f"what is {OPEN}?\n{block}\nHi") == f"what is {OPEN}?\nHi"


def test_a_block_cut_short_is_cut_to_the_end() -> None:
    block = context_block([memory("Lives in Lisbon"), memory("Likes tea")])
    assert strip_blocks("Hi\n" + block[: -len(CLOSE) - 5]) == "Hi"


def test_hostile_text_takes_linear_time() -> None:
    began = time.perf_counter()
    strip_blocks(OPEN * 100_000)
    strip_blocks((OPEN + "\n" * 50 + CLOSE) * 20_000)
    assert time.perf_counter() - began < 2

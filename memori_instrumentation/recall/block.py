"""Memories as a block of text to put in a prompt."""

from __future__ import annotations

import html
from collections.abc import Iterable

from memori_instrumentation.blocks import CLOSE, OPEN, PREAMBLE
from memori_instrumentation.recall.memory import Memory


def context_block(memories: Iterable[Memory]) -> str:
    """A delimited block that tells a model what is remembered: one dated line a memory, in order.

    Stored text is escaped (``<``, ``>``, ``&``) and kept on its line, so that it can neither close
    nor imitate the block. Capture cuts such blocks before storing, see
    :func:`memori_instrumentation.blocks.strip_blocks`.

    Args:
        memories: What ``RecallClient.recall`` gave.

    Returns:
        The block without a line end after it; an empty string for no memories.
    """
    lines = [_line(memory) for memory in memories]
    return "\n".join([OPEN, PREAMBLE, *lines, CLOSE]) if lines else ""


def _line(memory: Memory) -> str:
    kind = f"{memory.role} said" if memory.kind == "message" else memory.kind
    text = html.escape(" ".join(memory.content.split()), quote=False)
    return f"- [{memory.observed_at:%Y-%m-%d}, {html.escape(kind, quote=False)}] {text}"

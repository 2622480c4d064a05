"""Stored text on a terminal: what was once said to a model must not steer the reader's screen."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def one_line(text: str) -> str:
    """``text`` on one line: white space folded, control characters (escapes, bidi) made visible."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in " ".join(text.split())
    )


def width(text: str) -> int:
    """Terminal columns of ``text``: two for wide East Asian characters, none for combining ones.

    After Unicode Standard Annex 11 (East Asian Width); emoji sequences may come out too wide.
    """
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def table(rows: Iterable[Sequence[str]], *, indent: str = "") -> str:
    """Rows in aligned columns, two spaces apart, each ending in a newline."""
    cells = [list(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    return "".join(
        indent
        + "  ".join(
            cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)
        ).rstrip()
        + "\n"
        for row in cells
    )

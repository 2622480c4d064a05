"""Cutting text into sentences: abbreviations, CJK punctuation, line ends, list marks."""
# ruff: noqa: RUF001

from __future__ import annotations

import re

_STOPS = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？!?؟।]+[」』”]*|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|e\.g|i\.e|approx|no|inc|ltd|co|mt|ave|dept|"
    r"bzw|z\.b|ca|nr|str|sra|dra|sig|mme|mlle|ул|г|т\.д)|(?<![^\s.])[a-zа-я])\.$",
    re.IGNORECASE,
)
# Pictographs, with what joins, varies and colours them; keyboard digits and "#" are none.
_PICTURES = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\u20e3]+")
_LIST_MARK = re.compile(r"^\s*(?:[-*•–—]|\d{1,2}[.)])\s+")
_GREETING = re.compile(
    r"^(hi|hello|hey|good (?:morning|afternoon|evening))(?: there| all| everyone)?[!,.]*\s+",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences of ``text`` with their closing marks, without list marks and emojis, none
    blank.

    A greeting is kept as ``Hello,`` with the sentence after it, so that "Hi! I'm Ann." is read as
    the introduction it is.
    """
    text = _GREETING.sub("Hello, ", _PICTURES.sub(" ", text).strip())
    found: list[str] = []
    start = 0
    for stop in _STOPS.finditer(text):
        piece = text[start : stop.end()]
        if stop[0].startswith(".") and _goes_on(piece.strip(), text[stop.end() :][:2]):
            continue
        found.append(piece)
        start = stop.end()
    found.append(text[start:])
    return [clean for piece in found if (clean := _LIST_MARK.sub("", piece).strip())]


def _goes_on(piece: str, following: str) -> bool:
    """Whether a full stop at the end of ``piece`` is an abbreviation's, not the sentence's."""
    if not _ABBREVIATION.search(piece[-12:]):
        return False
    # "etc. We" ends a sentence, "Dr. Lee" does not: titles are followed by capitals too.
    return not (re.search(r"\b(?:etc|inc|ltd|co)\.$", piece[-6:], re.IGNORECASE)) or (
        following.strip()[:1].islower()
    )

"""The user's own words in a message: what was typed, less what was pasted, quoted or injected."""

from __future__ import annotations

import re

from memori_instrumentation.blocks import strip_blocks
from memori_storage.records import StoredMessage

MAX_CHARACTERS = 20_000
"""How much of a message is read; what comes after is hardly about the user."""
MAX_PARAGRAPH = 1_500
"""A longer paragraph was pasted, not typed."""

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
_MARKUP = re.compile(r"<(\w{1,30})\b[^>]{0,200}>.{0,2000}?</\1>", re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ \t]*(?:>|\|).*$", re.MULTILINE)
_INDENTED = re.compile(r"^(?: {4,}|\t).*$", re.MULTILINE)
# Quotations of several words; a quoted name or title is part of what is said.
_QUOTATION = re.compile(
    r"\"[^\"\n]{0,2000}\"|“[^”\n]{0,2000}”|«[^»\n]{0,2000}»|„[^“”\n]{0,2000}[“”]|「[^」\n]{0,2000}」"
    r"|(?<![\w'])'(?=[^\s'])(?:[^'\n]|(?<=\w)'(?=\w)){1,500}'(?!\w)"
    "|\u2018[^\u2018\u2019\n]{0,500}\u2019(?!\\w)"
)
_LABELLED = re.compile(r"^[ \t]*\w[\w .'-]{0,30}: .*$", re.MULTILINE)
_LETTER = re.compile(
    r"^(?:from|to|subject|date|cc): |^(?:dear|hi|hello) [\w .'-]{1,40},[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_SIGNED = re.compile(
    r"^(?:best|kind|warm)? ?(?:regards|wishes|sincerely|cheers|thanks),?[ \t]*\n", re.I | re.M
)


def own_words(message: StoredMessage) -> list[str]:
    """The texts that the user typed in a message, one per text part, those left empty dropped.

    Code, mark-up, quotations of more than two words, quoted lines, transcripts, letters and very
    long paragraphs are cut out. Anyone else's message has none.
    """
    if message.role != "user":
        return []
    texts = [
        part["content"]
        for part in message.parts
        if part.get("type") == "text" and isinstance(part.get("content"), str)
    ]
    return [typed for text in texts if (typed := _typed(strip_blocks(text)[:MAX_CHARACTERS]))]


def _typed(text: str) -> str:
    for pasted in (_CODE, _MARKUP, _QUOTED_LINE, _INDENTED):
        text = pasted.sub(" ", text)
    text = _QUOTATION.sub(_short_quotation, text)
    if len(_LABELLED.findall(text)) >= 2:
        text = _LABELLED.sub(" ", text)
    if _LETTER.search(text) and (_SIGNED.search(text) or _LETTER.search(text, 60)):
        return ""
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if len(part) <= MAX_PARAGRAPH]
    return "\n\n".join(paragraphs).strip()


def _short_quotation(match: re.Match[str]) -> str:
    quoted = match[0][1:-1]
    # What remains of a longer one is a mark that no pattern accepts.
    return quoted if len(quoted.split()) <= 2 and len(quoted) <= 30 else "⟦…⟧"

"""The normal form in which memories are compared: what differs only in typing is one memory."""
# ruff: noqa: RUF001

from __future__ import annotations

import unicodedata

# Marks that people put around a statement or leave out. A full stop, a sign or a symbol at the
# front belongs to what follows ("-5", ".NET", "#1"), as "+", "#", "%" or "°" at the end belong to
# what precedes ("C++", "C#", "5%").
_OPENING = "\"'`([{<«‹“”„‟‘’‚‛¿¡「『《〈【（*_~,;:!?。、，； \t\n"
_CLOSING = "\"'`)]}>»›“”‘’」』》〉】）*_~.,;:!?…。、，；؟،؛।॥ \t\n"
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))


def normal_form(text: str) -> str:
    """``text`` as it is compared: two statements are the same when their normal forms are equal.

    Compatibility forms and case are folded (NFKC and full case folding, Unicode annexes 15 and 31),
    runs of white space become one space, punctuation around the whole is dropped. Letters of all
    scripts, accents, signs and punctuation inside stay: ``C++``, ``C#`` and ``C`` are three things,
    as are ``-5`` and ``5``, or ``3.5`` and ``35``. Idempotent. Text that is nothing but punctuation
    keeps it.
    """
    while (folded := _fold(text)) != text:
        text = folded
    return text


def _fold(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text.translate(_INVISIBLE))
    folded = unicodedata.normalize("NFKC", composed.casefold())
    spaced = " ".join(folded.split())
    return spaced.lstrip(_OPENING).rstrip(_CLOSING) or spaced

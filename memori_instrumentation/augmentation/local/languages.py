"""Which language a sentence may be in: by script, and by frequent words among Latin ones."""

from __future__ import annotations

import re

from memori_instrumentation.augmentation.local.rules import Language
from memori_instrumentation.augmentation.local.tables.cjk_cyrillic import (
    CHINESE,
    JAPANESE,
    RUSSIAN,
)
from memori_instrumentation.augmentation.local.tables.english import ENGLISH
from memori_instrumentation.augmentation.local.tables.german import GERMAN
from memori_instrumentation.augmentation.local.tables.romance import (
    FRENCH,
    ITALIAN,
    PORTUGUESE,
    SPANISH,
)

_LATIN = (ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, PORTUGUESE)
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_OTHER_SCRIPT = re.compile(r"[\u0590-\u06ff\u0900-\u0dff\u0e00-\u0eff\uac00-\ud7af\u0370-\u03ff]")
# Apostrophes stay in words ("don't", "j'ai"), and elided articles are words of their own.
_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|[^\W\d_]+")


LANGUAGES = (*_LATIN, CHINESE, JAPANESE, RUSSIAN)
"""All that have rules."""


def candidates(sentence: str) -> tuple[Language, ...]:
    """The languages with rules that ``sentence`` may be in; none for one in another script.

    One language where its frequent words say so; several where these are equally frequent.
    """
    if _KANA.search(sentence):
        return (JAPANESE,)
    if _HAN.search(sentence):
        return (CHINESE,)
    if _CYRILLIC.search(sentence):
        return (RUSSIAN,)
    if _OTHER_SCRIPT.search(sentence):
        return ()
    words = _WORDS.findall(sentence.casefold())
    words += [part for word in words if "'" in word for part in word.split("'")]
    scores = [sum(word in language.words for word in words) for language in _LATIN]
    best = max(scores)
    if best == 0:
        return ()
    return tuple(language for language, score in zip(_LATIN, scores, strict=True) if score == best)

"""Text to index terms: one rule for what is stored and for what is asked.

Normalised by NFKC and casefolding; words stemmed by the Snowball stemmer of their language
(https://snowballstem.org, through ``snowballstemmer``, which uses PyStemmer where it is installed);
scripts written without spaces are cut into overlapping bigrams, the common baseline for Chinese and
Japanese retrieval (Nie et al., 2000). Numbers and names such as "C++", "C#" and "F#" stay whole.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import snowballstemmer

from memori_instrumentation.recall.stopwords import STOP_WORDS

DEFAULT_LANGUAGE = "english"
LANGUAGES = tuple(STOP_WORDS)

MAX_CHARACTERS = 65_536
"""How much of a text is indexed: pasted logs beyond this would only bloat the postings."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao, Myanmar, Khmer
    "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana, Han
    "\uac00-\ud7af\U00020000-\U0003ffff"  # Hangul, Han of the supplementary planes
)
# Vowel signs and accents are no \w but part of their word: diacritics, Hebrew, Arabic, Indic.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
_LETTER = rf"(?:(?![{_UNSPACED}])[^\W_]|[{_MARKS}])"
_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    r"|(?P<number>\d+(?:[.,:]\d+)+(?!\w))"
    rf"|(?P<name>[a-z](?:\+\+|\#)(?!\w))"
    rf"|(?P<word>{_LETTER}+(?:'{_LETTER}+)*)"
)
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = tuple(name for name in LANGUAGES if name != "russian")

_stemmers = threading.local()


def terms(text: str, language: str | None = None) -> list[str]:
    """The index terms of a text, in order, with repetitions.

    Args:
        text: Any text; only its first 65,536 characters count.
        language: Name of the Snowball stemmer to use, one of ``LANGUAGES``; guessed unless given.
    """
    words = list(_words(text))
    language = language or _guess(words)
    stop = STOP_WORDS[language]
    return [
        _stemmed(word, language) if stemmable else word
        for word, stemmable in words
        if word not in stop
    ]


def query_terms(text: str, languages: tuple[str, ...]) -> list[str]:
    """The distinct terms to look a question up by, in an index of texts in ``languages``.

    A question is often too short to tell its language, so its words are stemmed in each language
    of the index. A question of nothing but stop words is looked up by those.
    """
    words = list(_words(text))
    stop = STOP_WORDS[_guess(words)]
    kept = [pair for pair in words if pair[0] not in stop] or words
    return list(
        dict.fromkeys(
            _stemmed(word, language) if stemmable else word
            for language in languages or (DEFAULT_LANGUAGE,)
            for word, stemmable in kept
        )
    )


def content_words(text: str) -> str:
    """The question less its stop words, for embedders that average over words.

    What is left of "when did she go to the museum" is what to look for; the function words would
    only pull the mean towards every other question. Unchanged if nothing else is in it.
    """
    stop = STOP_WORDS[language_of(text)]
    found = _TOKEN.finditer(_normal(text))
    return " ".join(match.group() for match in found if match.group() not in stop) or text


@lru_cache(maxsize=4_096)
def term_counts(text: str) -> Mapping[str, int]:
    """How often each term occurs in a text; read-only, and cached for the texts that follow it."""
    return MappingProxyType(Counter(terms(text)))


def language_of(text: str) -> str:
    """A cheap guess: by script, else whose function words are the most, else English."""
    return _guess(list(_words(text)))


def _guess(words: list[tuple[str, bool]]) -> str:
    if any(_CYRILLIC.match(word) for word, _ in words):
        return "russian"
    counts = Counter({name: sum(word in STOP_WORDS[name] for word, _ in words) for name in _LATIN})
    # most_common keeps insertion order among equals, and English comes first.
    best, count = counts.most_common(1)[0]
    return best if count else DEFAULT_LANGUAGE


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """The words of a normalised text, each with whether a stemmer may touch it."""
    for match in _TOKEN.finditer(_normal(text)):
        token = match.group()
        if match.lastgroup == "unspaced":
            yield from ((pair, False) for pair in _bigrams(token))
        else:
            yield token, match.lastgroup == "word"


def _normal(text: str) -> str:
    # Casefolding may undo NFKC in rare letters; the second pass makes the form stable.
    folded = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold().replace("\u2019", "'")
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded)


def _bigrams(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    else:
        yield from (run[i : i + 2] for i in range(len(run) - 1))


@lru_cache(maxsize=65_536)
def _stemmed(word: str, language: str) -> str:
    """The stem, without accents in Latin script: people leave them out when they ask."""
    stem = str(_stemmer(language).stemWord(word))
    if stem.isascii():
        return stem
    plain = unicodedata.normalize("NFD", stem)
    return unicodedata.normalize(
        "NFC",
        "".join(
            char
            for i, char in enumerate(plain)
            if not (unicodedata.combining(char) and i and _is_latin(plain[:i]))
        ),
    )


def _is_latin(text: str) -> bool:
    """Whether the last letter of ``text`` is Latin, past any accents."""
    base = next((char for char in reversed(text) if not unicodedata.combining(char)), "")
    return bool(base) and unicodedata.name(base, "").startswith("LATIN")


def _stemmer(language: str) -> Any:
    """This thread's stemmer: stemmers hold the word they work on and must not be shared."""
    found = getattr(_stemmers, language, None)
    if found is None:
        found = snowballstemmer.stemmer(language)
        setattr(_stemmers, language, found)
    return found

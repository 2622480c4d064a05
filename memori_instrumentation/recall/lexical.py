"""BM25 over postings that grow: what the words of a question find."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from memori_instrumentation.recall.growing import Growing

K1 = 0.9
B = 0.4
"""Saturation and length normalisation, Anserini's defaults for short passages."""

CONTEXT_DECAY = 0.5
CONTEXT_STEPS = 2
"""A message counts the words of the two before it too, halved at each step back: people answer
"yes, in Lisbon" to a question that holds the words which will be searched for."""

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]
Occurrences = tuple[Rows, Floats]
"""The documents that hold a term, each once, and how often each does."""


def in_context(texts: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Term frequencies of a text together with, decayed, those of the texts before it.

    Args:
        texts: Term counts of the text itself, then of its predecessor, and so on.
    """
    weighted: dict[str, float] = {}
    for step, counts in enumerate(texts):
        for term, count in counts.items():
            weighted[term] = weighted.get(term, 0.0) + count * CONTEXT_DECAY**step
    return weighted


def bm25(occurrences: Iterable[Occurrences], lengths: Floats) -> Floats:
    """Okapi BM25 of every document: float32 of shape ``(documents,)``, 0 where no term occurs.

    The sum over terms of ``idf * tf / (tf + k1 * (1 - b + b * length / mean length))`` with
    ``idf = ln(1 + (N - df + 0.5) / (df + 0.5))``: Robertson and Zaragoza, "The Probabilistic
    Relevance Framework" (2009), in Lucene's form (idf never negative, no constant ``k1 + 1``).

    Args:
        occurrences: For each term of the question, where it occurs.
        lengths: Length of every document, the sum of its term frequencies.
    """
    scores = np.zeros(len(lengths), dtype=np.float32)
    if not len(lengths):
        return scores
    mean = float(lengths.mean()) or 1.0
    for rows, frequencies in occurrences:
        idf = math.log(1 + (len(lengths) - len(rows) + 0.5) / (len(rows) + 0.5))
        saturation = K1 * (1 - B + B / mean * lengths[rows])
        scores[rows] += np.float32(idf) * frequencies / (frequencies + saturation)
    return scores


class Postings:
    """Which documents hold which terms, documents numbered from 0 in the order they were added.

    Not safe for concurrent use; the entity's index holds the lock.
    """

    def __init__(self) -> None:
        self._terms: dict[str, tuple[array[int], array[float]]] = {}
        self._lengths = Growing(np.float32)

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def lengths(self) -> Floats:
        """Length of every document, the sum of its term frequencies."""
        return self._lengths.values

    def add(self, frequencies: Mapping[str, float]) -> int:
        """Add a document by its term frequencies; returns its number."""
        row = self._lengths.append(sum(frequencies.values()))
        for term, frequency in frequencies.items():
            entry = self._terms.get(term)
            if entry is None:
                entry = self._terms[term] = (array("i"), array("f"))
            entry[0].append(row)
            entry[1].append(frequency)
        return row

    def occurrences(self, terms: Iterable[str]) -> list[Occurrences]:
        """Where each of the terms occurs, those that occur nowhere left out."""
        # Copies: a view would forbid the arrays to grow for as long as anybody holds it.
        return [
            (np.array(entry[0], dtype=np.int32), np.array(entry[1], dtype=np.float32))
            for entry in map(self._terms.get, terms)
            if entry is not None
        ]


def grouped(
    occurrences: Iterable[Occurrences], lengths: Floats, groups: Rows
) -> tuple[list[Occurrences], Floats]:
    """The same occurrences and lengths with documents joined into groups, as into sessions.

    Args:
        occurrences: Where each term occurs, by document.
        lengths: Length of every document.
        groups: Group number of every document, from 0.
    """
    count = int(groups.max(initial=-1)) + 1
    joined = []
    for rows, frequencies in occurrences:
        sums = np.bincount(groups[rows], weights=frequencies, minlength=count).astype(np.float32)
        held = np.flatnonzero(sums).astype(np.int32)
        joined.append((held, sums[held]))
    return joined, np.bincount(groups, weights=lengths, minlength=count).astype(np.float32)


def main_languages(seen: Counter[str], most: int = 3) -> tuple[str, ...]:
    """The languages to stem a question in: the commonest of those seen, at most ``most``."""
    return tuple(language for language, _ in seen.most_common(most))

"""How candidates are ranked: a weighted sum of standardised scores. Pure functions over arrays.

Each component scores in its own unit: BM25 points, cosines, a decay in time. Each is brought to
mean 0 and standard deviation 1 over the pool of candidates, then they are added. Equal-weight
reciprocal rank fusion throws the distances between scores away and measured 5 to 6 points of recall
worse on conversations. The pool is the union of what leads in words and in meaning, not all that is
stored: else the deviation of the word scores, nearly all zero, would shrink as the store grows, and
a single shared word would come to outweigh everything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"dense": 1.0, "lexical": 1.0, "session": 1.0, "recency": 0.1}
)
"""Equal for all kinds of evidence, fitted to no data; recency only orders what is else alike."""

POOL = 200
"""Candidates taken from each of words and meaning; never fewer than the results asked for."""

HALF_LIFE = 30 * 86_400.0
"""Seconds in which recency halves."""

MEAN_PRIOR = 10.0
"""How many zero vectors the mean vector is estimated with, so that a few items do not set it."""

_FLOORS = MappingProxyType({"recency": 0.1})
"""Smallest deviation that counts as one: minutes between messages are no difference in recency."""


def recency(observed: NDArray[np.float64], now: float) -> Floats:
    """``0.5 ** (age / 30 days)`` of items observed at POSIX times; the future counts as now."""
    age = np.maximum(now - observed, 0.0)
    return np.power(0.5, age / HALF_LIFE).astype(np.float32)


def _products(matrix: Floats, vector: Floats) -> Floats:
    """``matrix @ vector`` on this thread alone.

    BLAS would split it over a thread pool, whose wake-up takes 10 times as long as the product of
    10,000 rows does (measured: 9 to 13 ms against 0.5 on two cores), and takes cores from the app.
    """
    products: Floats = np.einsum("ij,j->i", matrix, vector)
    return products


def centred_norms(matrix: Floats, mean: Floats) -> Floats:
    """Lengths of the rows less ``mean``: float32 of shape ``(items,)``, never quite 0.

    Args:
        matrix: Unit vectors, shape ``(items, dimensions)``.
        mean: Of shape ``(dimensions,)``.
    """
    # |x - m|^2 = |x|^2 - 2 x.m + |m|^2, with |x| = 1.
    squares = np.float32(1 + mean @ mean) - 2 * _products(matrix, mean)
    norms: Floats = np.sqrt(np.maximum(squares, np.float32(1e-12)))
    return norms


def centred_cosine(matrix: Floats, norms: Floats, query: Floats, mean: Floats) -> Floats:
    """Cosine between query and rows after subtracting the mean vector from both.

    What all of one person's messages have in common says nothing about which one is meant (Mu and
    Viswanath, "All-but-the-Top", 2018, whose first step this is).

    Args:
        matrix: Unit vectors, shape ``(items, dimensions)``; what a row of zeros gets means nothing.
        norms: The rows' :func:`centred_norms`.
        query: Unit vector of shape ``(dimensions,)``.
        mean: Mean of the rows, shrunk towards zero (see :func:`shrunk_mean`).

    Returns:
        float32 of shape ``(items,)``; all NaN for a query of zeros.
    """
    centred = query - mean
    length = float(np.linalg.norm(centred))
    if not query.any() or not length:
        return np.full(len(matrix), np.nan, dtype=np.float32)
    centred /= np.float32(length)
    cosines: Floats = (_products(matrix, centred) - np.float32(mean @ centred)) / norms
    return cosines


def shrunk_mean(total: Floats, count: int) -> Floats:
    """The mean of ``count`` vectors that sum to ``total`` and of ten zero vectors."""
    return (total / np.float32(count + MEAN_PRIOR)).astype(np.float32)


def leading(scores: Floats, allowed: NDArray[np.bool_], size: int) -> NDArray[np.intp]:
    """The allowed rows with the ``size`` highest scores, in no order; NaN and -inf never lead."""
    rows = np.flatnonzero(allowed & np.isfinite(scores))
    if len(rows) <= size:
        return rows
    return rows[np.argpartition(scores[rows], len(rows) - size)[-size:]]


def pool(
    components: Mapping[str, Floats], allowed: NDArray[np.bool_], size: int
) -> NDArray[np.intp]:
    """The rows to rank, ascending: what leads in words, where any occur, and in meaning."""
    words = components["lexical"]
    found = [leading(np.where(words > 0, words, np.nan), allowed, size)]
    if "dense" in components:
        found.append(leading(components["dense"], allowed, size))
    return np.unique(np.concatenate(found))


def standardised(scores: Floats, floor: float = 1e-6) -> Floats:
    """The scores less their mean, divided by their standard deviation; NaN becomes 0, the mean.

    Args:
        scores: One component over the pool; NaN where it has nothing to say.
        floor: Least deviation to divide by.
    """
    known = scores[np.isfinite(scores)]
    if not len(known):
        return np.zeros_like(scores)
    deviation = max(float(known.std()), floor)
    result: Floats = np.nan_to_num((scores - known.mean()) / np.float32(deviation), nan=0.0)
    return result


def combined(components: Mapping[str, Floats]) -> tuple[Floats, dict[str, Floats]]:
    """The weighted sum of the standardised components, and those components.

    Args:
        components: Raw scores over the same candidates, by a name in ``WEIGHTS``.
    """
    parts = {
        name: standardised(scores, _FLOORS.get(name, 1e-6)) for name, scores in components.items()
    }
    total = sum((np.float32(WEIGHTS[name]) * part for name, part in parts.items()), np.float32(0))
    return np.asarray(total, dtype=np.float32), parts


_ENDS = ".!?\u2026\u3002 "
"""What ends sentences, after NFKC: its full-width forms are gone by then."""


def same_text_key(text: str) -> str:
    """Equal for texts that differ only in case, width, spacing and end punctuation.

    Deliberately no looser: vectors and stems put "likes tea" and "doesn't like tea" side by side.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).rstrip(_ENDS) or folded

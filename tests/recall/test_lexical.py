"""BM25 over growing postings."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.recall.growing import Growing
from memori_instrumentation.recall.lexical import Postings, bm25, grouped, in_context

WORDS = st.sampled_from("abcdefg")
DOCUMENTS = st.lists(st.lists(WORDS, max_size=12), min_size=1, max_size=12)


def textbook(documents: list[list[str]], query: list[str]) -> list[float]:
    """BM25 as it is printed, document by document."""
    mean = sum(map(len, documents)) / len(documents) or 1.0
    scores = []
    for document in documents:
        score = 0.0
        for term in query:
            df = sum(term in other for other in documents)
            tf = document.count(term)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            score += idf * tf / (tf + 0.9 * (1 - 0.4 + 0.4 * len(document) / mean)) if tf else 0
        scores.append(score)
    return scores


def indexed(documents: list[list[str]]) -> Postings:
    postings = Postings()
    for document in documents:
        postings.add(Counter(document))
    return postings


@given(DOCUMENTS, st.lists(WORDS, unique=True))
def test_equals_the_textbook(documents: list[list[str]], query: list[str]) -> None:
    postings = indexed(documents)
    scores = bm25(postings.occurrences(query), postings.lengths)
    np.testing.assert_allclose(scores, textbook(documents, query), rtol=1e-4, atol=1e-6)


@given(DOCUMENTS, st.lists(WORDS, unique=True), st.data())
def test_groups_score_as_if_joined(
    documents: list[list[str]], query: list[str], data: st.DataObject
) -> None:
    groups = [data.draw(st.integers(0, i)) for i in range(len(documents))]
    groups = [sorted(set(groups)).index(group) for group in groups]
    joined: list[list[str]] = [[] for _ in range(max(groups) + 1)]
    for document, group in zip(documents, groups, strict=True):
        joined[group] += document
    postings = indexed(documents)
    found = grouped(postings.occurrences(query), postings.lengths, np.array(groups, np.int32))
    np.testing.assert_allclose(bm25(*found), textbook(joined, query), rtol=1e-4, atol=1e-6)


def test_adding_goes_on_while_somebody_holds_what_was_found() -> None:
    postings = indexed([["a"]])
    held = postings.occurrences(["a"])
    for _ in range(100):
        postings.add({"a": 1.0})
    assert len(held[0][0]) == 1
    assert len(postings.occurrences(["a"])[0][0]) == len(postings) == 101


def test_nothing_stored_and_nothing_known() -> None:
    assert len(bm25([], Postings().lengths)) == 0
    assert indexed([["a"]]).occurrences(["b"]) == []


def test_context_is_halved_at_each_step() -> None:
    assert in_context([{"yes": 1}, {"lisbon": 2, "yes": 1}, {"live": 1}]) == {
        "yes": 1.5,
        "lisbon": 1.0,
        "live": 0.25,
    }


@pytest.mark.parametrize("width", [None, 3])
def test_growing_keeps_what_was_appended(width: int | None) -> None:
    rows = Growing(np.float32, width)
    for i in range(100):
        assert rows.append(i) == i
    assert len(rows) == 100
    expected = np.arange(100) if width is None else np.repeat(np.arange(100), 3).reshape(-1, 3)
    np.testing.assert_array_equal(rows.values, expected)

"""The arithmetic of ranking."""

# ruff: noqa: RUF001 - full-width letters are what some cases are about

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from memori_instrumentation.recall import ranking

SCORES = hnp.arrays(
    np.float32,
    st.integers(1, 40),
    elements=st.floats(-1000, 1000, width=32) | st.just(float("nan")),
)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(SCORES)
def test_standardised_has_mean_0_and_deviation_at_most_1(scores: np.ndarray) -> None:
    found = ranking.standardised(scores)
    known = np.isfinite(scores)
    assert np.isfinite(found).all()
    assert not found[~known].any()
    if known.any() and scores[known].std() > 1e-2:
        assert found[known].mean() == pytest.approx(0, abs=1e-2)
        assert found[known].std() == pytest.approx(1, abs=1e-2)


def test_standardised_leaves_equal_scores_at_0() -> None:
    assert not ranking.standardised(np.full(3, 0.7, np.float32)).any()


def test_combined_is_the_weighted_sum_of_its_parts() -> None:
    total, parts = ranking.combined(
        {
            "dense": np.array([0.9, 0.1, np.nan], np.float32),
            "lexical": np.array([0, 3, 0], np.float32),
            "recency": np.array([0.1, 0.2, 0.9], np.float32),
        }
    )
    np.testing.assert_allclose(
        total, parts["dense"] + parts["lexical"] + 0.1 * parts["recency"], rtol=1e-5
    )
    assert parts["dense"][2] == 0


def test_minutes_are_no_difference_in_recency() -> None:
    ages = ranking.recency(np.array([0.0, 60.0, 120.0]), now=180.0)
    total, _ = ranking.combined({"recency": ages})
    assert np.ptp(total) < 0.01


def test_recency_halves_in_thirty_days_and_knows_no_future() -> None:
    now = 100 * 86_400.0
    found = ranking.recency(np.array([now, now - 30 * 86_400, now + 5]), now)
    np.testing.assert_allclose(found, [1, 0.5, 1])


def test_centred_cosine_is_the_cosine_of_the_centred() -> None:
    random = np.random.default_rng(7)
    matrix = unit(random.normal(1, 1, (50, 16)))
    query = unit(random.normal(1, 1, (1, 16)))[0]
    mean = ranking.shrunk_mean(matrix.sum(axis=0), len(matrix))
    expected = unit(matrix - mean) @ unit((query - mean)[None])[0]
    norms = ranking.centred_norms(matrix, mean)
    found = ranking.centred_cosine(matrix, norms, query, mean)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_query_of_zeros_has_no_cosine() -> None:
    zeros = np.zeros(4, np.float32)
    rows = np.eye(4, dtype=np.float32)
    assert np.isnan(ranking.centred_cosine(rows, np.ones(4, np.float32), zeros, zeros)).all()


@given(SCORES, st.integers(1, 10))
def test_leading_are_the_highest_allowed(scores: np.ndarray, size: int) -> None:
    allowed = np.arange(len(scores)) % 3 != 0
    rows = ranking.leading(scores, allowed, size)
    candidates = scores[allowed & np.isfinite(scores)]
    assert sorted(scores[rows]) == sorted(candidates)[-size:]
    assert allowed[rows].all()


def test_one_rare_word_does_not_outweigh_all_meaning_as_the_store_grows() -> None:
    def lead(items: int) -> float:
        words = np.zeros(items, np.float32)
        words[0] = 5.0
        dense = np.random.default_rng(1).normal(0, 0.1, items).astype(np.float32)
        components = {"lexical": words, "dense": dense}
        pool = ranking.pool(components, np.ones(items, np.bool_), ranking.POOL)
        return float(ranking.combined({n: s[pool] for n, s in components.items()})[0].max())

    assert lead(100_000) < 1.2 * lead(1_000)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("I like tea.", "i  like TEA", True),
        ("Ｉ like tea\n", "I like tea!", True),
        ("I like tea", "I don't like tea", False),
        ("knows C++", "knows C", False),
        ("-5 degrees", "5 degrees", False),
        ("?", "!", False),
    ],
)
def test_same_text_key(one: str, other: str, same: bool) -> None:
    assert (ranking.same_text_key(one) == ranking.same_text_key(other)) is same

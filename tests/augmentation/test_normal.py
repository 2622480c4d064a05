"""Which texts are one memory, and which are not."""
# ruff: noqa: RUF001

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.augmentation.normal import normal_form

DISTINCT = [
    "我住在北京", "我住在上海", "Я живу в Казани", "Я живу в Рязани", "أنا أسكن في دبي",
    "أنا أسكن في القاهرة", "ฉันชอบชา", "ฉันชอบกาแฟ", "C", "C++", "C#", "c--", "-5", "5", "+5",
    "3.5", "35", "3,5", ".5", ".NET", "NET", "resume", "résumé", "#1", "1", "5%", "5°", "@sam",
    "sam",     "हिन्दी", "हिंदू", "か", "が", "ハ", "パ",
]  # fmt: skip


def test_what_differs_stays_distinct() -> None:
    assert len({normal_form(text) for text in DISTINCT}) == len(DISTINCT)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I like tea.", "i like  tea"),
        ("“I like tea!”", "I LIKE TEA"),
        ("Straße", "STRASSE"),
        ("Ａｃｍｅ　１２３", "acme 123"),
        ("caf\u0065\u0301", "café"),
        ("我喜欢茶。", "我喜欢茶"),
        (" \n tea\t", "tea"),
        ("tea\u200b", "tea"),
        ("C++.", "c++"),
    ],
)
def test_what_differs_in_typing_only_is_equal(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@given(st.text())
def test_idempotent(text: str) -> None:
    once = normal_form(text)
    assert normal_form(once) == once


@given(st.text(min_size=1))
def test_only_blank_and_invisible_text_is_empty(text: str) -> None:
    visible = text.translate(dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff")))
    visible = unicodedata.normalize("NFKC", visible)
    assert (normal_form(text) == "") == (visible.strip() == "")


_LETTERS = st.characters(categories=["L"])


@given(_LETTERS, _LETTERS, st.text(alphabet=_LETTERS, max_size=5))
def test_distinct_letters_stay_distinct(one: str, other: str, rest: str) -> None:
    def folded(text: str) -> str:
        return unicodedata.normalize(
            "NFKC", unicodedata.normalize("NFKC", text).casefold()
        ).casefold()

    same = folded(rest + one) == folded(rest + other)
    assert same or normal_form(rest + one) != normal_form(rest + other)

"""Index terms of many languages."""

# ruff: noqa: RUF001 - full-width letters are what some cases are about

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.recall.stopwords import STOP_WORDS
from memori_instrumentation.recall.tokens import (
    content_words,
    language_of,
    query_terms,
    term_counts,
    terms,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I was running and the runners ran", ["run", "runner", "ran"]),
        ("C++, C# or F#; not C", ["c++", "c#", "f#", "c"]),
        ("3.14 of 1,000 on 2024-05-01", ["3.14", "1,000", "2024", "05", "01"]),
        ("我喜欢苹果", ["我喜", "喜欢", "欢苹", "苹果"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("猫", ["猫"]),
        ("서울에서", ["서울", "울에", "에서"]),
        ("I love 東京 most", ["love", "東京"]),
        ("ｆｕｌｌｗｉｄｔｈ", ["fullwidth"]),
        ("हिन्दी", ["हिन्दी"]),
        ("Caroline's dog", ["carolin", "dog"]),
        ("don\u2019t", []),
        ("...", []),
        ("", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("where does she live?", "english"),
        ("Wo wohnt sie und was macht die Katze?", "german"),
        ("Où est-ce que tu habites avec les enfants ?", "french"),
        ("¿Dónde vive ella y cuándo viene?", "spanish"),
        ("Dove abita e perché non viene con gli amici?", "italian"),
        ("Onde você mora e com quem não fala?", "portuguese"),
        ("Где она живёт?", "russian"),
        ("Lisbon", "english"),
        ("", "english"),
    ],
)
def test_language_of(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("german", "Ich habe die Katzen gesehen", "katze"),
        ("russian", "Она живёт в больших городах", "большой город"),
        ("spanish", "Me gustan los perros y las vacaciones", "perro vacación"),
        ("french", "J'ai visité les musées", "musée"),
        ("english", "a café with naïve guests", "cafe naive"),
    ],
)
def test_inflections_and_accents_meet(language: str, one: str, other: str) -> None:
    asked = query_terms(other, (language,))
    assert set(asked) <= set(terms(one, language))


def test_a_question_is_stemmed_in_the_languages_of_the_index() -> None:
    assert {"katz"} <= set(query_terms("Katzen", ("english", "german")))


def test_a_question_of_stop_words_is_still_looked_up() -> None:
    assert query_terms("who are you", ("english",)) == ["who", "are", "you"]
    assert content_words("who are you") == "who are you"
    assert content_words("When did Caroline go to the museum?") == "caroline go museum"


def test_counts_are_shared_and_read_only() -> None:
    counts = term_counts("cats and cats and a dog")
    assert counts == {"cat": 2, "dog": 1}
    with pytest.raises(TypeError):
        counts["cat"] = 3  # type: ignore[index]


@given(st.text(max_size=300))
def test_any_text_is_read_and_case_does_not_matter(text: str) -> None:
    found = terms(text, "english")
    assert all(term and not term.isspace() for term in found)
    assert terms(text.casefold(), "english") == found


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd", "Lo", "Zs"]), max_size=100))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    language = language_of(text)
    assert set(query_terms(text, (language,))) >= set(terms(text))


def test_stemmers_are_safe_across_threads() -> None:
    words = [f"{stem}{end}" for stem in ("walk", "jump", "nation") for end in ("s", "ing", "ed")]
    text = " ".join(f"{word}{n}x {word}" for n in range(200) for word in words)
    expected = terms(text)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(terms, [text] * 32))


def test_stop_words_are_in_the_form_that_they_are_compared_in() -> None:
    for words in STOP_WORDS.values():
        assert all(word == word.casefold() and word.split() == [word] for word in words)

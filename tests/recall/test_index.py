"""An entity's index: what it takes in, and what it finds."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from recall_samples import NOON, stored

from memori_instrumentation.embeddings import build_embedder
from memori_instrumentation.recall.index import EntityIndex, Filters
from memori_instrumentation.recall.vectors import VectorTable
from memori_storage.records import Changes, Source, StoredMemory, Vector

EMBEDDERS = ["wordllama", "none"]
LATER = NOON + timedelta(days=1)


def memory(name: str, content: str, **changes: object) -> StoredMemory:
    made = StoredMemory(
        name, "ann", "fact", content, "active", NOON, NOON, 1, 1.0, "local/1", session="s1"
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def index_of(*items: object, embedder: str = "none") -> EntityIndex:
    index = EntityIndex("ann", build_embedder(embedder))
    index.apply(
        Changes(
            1,
            [item for item in items if not isinstance(item, StoredMemory)],  # type: ignore[misc]
            [item for item in items if isinstance(item, StoredMemory)],
        )
    )
    return index


def found(index: EntityIndex, query: str, limit: int = 5, **filters: object) -> list[str]:
    hits = index.search(query, Filters(**filters), limit, LATER)  # type: ignore[arg-type]
    return [hit.record.id for hit in hits]


@pytest.mark.parametrize("embedder", EMBEDDERS)
def test_finds_memories_and_messages(embedder: str) -> None:
    index = index_of(
        stored("m1", "I moved to Lisbon last spring"),
        stored("m2", "The weather is nice", position=1),
        stored("m3", "My dentist is called Rui", position=2),
        memory("f1", "Lives in Lisbon"),
        embedder=embedder,
    )
    assert set(found(index, "Lisbon", 2)) == {"m1", "f1"}


def test_meaning_finds_what_words_do_not() -> None:
    index = index_of(
        stored("m1", "Pizza and pasta every evening, I love them"),
        stored("m2", "The train to Berlin was late again", session="s2"),
        stored("m3", "My laptop needs a new battery", session="s3"),
        embedder="wordllama",
    )
    assert found(index, "favourite food", 1) == ["m1"]


def test_without_embedder_and_shared_word_nothing_is_found() -> None:
    assert found(index_of(stored("m1", "I like tea")), "quantum physics") == []


def test_an_answer_is_found_by_the_words_of_its_question() -> None:
    index = index_of(
        stored("q", "Which city does your sister study in?", role="assistant"),
        stored("a", "Porto, since autumn", parent="q", position=1),
        stored("x", "Nothing else happened", parent=None, position=2, session="s2"),
    )
    assert found(index, "city sister study") == ["q", "a"]


def test_conversations_are_followed_through_tool_messages() -> None:
    index = index_of(
        stored("q", "Which city does your sister study in?"),
        stored("t", "lookup result: city", role="tool", parent="q", position=1),
        stored("a", "Porto, since autumn", role="assistant", parent="t", position=2),
    )
    assert found(index, "sister study") == ["q", "a"]


def test_tools_instructions_and_empty_messages_are_no_candidates() -> None:
    index = index_of(
        stored("m1", "tea", role="system"),
        stored("m2", "tea", role="developer", position=1),
        stored("m3", "tea", role="tool", position=2),
        stored("m4", "   ", position=3),
    )
    assert len(index) == 0
    assert found(index, "tea") == []


def test_inactive_and_expired_memories_are_not_found_and_come_back() -> None:
    index = index_of(
        memory("f1", "Likes tea"),
        memory("f2", "Likes green tea", status="superseded"),
        memory("f3", "Wants tea", valid_to=NOON),
        memory("f4", "Has tea", valid_to=LATER + timedelta(days=1)),
    )
    assert set(found(index, "tea")) == {"f1", "f4"}
    index.apply(
        Changes(
            2,
            (),
            [memory("f1", "Likes tea", status="retracted"), memory("f2", "Likes green tea")],
        )
    )
    assert set(found(index, "tea")) == {"f2", "f4"}


def test_a_memory_whose_words_changed_is_found_by_the_new_ones_only() -> None:
    index = index_of(memory("f1", "Likes tea"))
    index.apply(Changes(2, (), [memory("f1", "Likes coffee")]))
    assert found(index, "coffee") == ["f1"]
    assert found(index, "tea") == []


def test_identical_text_is_given_once() -> None:
    index = index_of(
        stored("m1", "I like tea."),
        stored("m2", "I like TEA", session="s2"),
        memory("f1", "i like tea"),
        stored("m3", "I don't like tea", session="s3"),
    )
    assert len(found(index, "tea")) == 2


def test_filters() -> None:
    index = index_of(
        stored("m1", "I like tea", process="support"),
        stored("m2", "You like tea", session="s2", role="assistant"),
        memory("f1", "Likes tea", kind="preference", session="s3"),
    )
    assert found(index, "tea", process="support") == ["m1"]
    assert found(index, "tea", session="s2") == ["m2"]
    assert found(index, "tea", kinds=frozenset({"preference"})) == ["f1"]
    assert set(found(index, "tea", kinds=frozenset({"message"}))) == {"m1", "m2"}
    assert found(index, "tea", kinds=frozenset({"rule"})) == []
    assert found(index, "tea", process="unheard of") == []


def test_a_memory_brings_its_source_messages() -> None:
    source = Source("m1", "turn", "s1", "a", "b")
    index = index_of(
        stored("m1", "Well, I moved to Lisbon"), memory("f1", "Lives in Lisbon", sources=(source,))
    )
    hits = index.search("Lisbon", Filters(kinds=frozenset({"fact"})), 5, LATER)
    assert hits[0].messages["m1"].text == "Well, I moved to Lisbon"


def test_newer_first_among_equals() -> None:
    old = stored("old", "tea at the harbour")
    new = stored("new", "harbour at the tea", session="s2", at=NOON + timedelta(days=365))
    index = index_of(old, new)
    assert found(index, "tea harbour") == ["new", "old"]


def test_the_same_changes_twice_do_nothing() -> None:
    message = stored("m1", "I like tea")
    index = index_of(message)
    index.apply(Changes(1, [message], ()))
    assert len(index) == 1


def test_stored_vectors_are_used_and_those_missing_made() -> None:
    embedder = build_embedder("wordllama")
    assert embedder is not None
    index = index_of(
        stored("m1", "alpha"), stored("m2", "beta", session="s2"), embedder="wordllama"
    )
    tea = embedder.embed(["tea"])[0].astype("<f4").tobytes()
    index.apply(Changes(2, (), (), [Vector("m1", embedder.name, tea), Vector("?", "m", tea)]))
    hits = index.search("tea", Filters(), 1, LATER)
    assert hits[0].record.id == "m1"
    assert hits[0].parts["dense"] > 0


def test_vectors_of_other_dimensions_count_as_none() -> None:
    table = VectorTable()
    table.append()
    table.append()
    table.set(0, np.array([1, 0], np.float32))
    table.set(1, np.array([1, 0, 0], np.float32))
    assert table.missing(np.ones(2, np.bool_), 5) == [1]
    cosines = table.cosines(np.array([1, 0], np.float32))
    assert cosines is not None
    assert np.isnan(cosines).tolist() == [False, True]
    assert table.cosines(np.array([1, 0, 0], np.float32)) is None


def test_many_languages_in_one_index() -> None:
    index = index_of(
        stored("de", "Ich habe zwei Katzen und einen Hund"),
        stored("ru", "Она живёт в больших городах", session="s2"),
        stored("zh", "我喜欢吃苹果", session="s3"),
        stored("en", "She programs in C++ and not in C#", session="s4"),
    )
    for query, name in [("Katze", "de"), ("город", "ru"), ("苹果", "zh"), ("c++", "en")]:
        assert found(index, query, 1) == [name]


def test_queries_and_additions_at_the_same_time() -> None:
    index = index_of(stored("m0", "tea number 0"), embedder="wordllama")
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(50):
                assert found(index, "tea number")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(1, 200):
        index.apply(Changes(i + 1, [stored(f"m{i}", f"tea number {i}", session=f"s{i}")]))
    for thread in threads:
        thread.join()
    assert not failures
    assert len(index) == 200

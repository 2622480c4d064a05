"""Messages that came in full after their beginning was indexed."""

from __future__ import annotations

from recall_samples import NOON, stored

from memori_instrumentation.recall.index import EntityIndex, Filters
from memori_storage.records import Changes, StoredMessage


def found(index: EntityIndex, query: str) -> list[str]:
    hits = index.search(query, Filters(), 5, NOON)
    return [hit.record.text for hit in hits if isinstance(hit.record, StoredMessage)]


def test_only_the_whole_is_found() -> None:
    index = EntityIndex("ann", None)
    question = stored("m1", "Where is the dentist?")
    index.apply(Changes(1, [question, stored("m2", "The dentist is in Po", role="assistant")]))
    assert found(index, "dentist")[:2] == ["Where is the dentist?", "The dentist is in Po"]
    whole = stored("m2", "The dentist is in Porto", role="assistant", parent="m1", position=1)
    for revision in (2, 3):
        index.apply(Changes(revision, [whole]))
    assert sorted(found(index, "dentist")) == ["The dentist is in Porto", "Where is the dentist?"]
    index.apply(Changes(4, [stored("m3", "Thanks, dentist", parent="m2", position=2)]))
    assert "Thanks, dentist" in found(index, "Porto")  # said after it


def test_a_message_without_words_gets_some() -> None:
    index = EntityIndex("ann", None)
    index.apply(Changes(1, [stored("m1", "", role="assistant")]))
    index.apply(Changes(2, [stored("m1", "The dentist is in Porto", role="assistant")]))
    assert found(index, "dentist") == ["The dentist is in Porto"]

"""Precision and recall of the local extractor over the labelled messages, by kind and language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from memori_instrumentation.augmentation.local import LocalExtractor
from memori_storage.records import Job, NewMemory

FILES = Path(__file__).parent / "extraction"


class Score:
    """Counts of right, wrong and missed memories by some label."""

    def __init__(self) -> None:
        self.right: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()

    def table(self) -> str:
        labels = sorted(set(self.right) | set(self.wrong) | set(self.missed))
        return "\n".join(self.line(label, [label]) for label in labels)

    def line(self, name: str, labels: list[str] | None = None) -> str:
        right, wrong, missed = (
            sum(count for label, count in counter.items() if labels is None or label in labels)
            for counter in (self.right, self.wrong, self.missed)
        )
        precision = f"{right / (right + wrong):9.3f}" if right + wrong else "        -"
        recall = f"{right / (right + missed):9.3f}" if right + missed else "        -"
        return f"{name:14} {right:5} {wrong:5} {missed:6} {precision} {recall}"

    @property
    def precision(self) -> float:
        return self.right.total() / (self.right.total() + self.wrong.total())

    @property
    def recall(self) -> float:
        return self.right.total() / (self.right.total() + self.missed.total())


def _is_meant(item: dict[str, Any], memory: NewMemory) -> bool:
    said = memory.content.casefold()
    return (
        item["kind"] == memory.kind
        and all(part.casefold() in said for part in item["has"])
        and not any(part.casefold() in said for part in item.get("lacks", ()))
        and item.get("object", memory.object or "").casefold() == (memory.object or "").casefold()
    )


def _measure(
    cases: list[dict[str, Any]], job_of: Callable[..., Job]
) -> tuple[Score, Score, list[str]]:
    by_kind, by_language, remarks = Score(), Score(), []
    for case in cases:
        expected = list(case["expect"])
        for memory in LocalExtractor().extract(job_of(case["text"])):
            match = next(
                (item for item in expected if _is_meant(item, memory)),
                None,
            )
            if match is not None:
                expected.remove(match)
            else:
                remarks.append(f"wrong: {case['text']!r} -> {memory.kind}: {memory.content}")
            for score, label in ((by_kind, memory.kind), (by_language, case["lang"])):
                (score.wrong if match is None else score.right)[label] += 1
        for item in expected:
            remarks.append(f"missed: {case['text']!r} -> {item}")
            by_kind.missed[item["kind"]] += 1
            by_language.missed[case["lang"]] += 1
    return by_kind, by_language, remarks


# Whoever tunes the rules should not see what they get wrong here.
UNSEEN = {"everyday_held_apart"}


@pytest.mark.parametrize("name", ["tuned", "held_apart", "everyday_tuned", "everyday_held_apart"])
def test_precision_and_recall(
    name: str, job_of: Callable[..., Job], capsys: pytest.CaptureFixture[str]
) -> None:
    cases = yaml.safe_load((FILES / f"{name}.yaml").read_text(encoding="utf-8"))
    by_kind, by_language, remarks = _measure(cases, job_of)
    with capsys.disabled():
        print(f"\n{name}: {len(cases)} messages")
        print(f"{'':14} {'right':>5} {'wrong':>5} {'missed':>6} {'precision':>9} {'recall':>9}")
        print(by_kind.table(), by_language.table(), by_kind.line("all"), sep="\n")
        if name not in UNSEEN:
            print(*remarks, sep="\n")
    teaches_nothing = sum(not case["expect"] for case in cases)
    assert teaches_nothing * 2 >= len(cases)
    assert by_kind.precision >= 0.9
    assert by_kind.recall >= 0.8

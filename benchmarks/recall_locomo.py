"""Recall on LoCoMo: how often evidence for the answer is among the first results.

    python benchmarks/recall_locomo.py PATH [--embedder wordllama|none] [--database URL]

PATH is a ``locomo10.json`` (https://github.com/snap-research/locomo, CC BY-NC 4.0: for measuring
only, not part of this project). Every conversation is stored as one entity, through the store, as
the calls of a client that sends its session's history each time; the first speaker is the user, and
messages begin with the speaker's name. Photos stand in their message as the caption that the data
has for them. Nothing is extracted: only messages are recalled. Every question of categories 1 to 4
that has evidence is asked through the public client; "any" is the share of questions for which at
least one evidence message is among the first k. Plain BM25 (k1 1.2, b 0.75, lower-cased words) runs
on the same messages and questions.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from memori_instrumentation.recall.client import RecallClient
from memori_storage import open_store
from memori_storage.records import Message, Turn

CUTS = (5, 10, 20)
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}


@dataclass(frozen=True)
class Said:
    """One message of a conversation."""

    id: str
    role: str
    text: str


@dataclass(frozen=True)
class Session:
    name: str
    began: datetime
    messages: Sequence[Said]


@dataclass(frozen=True)
class Question:
    text: str
    category: int
    evidence: frozenset[str]


def sessions_of(conversation: dict[str, Any]) -> Iterator[Session]:
    """The sessions of a LoCoMo conversation, in order."""
    numbers = sorted(int(key[8:]) for key in conversation if re.fullmatch(r"session_\d+", key))
    for number in numbers:
        name = f"session_{number}"
        began = datetime.strptime(conversation[f"{name}_date_time"], "%I:%M %p on %d %B, %Y")
        messages = [
            Said(
                turn["dia_id"],
                "user" if turn["speaker"] == conversation["speaker_a"] else "assistant",
                f"{turn['speaker']}: {turn['text']}"
                + (f" [photo: {caption}]" if (caption := turn.get("blip_caption")) else ""),
            )
            for turn in conversation[name]
        ]
        yield Session(name, began.replace(tzinfo=UTC), messages)


def questions_of(item: dict[str, Any], known: Iterable[str]) -> list[Question]:
    """The questions of categories 1 to 4 whose evidence is in the conversation."""
    present = frozenset(known)
    asked = []
    for entry in item["qa"]:
        # A few evidence entries hold several ids, or ids that do not exist.
        named = {i for text in entry["evidence"] for i in re.findall(r"D\d+:\d+", text)}
        if entry["category"] in CATEGORIES and named & present:
            asked.append(Question(entry["question"], entry["category"], frozenset(named & present)))
    return asked


def turns_of(entity: str, session: Session) -> Iterator[Turn]:
    """The session as calls to a model: each sends all that was said and gets the next reply."""
    sent: list[Message] = []
    for place, said in enumerate(session.messages):
        message = Message(said.role, ({"type": "text", "content": said.text},))
        last = place + 1 == len(session.messages)
        if said.role == "assistant" or last:
            reply = [message] if said.role == "assistant" else []
            at = session.began + timedelta(seconds=30 * place)
            identity = f"{abs(hash((entity, session.name, place))):016x}"
            yield Turn(
                id=f"{entity}-{session.name}-{place}",
                entity=entity,
                process=None,
                session=f"{entity}-{session.name}",
                provider="openai",
                operation="chat",
                model=None,
                status="complete",
                trace_id=identity * 2,
                span_id=identity,
                started_at=at,
                ended_at=at,
                input=(*sent, *([] if reply else [message])),
                output=tuple(reply),
            )
        sent.append(message)


def plain_bm25(texts: Sequence[str], query: str, k1: float = 1.2, b: float = 0.75) -> list[int]:
    """Document numbers by Okapi BM25 over lower-cased words, best first: the baseline."""
    documents = [Counter(re.findall(r"\w+", text.lower())) for text in texts]
    lengths = [sum(counts.values()) for counts in documents]
    mean = sum(lengths) / len(lengths)
    scores = [0.0] * len(texts)
    for word in re.findall(r"\w+", query.lower()):
        holding = [i for i, counts in enumerate(documents) if word in counts]
        idf = math.log(1 + (len(texts) - len(holding) + 0.5) / (len(holding) + 0.5))
        for i in holding:
            tf = documents[i][word]
            scores[i] += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * lengths[i] / mean))
    return sorted(range(len(texts)), key=lambda i: -scores[i])


class Tally:
    """Hits by system, category and cut."""

    def __init__(self) -> None:
        self._hits: defaultdict[tuple[str, int, int], list[bool]] = defaultdict(list)

    def add(self, system: str, question: Question, found: Sequence[frozenset[str]]) -> None:
        """Count a question answered by a system with these evidence ids, best first."""
        for cut in CUTS:
            hit = any(ids & question.evidence for ids in found[:cut])
            for category in (question.category, 0):
                self._hits[system, category, cut].append(hit)

    def rows(self, system: str) -> Iterator[str]:
        """The table's lines for a system; category 0 is all of them."""
        for category in (*CATEGORIES, 0):
            cells = [self._hits[system, category, cut] for cut in CUTS]
            name = CATEGORIES.get(category, "all")
            shares = "  ".join(f"{np.mean(cell):8.3f}" for cell in cells)
            yield f"{system:<14} {category or '':>1} {name:<12} {len(cells[0]):>5}  {shares}"


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--embedder", default="wordllama")
    parser.add_argument("--database", help="default: a SQLite file that is removed afterwards")
    options = parser.parse_args()
    items = json.loads(options.path.read_text())
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or f"sqlite:///{folder}/locomo.db"
        run(items, database, options.embedder)


def run(items: Sequence[dict[str, Any]], database: str, embedder: str) -> None:
    """Store the conversations in ``database``, ask their questions, print what was found."""
    store = open_store(database)
    store.migrate()
    tally, warm, cold = Tally(), [], []
    stored = 0
    with RecallClient(database, embedder=embedder) as client:
        for number, item in enumerate(items):
            entity = f"locomo-{number}"
            sessions = list(sessions_of(item["conversation"]))
            store.add_turns([turn for session in sessions for turn in turns_of(entity, session)])
            said = [message for session in sessions for message in session.messages]
            stored += len(store.messages_of(entity))
            ids: defaultdict[str, set[str]] = defaultdict(set)
            for message in said:
                ids[message.text].add(message.id)
            began = time.perf_counter()
            client.recall("hello", entity=entity)
            cold.append(time.perf_counter() - began)
            for question in questions_of(item, (message.id for message in said)):
                began = time.perf_counter()
                found = client.recall(question.text, entity=entity, limit=max(CUTS))
                warm.append(time.perf_counter() - began)
                tally.add("memori", question, [frozenset(ids[m.content]) for m in found])
                order = plain_bm25([message.text for message in said], question.text)
                tally.add("plain BM25", question, [frozenset({said[i].id}) for i in order])
    store.close()
    heads = "  ".join(f"any@{cut}".rjust(8) for cut in CUTS)
    print(f"{len(items)} conversations, {stored} messages, embedder {embedder}\n")
    print(f"{'system':<14} {'category':<14} {'n':>5}  {heads}")
    for system in ("memori", "plain BM25"):
        print("\n".join(tally.rows(system)))
    p50, p99 = np.percentile(warm, [50, 99]) * 1e3
    print(f"\nwarm recall(limit=20), {stored // len(items)} messages an entity: ", end="")
    print(f"p50 {p50:.2f} ms, p99 {p99:.2f} ms; first of an entity: {np.max(cold) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()

"""Who says what in the demo, and what is asked about them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the chat program."""

    entity: str
    session: str
    says: Sequence[str]
    stream: bool = False


PROCESS = "demo-chat"

SESSIONS = (
    Session(
        "ana",
        "ana-monday",
        (
            "Hi, my name is Ana. I live in Lyon and I work as a botanist.",
            "I'm allergic to peanuts. What could I cook for dinner?",
        ),
    ),
    Session(
        "ben",
        "ben-monday",
        (
            "Hello! I'm Ben. I live in Oslo, and I love climbing.",
            "I'm allergic to cats. Any idea for my weekend trip?",
        ),
    ),
    Session(
        "ana",
        "ana-friday",
        ("I have a dog called Miso.", "I prefer short answers, please."),
        stream=True,
    ),
)

QUESTIONS = (
    "Where do they live?",
    "What are they allergic to?",
    "Do they have a pet?",
)
"""Asked about every user alike."""

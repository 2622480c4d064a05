"""The form of the extraction rules, which are data: see the modules in ``tables``.

A rule's pattern is a regular expression in which ``<name:slot>`` stands for a part to be captured:
``name`` is how the templates refer to it, ``slot`` one of the language's slots. Patterns are
matched, case aside, at the beginning of a clause.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from memori_storage.records import MemoryKind

_SLOT = re.compile(r"<(\w+):(\w+)>")

Check = Callable[[str], bool]


def _anything(text: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Slot:
    """What may stand in one place of a pattern."""

    pattern: str
    """A regular expression of bounded length, without capturing groups."""
    check: Check = _anything
    """Whether the words captured there can be meant: what a regular expression says badly."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of statement and the memory it makes."""

    kind: MemoryKind
    predicate: str
    """Template, shared by all languages: ``lives_in``, ``likes``, ``{r}_of``, …"""
    pattern: str
    content: str
    """Template of the memory's content; ``{clause}`` is the whole clause in the third person."""
    object: str = "{x}"
    subject: str = "User"
    confidence: float = 0.9
    dated: bool = False
    """Whether the statement counts only with a date that can be resolved."""
    anywhere: bool = False
    """Whether the pattern may match inside the clause, not only at its beginning."""
    open: bool = False
    """Whether anything may follow; else only the language's ``end``."""
    each: bool = False
    """Whether ``x`` is a list and each of its parts a memory of its own."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its slots filled in, ready to be matched."""

    rule: Rule
    pattern: str
    checks: Mapping[str, Check]

    @property
    def regex(self) -> re.Pattern[str]:
        """The pattern compiled, once: languages that nobody writes in cost nothing."""
        return _regex(self.pattern)

    def captures(self, clause: str) -> dict[str, str] | None:
        """What the rule's slots hold in a clause; ``None`` when the rule does not apply."""
        found = self.regex.search(clause) if self.rule.anywhere else self.regex.match(clause)
        if found is None:
            return None
        captured = found.groupdict(default="")
        for name in self.checks:
            captured[name] = captured[name].strip(" \t.,") or captured[name].strip()
        if all(check(captured[name]) for name, check in self.checks.items() if captured[name]):
            return captured
        return None


@dataclass(frozen=True, slots=True)
class Carry:
    """What later clauses take over from the one before: "I live in Lyon and work as a nurse"."""

    subject: re.Pattern[str]
    """What is taken over, as group 1, at the beginning of the clause before."""
    joint: re.Pattern[str]
    """Where, in such a clause, one begins that lacks it; what matches is cut out."""
    space: str = " "
    """What the language puts between words."""

    def clauses(self, clause: str) -> list[str]:
        """``clause`` in as many as it is, each complete."""
        subject = self.subject.match(clause)
        if subject is None:
            return [clause]
        first, *others = self.joint.split(clause)
        return [first, *(f"{subject[1]}{self.space}{other}" for other in others)]


@dataclass(frozen=True, slots=True)
class Language:
    """All that the extractor knows of a language: tables, no code.

    The regular expressions are matched, case aside, where their description says.
    """

    code: str
    words: frozenset[str]
    """Frequent short words, by which the language is told from others of its script."""
    rules: tuple[CompiledRule, ...]
    joints: re.Pattern[str]
    """Where a sentence falls into clauses; what matches is cut out."""
    openers: re.Pattern[str]
    """Words at a clause's beginning that add nothing."""
    question: re.Pattern[str]
    """How a clause begins that asks."""
    doubt: re.Pattern[str]
    """What makes a clause no statement of fact, wherever it stands in it."""
    fiction: re.Pattern[str]
    """What makes everything from here on invented or pasted, wherever it stands in a sentence."""
    carries: tuple[Carry, ...] = ()
    """What clauses take over from those before, tried in order."""
    tidied: tuple[tuple[re.Pattern[str], str], ...] = ()
    """What a sentence is put right with before it is read: patterns and what replaces them."""
    reword: Callable[[str], str] = str
    """Turns a part of what users say of themselves into a part of what is said of them."""
    retell: Callable[[str], str] = str
    """Turns a whole clause of theirs into one about the user."""


def compile_rules(
    rules: Iterable[Rule], slots: Mapping[str, Slot], end: str
) -> tuple[CompiledRule, ...]:
    """Rules with their slots filled in.

    Args:
        rules: The rules, whose patterns name slots.
        slots: The slots of the language, by name.
        end: What must follow a rule's last slot or word, as a regular expression.

    Raises:
        KeyError: When a pattern names a slot that is not there.
    """
    return tuple(_compiled(rule, slots, end) for rule in rules)


def _compiled(rule: Rule, slots: Mapping[str, Slot], end: str) -> CompiledRule:
    names = _SLOT.findall(rule.pattern)
    pattern = _SLOT.sub(lambda slot: f"(?P<{slot[1]}>{slots[slot[2]].pattern})", rule.pattern)
    return CompiledRule(
        rule,
        f"(?:{pattern}){'' if rule.open else end}",
        {name: slots[slot].check for name, slot in names},
    )


@functools.cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def any_of(*patterns: str) -> re.Pattern[str]:
    """A case-blind regular expression that matches where any of ``patterns`` does."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


def tidy(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Case-blind regular expressions with their replacements, for :attr:`Language.tidied`."""
    return tuple((re.compile(pattern, re.IGNORECASE), said) for pattern, said in pairs)


def word_set(text: str) -> frozenset[str]:
    """The words of ``text``, which stand between spaces."""
    return frozenset(text.split())

"""What the tables of languages in Latin script share: slots, ends, joints."""
# ruff: noqa: RUF001

from __future__ import annotations

import re

from memori_instrumentation.augmentation.local.rules import Carry, Rule, Slot, any_of, word_set

_TEXT = r"[^;:!?()\n,]"
_NO_THING = word_set(
    "ça ca cela ceci ce cette ces ta ton tes votre vos esto eso tu tus su este esta estos "
    "estas esa ese lo questo questa quello quella tuo tua il_tuo isto isso sua seu teu essa "
    "esse das dies diese dieser dieses deine dein ihre ihr es sie que quand comment cuando "
    "como che quando come wenn wie dass"
)


def _thing(text: str) -> bool:
    words = text.lower().split()
    pointing = {words[0], words[1] if len(words) > 1 else words[0]} if words else _NO_THING
    return len(words) <= 12 and not pointing & _NO_THING and "⟦" not in text


def _name(text: str) -> bool:
    words = text.split()
    return 0 < len(words) <= 4 and all(word[0].isalpha() for word in words)


def _capital(text: str) -> bool:
    return text[:1].isupper() and "⟦" not in text


def _place(text: str) -> bool:
    return len(text.split()) <= 8 and _thing(text)


_WORD = r"[^\W\d_][^\s,;:!?()\d]{0,30}"
LATIN_SLOTS = {
    "name": Slot(rf"{_WORD}(?: {_WORD}){{0,3}}?", _name),
    "age": Slot(r"(?:1[0-9]|[2-9][0-9]|1[01][0-9])"),
    "place": Slot(rf"{_TEXT}{{1,60}}?", _place),
    "capital": Slot(rf"{_TEXT}{{1,60}}?", _capital),
    "thing": Slot(rf"{_TEXT}{{1,80}}?", _thing),
    "rest": Slot(rf"{_TEXT}{{1,100}}?"),
}


def household(have: str, named: str, mine: str, user_has: str, an_animal: str) -> tuple[Rule, ...]:
    """Rules for the pets and children that one has, which all languages in Latin script share.

    Args:
        have: "I have", "we have", as alternatives of a regular expression; the language's slots
            ``pets``, ``pet`` and ``kids`` say whom.
        named: What stands between an animal and its name, likewise.
        mine: "My", likewise.
        user_has: "The user has", as the memories begin.
        an_animal: "A pet", for those that are only named.
    """
    has = rf"(?:{have}) "
    named_too = f"{user_has} {{x}} {{n}} {{y}}"
    return (
        Rule(
            "fact",
            "has_pet",
            has + rf"<x:pets>,? (?P<n>{named}) <y:name>",
            named_too,
            "{x} {n} {y}",
        ),
        Rule("fact", "has_pet", has + rf"<x:pets>(?!,? (?:{named})\b)", f"{user_has} {{x}}"),
        Rule(
            "fact",
            "has_pet",
            rf"(?:{mine}) <x:pet> (?:(?:{named}) )?<y:called>",
            f"{user_has} {an_animal}: {{x}} {{y}}",
            "{x} {y}",
            anywhere=True,
        ),
        Rule(
            "fact", "has_pet", has + r"[^,;:!?]{1,40}? (?:et|y|e|und) <x:pets>", f"{user_has} {{x}}"
        ),
        Rule("fact", "has_children", has + "<x:kids>", f"{user_has} {{x}}"),
    )


def animals(counts: str, pets: str, kids: str) -> dict[str, Slot]:
    """The slots of :func:`household`: numerals and articles, animals, children, as alternatives."""
    counted = rf"(?:{counts}|\d{{1,2}})(?: [^\W\d_]{{2,20}})?"
    return {
        "pets": Slot(rf"{counted} (?:{pets})"),
        "pet": Slot(rf"(?:{pets})"),
        "kids": Slot(rf"{counted} (?:{kids})"),
        "called": Slot(r"(?-i:[A-ZÀ-Þ])[\w'-]{1,30}", _name),
    }


def carried(subject: str, conjunctions: str, verbs: str) -> tuple[Carry, ...]:
    """``subject`` stands for later clauses too, which begin with one of ``verbs``."""
    return (
        Carry(
            any_of(rf"(?:hello, )?({subject})\b"),
            any_of(rf"(?:,\s+(?:(?:{conjunctions}) )?|\s+(?:{conjunctions})\s+)(?=(?:{verbs})\b)"),
        ),
    )


def latin_end(words: str) -> str:
    """What ends a statement: punctuation, or one of ``words`` (alternatives of a regex)."""
    return rf"(?=\s*(?:$|[,;:!?(]| (?:{words})\b| (?:et|y|e|und|and)\b))"


def latin_joints(conjunctions: str, openings: str) -> re.Pattern[str]:
    """Where a sentence falls into clauses: before a conjunction or comma that a clause follows.

    Args:
        conjunctions: Words that join clauses, as alternatives of a regular expression.
        openings: Words that a clause begins with, likewise.
    """
    # Whole words: "wo" opens no clause in "und wohne". Elided ones end in an apostrophe.
    opening = rf"(?=(?:{openings})(?!(?<=\w)\w))"
    return any_of(
        r"\s*;\s*",
        r"\s+[–—-]\s+",
        rf",\s+(?:(?:{conjunctions}) )?{opening}",
        rf"\s+(?:{conjunctions})\s+{opening}",
    )

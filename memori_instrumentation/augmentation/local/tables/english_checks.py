"""Checks of what English patterns capture, over the word lists."""

from __future__ import annotations

import re

from memori_instrumentation.augmentation.local.rules import word_set
from memori_instrumentation.augmentation.local.tables import english_words as words

_HOLE = "⟦"
_ARTICLES = frozenset({"the", "a", "an", "this", "that", "these", "those", "his", "her", "their"})
_NO_NAME = word_set(
    "sorry back done new ok okay here ready sure fine good well not so very just also in on "
    "at from the a an i hoping looking trying going working afraid glad happy sad tired"
)
_AFTER_HEAD = re.compile(
    r"\b(?:at|in|for|with|from|of|on|by|and|or|working|who|based|living|specializing)\b|,",
    re.IGNORECASE,
)
_JOB_ENDING = re.compile(r"(?:\w{2,}(?:er|or|ist|ian|smith|wright|man|woman|ologist))$")
_DIET = re.compile(words.DIETS, re.IGNORECASE)
_STATIVE_VERBS_NOT = word_set("know see hear ask get understand have be say think try")
_ORDERS = word_set(
    "answer reply respond use call mention say write speak talk ask include suggest recommend "
    "give show tell keep add address explain start end begin format assume remind sign cite "
    "quote apologize apologise lecture translate provide bring put make be check refer avoid "
    "offer convert list summarize summarise remember repeat finish greet stick"
)


def _split(text: str) -> list[str]:
    return [word.strip("'\".,").lower() for word in text.split()]


def anyone(text: str) -> bool:
    """A name after words that announce one: one to four words, letters only."""
    parts = text.split()
    return (
        0 < len(parts) <= 4
        and all(part.replace("'", "").replace("-", "").replace(".", "").isalpha() for part in parts)
        and parts[0].lower() not in _NO_NAME | words.VAGUE
    )


def name(text: str) -> bool:
    """A name by its form: capitalised words, no nationality, no job."""
    return (
        anyone(text)
        and all(part[0].isupper() for part in text.split())
        and not words.NATIONALITY.fullmatch(text)
        and text.split()[-1].lower() not in words.JOB
    )


def thing(text: str) -> bool:
    """Something that can be liked, used, owned: nothing vague, nothing of this conversation."""
    parts = _split(text)
    if not parts or len(parts) > 14 or _HOLE in text or parts[0] in words.VAGUE:
        return False
    if parts[0] in _ARTICLES and len(parts) > 1 and parts[1] in words.ABOUT_THE_TALK:
        return False
    if parts[0] == "to" and len(parts) > 1 and parts[1] in _STATIVE_VERBS_NOT:
        return False
    return parts[0] not in words.ABOUT_THE_TALK or len(parts) > 2


def place(text: str) -> bool:
    """Somewhere one can live: not "fear", "the moment", "a bubble"."""
    parts = [part for part in _split(text) if part not in _ARTICLES]
    return (
        0 < len(parts) <= 9
        and _HOLE not in text
        and parts[0] not in words.PLACE_NOT | words.VAGUE
        and not parts[0].endswith("ing")
    )


def job(text: str) -> bool:
    """An occupation, by its head noun: "nurse", "data engineer at Acme", "florist"."""
    head = _split(_AFTER_HEAD.split(text, maxsplit=1)[0])
    if not head or len(head) > 6 or _HOLE in text or set(head) & {"bit", "little", "lot", "fan"}:
        return False
    noun = head[-1]
    return noun not in words.JOB_NOT and (
        noun in words.JOB or _JOB_ENDING.fullmatch(noun) is not None
    )


def nationality(text: str) -> bool:
    """A word such as "German" or "Brazilian", capitalised or all in lower case."""
    return (
        words.NATIONALITY.fullmatch(text) is not None
        and text.lower() not in words.JOB
        and not _DIET.fullmatch(text)
    )


def order(text: str) -> bool:
    """What an assistant can be told to do always or never."""
    parts = _split(text)
    return (
        1 < len(parts) <= 25
        and parts[0] in _ORDERS
        and _HOLE not in text
        and not {"here", "this", "below", "above"} & set(parts)
    )


def study(text: str) -> bool:
    """A subject of study: not "a lot", "for my exam", "how it works"."""
    parts = _split(text)
    return thing(text) and parts[0] not in {
        "a", "an", "to", "about", "for", "more", "in", "on", "by", "with", "from", "hard", "the"
    }  # fmt: skip

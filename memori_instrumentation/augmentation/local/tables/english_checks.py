"""Checks of what English patterns capture, over the word lists."""

from __future__ import annotations

import re

from memori_instrumentation.augmentation.local.rules import word_set
from memori_instrumentation.augmentation.local.tables import english_words as words

_HOLE = "⟦"
_ARTICLES = frozenset(
    {"the", "a", "an", "our", "this", "that", "these", "those", "his", "her", "their"}
)
_POINTING = word_set(
    "it this that these those them there his her hers their theirs you your yours here"
)
_COUNTING = word_set("a an one two three four five six")
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
# What an assistant does anyway, so that "always" and "never" must mean it ...
_ORDERS = word_set(
    "answer reply respond use mention speak cite quote apologize apologise suggest recommend "
    "include explain summarize summarise format translate address greet remind call ask repeat "
    "refer convert avoid lecture"
)
# ... and what anyone does: only towards the user, or to the answers.
_SHARED_ORDERS = word_set(
    "give tell show keep make provide put start end begin finish write talk say add bring check "
    "list stick assume offer be"
)
_TOWARDS = word_set(
    "me us my your with in to brief concise short formal informal polite honest direct clear"
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
        and not _COUNTING & set(_split(text))
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
    if _POINTING & set(parts) or parts[0].endswith("ly") or parts[:2] == ["all", "the"]:
        return False
    if parts[0] == "to" and (len(parts) == 1 or parts[1] in _STATIVE_VERBS_NOT):
        return False
    if parts[0] in _ARTICLES and len(parts) > 1:
        # "The" points at what was talked about, unless a name or one of the world's few follows.
        known = parts[0] != "the" or text.split()[1][:1].isupper() or parts[1] in words.THE_ONLY
        return known and parts[1] not in words.ABOUT_THE_TALK
    return parts[0] not in words.ABOUT_THE_TALK or len(parts) > 2


def deed(text: str) -> bool:
    """What was done, in words that stand by themselves."""
    return thing(text) or (text.lower().startswith("the ") and not _POINTING & set(_split(text)))


def place(text: str) -> bool:
    """Somewhere one can live: not "fear", "the moment", "a bubble"."""
    parts = [part for part in _split(text) if part not in _ARTICLES]
    return (
        0 < len(parts) <= 9
        and _HOLE not in text
        and parts[0] not in words.PLACE_NOT | words.VAGUE
        and not {parts[0], parts[-1]} & words.NO_PLACE
        and not _POINTING & set(parts)
        and not parts[0].endswith("ing")
    )


def job(text: str) -> bool:
    """An occupation, by its head noun: "nurse", "data engineer at Acme", "florist"."""
    head = _split(_AFTER_HEAD.split(text, maxsplit=1)[0])
    if not head or len(head) > 6 or _HOLE in text or set(head) & {"bit", "little", "lot", "fan"}:
        return False
    noun = head[-1]
    return not ({noun} & words.JOB_NOT or _DIET.fullmatch(noun)) and (
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
        and (parts[0] in _ORDERS or (parts[0] in _SHARED_ORDERS and parts[1] in _TOWARDS))
        and _HOLE not in text
        and not {"here", "this", "below", "above"} & set(parts)
    )


def study(text: str) -> bool:
    """A subject of study: not "a lot", "for my exam", "how it works"."""
    parts = _split(text)
    return thing(text) and parts[0] not in {
        "a", "an", "to", "about", "for", "more", "in", "on", "by", "with", "from", "hard", "the"
    }  # fmt: skip

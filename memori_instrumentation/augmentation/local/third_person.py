"""English words about oneself turned into words about "User"."""

from __future__ import annotations

import re

from memori_instrumentation.augmentation.local.rules import word_set

_SUBJECT = (
    (r"(?:I|we)'m\b|I am\b|we're\b|we are\b|I'm\b", "User is"),
    (r"(?:I|we)'ve got\b|(?:I|we)'ve\b|(?:I|we) have\b", "User has"),
    (r"(?:I|we)'ll\b", "User will"),
    (r"(?:I|we) (?:was|were)\b", "User was"),
    (r"(?:I|we) (?:do not|don't)\b", "User does not"),
)
_LEADING = [(re.compile(f"^(?:{pattern})", re.IGNORECASE), said) for pattern, said in _SUBJECT]
_LEADING_VERB = re.compile(r"^(?:I|we) (?:also |usually |often |always )?([a-z]+)\b", re.IGNORECASE)
_UNINFLECTED = word_set("will can could would should must may might had did was were")

_WORDS = {
    "i": "they",
    "i'm": "they are",
    "i've": "they have",
    "i'll": "they will",
    "we": "they",
    "we're": "they are",
    "me": "them",
    "us": "them",
    "my": "their",
    "our": "their",
    "mine": "theirs",
    "ours": "theirs",
    "myself": "themselves",
    "ourselves": "themselves",
    "your": "its",
    "yours": "its own",
}
_WORD = re.compile(
    r"(?<![\w'])(?:"
    + "|".join(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True))
    + r")(?![\w'])",
    re.IGNORECASE,
)


def third_person(text: str) -> str:
    """``text`` with its first-person words turned: "I'm moving with my dog" into "User is moving
    with their dog". "Your" is the assistant's, hence "its". Other words stay as they are.
    """
    for pattern, said in _LEADING:
        if pattern.match(text):
            return said + _inner(pattern.sub("", text, count=1))
    if verb := _LEADING_VERB.match(text):
        return f"User {_inflected(verb[1])}" + _inner(text[verb.end() :])
    return re.sub(r"^(?:my|our)\b", "User's", _inner_but_first(text), flags=re.IGNORECASE)


def _inner(text: str) -> str:
    # "I" alone is the pronoun; "us" in capitals is the country, "mine" after "a" the pit.
    return _WORD.sub(lambda m: m[0] if m[0] in ("US", "ME") else _WORDS[m[0].lower()], text)


def _inner_but_first(text: str) -> str:
    first, space, rest = text.partition(" ")
    if first.lower() in ("my", "our"):
        return first + space + _inner(rest)
    return _inner(text)


def _inflected(verb: str) -> str:
    """The third person of an English verb in the first; past forms and modals stay."""
    lower = verb.lower()
    if lower in _UNINFLECTED or lower.endswith("ed"):
        return lower
    if lower.endswith(("s", "x", "z", "ch", "sh", "o")):
        return lower + "es"
    if lower.endswith("y") and lower[-2:-1] not in "aeiou":
        return lower[:-1] + "ies"
    return lower + "s"

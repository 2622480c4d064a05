"""English words about oneself turned into words about "User"."""

from __future__ import annotations

import re

_SUBJECT = (
    (r"I'?m\b|I am\b|we're\b|we are\b", "User is"),
    (r"(?:I|we)'ve got\b|(?:I|we)'ve\b|(?:I|we) have\b", "User has"),
    (r"(?:I|we)'ll\b", "User will"),
    (r"(?:I|we) (?:was|were)\b", "User was"),
    # Any other verb is in the past wherever a whole clause is retold: it needs no inflection.
    (r"(?:I|we)\b", "User"),
    (r"(?:my|our)\b", "User's"),
)
_LEADING = [(re.compile(f"^(?:{pattern})", re.IGNORECASE), said) for pattern, said in _SUBJECT]

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


def reword(text: str) -> str:
    """Part of a clause about oneself as part of one about "User": "my dog" into "their dog".

    "Your" is the assistant's, hence "its". Other words stay as they are.
    """
    # "US" is the country, not the pronoun.
    return _WORD.sub(lambda m: m[0] if m[0] == "US" else _WORDS[m[0].lower()], text)


def retell(clause: str) -> str:
    """A clause about oneself as one about "User": "I'm moving with my dog" into "User is moving
    with their dog". Words as in :func:`reword`. The clause is in the past, progressive or
    future, or its verb is to be or to have.
    """
    for pattern, said in _LEADING:
        if pattern.match(clause):
            return said + reword(pattern.sub("", clause, count=1))
    return reword(clause)

"""The offline extractor: rules over the user's own words, no model, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from memori_instrumentation.augmentation.local import dates, fallback
from memori_instrumentation.augmentation.local.languages import candidates
from memori_instrumentation.augmentation.local.reading import own_words
from memori_instrumentation.augmentation.local.rules import Language, Rule
from memori_instrumentation.augmentation.local.sentences import sentences
from memori_instrumentation.augmentation.normal import normal_form
from memori_storage.records import Job, MemoryKind, NewMemory, StoredMessage

NAME = "local/1"
MAX_SENTENCE = 500
"""Longer sentences, in characters, are not read."""
MAX_SENTENCES = 300
"""So many sentences of a text are read."""

_ASKING = ("?", "\uff1f", "؟", "吗", "嗎")
_CLOSING = " .!。\uff01।"
_LIST = re.compile(r"\s*,\s*(?:and\s+)?|\s+(?:and|or|&)\s+")


class LocalExtractor:
    """Reads what users say of themselves, by rules.

    It knows English well and the commonest statements of German, French, Spanish, Italian,
    Portuguese, Chinese, Japanese and Russian; of some further languages it keeps plain first-person
    statements as they are. Questions, hypotheses, quotations, role-play, code and pasted text teach
    nothing: it rather misses a memory than invents one.
    """

    @property
    def name(self) -> str:
        """``local/1``."""
        return NAME

    def extract(self, job: Job) -> Sequence[NewMemory]:
        """What the user's own words in a job's messages teach, in order, each statement once."""
        found: dict[tuple[MemoryKind, str], NewMemory] = {}
        for message in job.messages:
            for text in own_words(message):
                for memory in _read(text, message):
                    found.setdefault((memory.kind, memory.key), memory)
        return list(found.values())


def _read(text: str, message: StoredMessage) -> Iterator[NewMemory]:
    for sentence in sentences(text.replace("\u2019", "'"))[:MAX_SENTENCES]:
        languages = candidates(sentence)
        if any(language.fiction.search(sentence) for language in languages):
            return
        if len(sentence) > MAX_SENTENCE:
            continue
        read = [memory for language in languages for memory in _learn(sentence, language, message)]
        if read:
            yield from read
        elif not sentence.endswith(_ASKING) and fallback.declares(sentence):
            content = sentence.strip(_CLOSING)
            yield _memory(message, "fact", content, subject=None, confidence=0.6)


def _learn(sentence: str, language: Language, message: StoredMessage) -> Iterator[NewMemory]:
    """What one sentence teaches, read as one of ``language``."""
    for pattern, said in language.tidied:
        sentence = pattern.sub(said, sentence)
    for clause in _clauses(sentence, language):
        bare = _without_opener(clause, language)
        if language.doubt.search(bare) or language.question.match(bare):
            continue
        for rule, captured in _matches(clause, bare, language):
            for part in _parts(rule, captured):
                memory = _fill(rule, part, bare, language, message)
                if memory is not None:
                    yield memory


def _matches(clause: str, bare: str, language: Language) -> Iterator[tuple[Rule, dict[str, str]]]:
    """The rules that apply to a clause, with or without its opener, and what they capture."""
    read: set[str] = set()
    for compiled in language.rules:
        captured = compiled.captures(bare)
        if captured is None and bare != clause:
            captured = compiled.captures(clause)
        if captured is not None:
            read.add(compiled.rule.predicate)
            yield compiled.rule, captured
    # What the whole does not say, its part before the first comma may: "I have a dog called Miso,
    # just adopted".
    head, comma, _ = bare.partition(", ")
    for compiled in language.rules if comma else ():
        if compiled.rule.predicate not in read and (captured := compiled.captures(head)):
            yield compiled.rule, captured


def _clauses(sentence: str, language: Language) -> list[str]:
    """The clauses of a sentence that state something; none of a sentence that asks all along."""
    if language.question.match(_without_opener(sentence, language)):
        return []
    asks = sentence.rstrip().endswith(_ASKING)
    clauses = [part.strip() for part in language.joints.split(sentence) if part and part.strip()]
    if asks:
        # "I'm vegan, what can I cook?": the question is what stands last.
        clauses.pop()
    for carry in language.carries:
        clauses = [complete for clause in clauses for complete in carry.clauses(clause)]
    return [clause.rstrip(_CLOSING) for clause in clauses]


def _parts(rule: Rule, captured: dict[str, str]) -> list[dict[str, str]]:
    """What a rule captured, once for each part of the list where its parts count singly."""
    if not rule.each:
        return [captured]
    return [captured | {"x": part} for part in _LIST.split(captured["x"]) if part]


def _without_opener(clause: str, language: Language) -> str:
    opener = language.openers.match(clause)
    return clause[opener.end() :] if opener else clause


def _fill(
    rule: Rule,
    captured: dict[str, str],
    clause: str,
    language: Language,
    message: StoredMessage,
) -> NewMemory | None:
    """The memory of a rule that matched; ``None`` when it lacks the date that it needs."""
    date = None
    if language.code == "en" and (rule.dated or rule.kind == "fact"):
        date = dates.resolve(clause, message.created_at, past=rule.predicate == "did")
    if rule.dated and date is None:
        return None
    words = {name: language.reword(text) for name, text in captured.items()}
    words["clause"] = language.retell(clause)
    content, said_object, subject, predicate = (
        " ".join(template.format_map(words).split())
        for template in (rule.content, rule.object, rule.subject, rule.predicate)
    )
    if date is not None and _keeps_date(content, clause, date):
        content = f"{content} ({date.iso})"
        said_object = f"{said_object} {date.iso}" if rule.dated else said_object
    return _memory(
        message,
        rule.kind,
        content,
        subject=subject,
        predicate=predicate.replace(" ", "_"),
        object=said_object,
        confidence=rule.confidence,
    )


def _keeps_date(content: str, clause: str, date: dates.Resolved) -> bool:
    """Whether the words of the date made it into the content, and are worth resolving."""
    said = clause[date.start : date.end]
    return said.casefold() in content.casefold() and said != date.iso


def _memory(
    message: StoredMessage,
    kind: MemoryKind,
    content: str,
    *,
    subject: str | None,
    confidence: float,
    predicate: str | None = None,
    object: str | None = None,
) -> NewMemory:
    stated = f"{subject} {predicate} {object}" if predicate else content
    return NewMemory(
        kind=kind,
        content=content[:1].upper() + content[1:],
        key=normal_form(stated),
        message_id=message.id,
        observed_at=message.created_at,
        extractor=NAME,
        confidence=confidence,
        subject=subject,
        predicate=predicate,
        object=object,
    )

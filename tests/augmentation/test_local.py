"""What the local extractor reads, and what it leaves alone; figures are in the quality test."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memori_instrumentation.augmentation import Extractor, build_extractor
from memori_instrumentation.augmentation.local import LocalExtractor
from memori_instrumentation.augmentation.local.languages import LANGUAGES, candidates
from memori_instrumentation.augmentation.local.rules import Language
from memori_instrumentation.augmentation.local.sentences import sentences
from memori_instrumentation.blocks import CLOSE, OPEN
from memori_storage.records import Job, StoredMessage

JobOf = Callable[..., Job]
MessageOf = Callable[..., StoredMessage]


def contents(job: Job) -> list[str]:
    return [memory.content for memory in LocalExtractor().extract(job)]


def test_build_extractor() -> None:
    local = build_extractor("local")
    assert isinstance(local, Extractor)
    assert local.name == "local/1"
    assert build_extractor("none") is None
    with pytest.raises(ValueError, match="unknown extractor 'llm'"):
        build_extractor("llm")


def test_a_memory_says_who_what_when_and_from_where(job_of: JobOf) -> None:
    job = job_of("Actually, I live in Lyon now.")
    (memory,) = LocalExtractor().extract(job)
    assert (memory.kind, memory.content) == ("fact", "User lives in Lyon")
    assert (memory.subject, memory.predicate, memory.object) == ("User", "lives_in", "Lyon")
    assert memory.key == "user lives_in lyon"
    assert memory.message_id == job.messages[0].id
    assert memory.observed_at == job.messages[0].created_at
    assert memory.extractor == "local/1"
    assert 0 < memory.confidence <= 1


def test_people_are_subjects_of_their_own(job_of: JobOf) -> None:
    known, told = LocalExtractor().extract(job_of("My sister Anna lives in Rome."))
    assert (known.subject, known.predicate, known.object) == ("Anna", "sister_of", "User")
    assert (told.subject, told.predicate, told.object) == (
        "User's sister Anna",
        "lives_in",
        "Rome",
    )


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("Ich wohne in Hamburg.", "Nutzer wohnt in Hamburg"),
        ("J'habite à Nantes.", "L'utilisateur habite à Nantes"),
        ("Je viens d'Alger.", "L'utilisateur vient d'Alger"),
        ("Vivo en Sevilla.", "El usuario vive en Sevilla"),
        ("Sono allergica al glutine.", "L'utente è allergico al glutine"),
        ("Gosto de futebol.", "O usuário gosta de futebol"),
        ("我住在北京。", "用户住在北京"),
        ("東京に住んでいます。", "ユーザーは東京に住んでいる"),
        ("Я живу в Казани.", "Пользователь живёт в Казани"),
        ("Ik woon in Utrecht.", "Ik woon in Utrecht"),
    ],
)
def test_a_memory_is_worded_in_the_users_language(text: str, content: str, job_of: JobOf) -> None:
    assert contents(job_of(text)) == [content]


def test_one_statement_in_several_wordings_has_one_key(job_of: JobOf) -> None:
    wordings = [
        "I live in Lyon.",
        "i'm living in lyon",
        "I\u2019m based in Lyon!",
        "J'habite à Lyon.",
    ]
    keys = {memory.key for text in wordings for memory in LocalExtractor().extract(job_of(text))}
    assert keys == {"user lives_in lyon"}


@pytest.mark.parametrize("role", ["assistant", "tool", "system", "developer"])
def test_only_the_users_words_count(role: str, job_of: JobOf, message_of: MessageOf) -> None:
    assert contents(job_of(message_of("I live in Lyon.", role=role))) == []


def test_only_text_parts_count(job_of: JobOf, message_of: MessageOf) -> None:
    parts = [
        {"type": "tool_call_response", "id": "1", "response": "I live in Lyon."},
        {"type": "file", "content": "I live in Rome."},
        {"type": "text", "content": "I'm vegan."},
        {"type": "text"},
        {"type": "text", "content": None},
    ]
    assert contents(job_of(message_of("I'm vegan.", parts=parts))) == ["User is vegan"]


@pytest.mark.parametrize(
    "text",
    [
        f"{OPEN}\n- I live in Lyon.\n{CLOSE}\nWhere do I live?",
        "```\nI live in Lyon.\n```",
        "```\nI live in Lyon.",
        "Use `I live in Lyon` as the label",
        "> I live in Lyon.",
        "<bio>I live in Lyon.</bio>",
        "“I live in Lyon,” she said.",
        "Alice: I live in Lyon.\nBob: I work at Intel.",
        "Dear Sir,\nI live in Lyon.\nKind regards,\nSam",
        "I live in Lyon. " * 200,
        "Is it fine that I live in Lyon, and I work in Paris?",
        "Translate this to French: hello. I live in Lyon.",
        "You are a helpful guide. I live in Lyon.",
        "If asked, say that I live in Lyon.",
        "My friend said I live in Lyon.",
        "I live in Lyon, lol just kidding",
    ],
)
def test_pasted_quoted_injected_and_hypothetical_words_teach_nothing(
    text: str, job_of: JobOf
) -> None:
    assert contents(job_of(text)) == []


def test_a_short_quotation_is_part_of_what_is_said(job_of: JobOf) -> None:
    assert contents(job_of('My dog is called "Rex".')) == ["User has a dog named Rex"]
    assert contents(job_of('I love "The Lord of the Rings".')) == []


def test_what_precedes_fiction_and_questions_counts(job_of: JobOf) -> None:
    text = "I'm vegan. Pretend I am a pirate. I love rum."
    assert contents(job_of(text)) == ["User is vegan"]
    assert contents(job_of("I'm vegan, can you suggest a recipe?")) == ["User is vegan"]


def test_several_statements_in_one_sentence(job_of: JobOf) -> None:
    text = (
        "I live in Lyon and work as a nurse, but I'm originally from Ghana; my wife Ama is a chef."
    )
    assert contents(job_of(text)) == [
        "User lives in Lyon",
        "User works as a nurse",
        "User is from Ghana",
        "Ama is User's wife",
        "User's wife Ama is a chef",
    ]


def test_the_same_statement_twice_in_a_job_is_one(job_of: JobOf) -> None:
    assert contents(job_of("I like tea.", "i like  tea!")) == ["User likes tea"]


def test_look_alikes_stay_distinct(job_of: JobOf) -> None:
    text = " ".join(f"I've been using {name} for 3 years." for name in ("C", "C++", "C#"))
    keys = {memory.key for memory in LocalExtractor().extract(job_of(text))}
    assert keys == {f"user practises using {name}" for name in ("c", "c++", "c#")}


def test_tools_are_known_one_by_one(job_of: JobOf) -> None:
    memories = LocalExtractor().extract(job_of("I know C++ and Rust. I know C", "I use C# at work"))
    assert [(memory.kind, memory.key) for memory in memories] == [
        ("skill", "user knows c++"),
        ("skill", "user knows rust"),
        ("skill", "user knows c"),
        ("skill", "user uses c#"),
    ]


@pytest.mark.parametrize(
    ("text", "triples"),
    [
        ("I moved to Berlin last year.", ["user moved_to berlin"]),
        ("I work at Google as an engineer", ["user job engineer", "user works_at google"]),
        (
            "I'm a software engineer from Toronto",
            ["user from toronto", "user job software engineer"],
        ),
        (
            "I used to live in Paris but now I live in Rome.",
            ["user lives_in rome", "user used_to live in paris"],
        ),
        (
            "im 27, from Haifa & allergic to cats, sadly",
            ["user age 27", "user allergic_to cats", "user from haifa"],
        ),
        ("ich heiße Max und wohne in Köln", ["user lives_in köln", "user name max"]),
        ("je m'appelle Léo et habite à Lille", ["user lives_in lille", "user name léo"]),
        ("我在深圳工作，喜欢猫", ["user likes 猫", "user works_in 深圳"]),  # noqa: RUF001
        ("Я живу в Перми и работаю врачом", ["user lives_in перми", "user works врачом"]),
    ],
)
def test_statements_stand_apart(text: str, triples: list[str], job_of: JobOf) -> None:
    assert sorted(m.key for m in LocalExtractor().extract(job_of(text))) == [
        triple.casefold().replace("ß", "ss") for triple in triples
    ]


def test_reading_again_teaches_the_same(job_of: JobOf) -> None:
    job = job_of("I live in Lyon with my cat Tom, and I know C++ and Rust! I moved here last year.")
    first, again = LocalExtractor().extract(job), LocalExtractor().extract(job)
    assert first == again
    assert len({(memory.kind, memory.key) for memory in first}) == len(first) == 4


def test_a_short_message_is_read_within_a_millisecond(job_of: JobOf) -> None:
    extractor, job = LocalExtractor(), job_of("I have a dog called Miso, just adopted!")
    extractor.extract(job)
    taken = []
    for _ in range(50):
        started = time.process_time()
        extractor.extract(job)
        taken.append(time.process_time() - started)
    # The quickest, as the machine may be busy with other things.
    assert min(taken) < 0.001


def test_dates_are_resolved_against_the_message(job_of: JobOf) -> None:
    text = "We're flying to Tokyo next Friday. My exam is in two weeks. I saw Ann on Monday."
    assert contents(job_of(text)) == [
        "User is flying to Tokyo next Friday (2026-03-13)",
        "User's exam is in two weeks (2026-03-18)",
        "User saw Ann on Monday (2026-03-02)",
    ]


def test_the_first_person_is_turned(job_of: JobOf) -> None:
    assert contents(job_of("I love walking my dog with our kids in the US.")) == [
        "User loves walking their dog with their kids in the US"
    ]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("I saw Dr. Lee. Then I left.", ["I saw Dr. Lee.", "Then I left."]),
        ("It costs 3.5 euros. OK", ["It costs 3.5 euros.", "OK"]),
        ("我叫李雷。我住在北京！", ["我叫李雷。", "我住在北京！"]),  # noqa: RUF001
        ("one\n- two\n2) three", ["one", "two", "three"]),
        ("Hi there! I'm Ann.", ["Hello, I'm Ann."]),
        ("Really?! Yes... no", ["Really?!", "Yes...", "no"]),
        ("J. R. Tolkien wrote.", ["J. R. Tolkien wrote."]),
        (" \n ", []),
    ],
)
def test_sentences(text: str, cut: list[str]) -> None:
    assert sentences(text) == cut


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("I live in Lyon", ["en"]),
        ("ich wohne in Lyon", ["de"]),
        ("j'habite à Lyon", ["fr"]),
        ("vivo en Madrid con mi gato", ["es"]),
        ("abito a Torino con la mia gatta", ["it"]),
        ("eu moro em Lisboa", ["pt"]),
        ("我住在北京", ["zh"]),
        ("東京に住んでいます", ["ja"]),
        ("Я живу в Казани", ["ru"]),
        ("저는 서울에 살고 있습니다", []),
        ("", []),
        ("12345", []),
    ],
)
def test_languages(text: str, codes: list[str]) -> None:
    assert [language.code for language in candidates(text)] == codes


# Pieces that bring the patterns to their limits: their own words, out of order.
_WORDS = """I I'm I've my we have a an the been for since years and but , . ; ? ! - ' ` > : live
work love like am Lyon Rust nurse allergic to peanuts sister Anna is name next Friday always answer
never in French don't use emojis call me Sam favourite prefer \u2019 ``` <b> </b> ⟦…⟧ 我 住在 я
живу が好きです \x00 \ud800"""
PIECES = [*_WORDS.split(), "\n", '"']


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join)))
def test_never_raises_and_is_quick(text: str, job_of: JobOf) -> None:
    started = time.process_time()
    memories = LocalExtractor().extract(job_of(text))
    assert time.process_time() - started < 0.5
    assert all(memory.key and memory.content for memory in memories)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "I have " * 100_000,
        "I love " + "and very, " * 20_000,
        "my sister " * 50_000,
        "I am a " + "very " * 60 + "nurse. " * 10_000,
        ". ".join(["I have been using a thing and a thing for a"] * 20_000),
        "<a>" * 100_000,
        "\"'“" * 100_000,
        "```" * 100_001,
        "- I live in\n" * 50_000,
        "my a-b-c-" * 50_000,
        "Mr. " * 100_000,
        "我喜欢" * 100_000,
        "x: y\n" * 100_000,
        " " * 1_000_000 + "\n" * 1_000_000,
    ],
)
def test_no_text_takes_long(text: str, job_of: JobOf) -> None:
    started = time.process_time()
    LocalExtractor().extract(job_of(text))
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_every_rule_compiles_and_names_what_it_captures(language: Language) -> None:
    for compiled in language.rules:
        names = {*compiled.regex.groupindex, "clause"}
        for template in (
            compiled.rule.content,
            compiled.rule.object,
            compiled.rule.subject,
            compiled.rule.predicate,
        ):
            template.format_map(dict.fromkeys(names, "x"))

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.augmentation.local.dates import resolve

WORDS = """next last this in ago on of 0 1 31 99 9999 february 2026 2026-02-30 0000-01-01 friday
week month year years days may a couple""".split()  # noqa: SIM905
WEDNESDAY = datetime(2026, 3, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("I fly today", "2026-03-04"),
        ("tomorrow at 3pm", "2026-03-05"),
        ("the day after tomorrow", "2026-03-06"),
        ("on Friday", "2026-03-06"),
        ("this Friday", "2026-03-06"),
        ("next Friday", "2026-03-13"),
        ("last Friday", "2026-02-27"),
        ("on Wednesday", "2026-03-11"),
        ("next week", "2026-W11"),
        ("next month", "2026-04"),
        ("next year", "2027"),
        ("this weekend", "2026-03-07"),
        ("in three days", "2026-03-07"),
        ("in 2 weeks", "2026-03-18"),
        ("in a month", "2026-04"),
        ("two weeks ago", "2026-02-18"),
        ("5 years ago", "2021"),
        ("on 2026-09-12", "2026-09-12"),
        ("on 12 June", "2026-06-12"),
        ("on June 12th, 2027", "2027-06-12"),
        ("on May 3rd", "2026-05-03"),
        ("the 31st of December", "2025-12-31"),
        ("on 29 February", None),
        ("on 29 February 2028", "2028-02-29"),
        ("in May", "2026-05"),
        ("in January", "2027-01"),
        ("in 2019", "2019"),
        ("I may go", None),
        ("on 2026-13-45", None),
        ("in 999 years", "3025"),
    ],
)
def test_resolves(said: str, meant: str | None) -> None:
    found = resolve(said, WEDNESDAY)
    assert (found.iso if found else None) == meant


def test_a_bare_weekday_of_the_past_is_the_latest() -> None:
    found = resolve("I saw her on Friday", WEDNESDAY, past=True)
    assert found is not None
    assert found.iso == "2026-02-27"


def test_the_first_date_counts() -> None:
    text = "tomorrow or in May"
    found = resolve(text, WEDNESDAY)
    assert found is not None
    assert text[found.start : found.end] == "tomorrow"


@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=8,
    ),
    st.datetimes(timezones=st.just(UTC)),
)
def test_never_raises(words: list[str], said_at: datetime) -> None:
    resolve(" ".join(words), said_at)

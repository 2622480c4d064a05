"""Dates as people say them in English, resolved against the time they were said at.

"Friday" and "this Friday" are the coming one, today excepted, or the latest one where the past is
told; "next Friday" is the one of the following ISO week; "last Friday" the latest before today.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_MONTHS = {name.lower(): i for i, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): i for i, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_DAYS = {name.lower(): i for i, name in enumerate(calendar.day_name)}
_NUMBERS = {
    word: n
    for n, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
} | {"a": 1, "an": 1, "a couple of": 2}

_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = "|".join(_DAYS)
_NUMBER = r"\d{1,3}|" + "|".join(_NUMBERS)
_ORDINAL = r"(?:st|nd|rd|th)?"


_Reader = Callable[[re.Match[str], date, bool], str | None]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A date that was said."""

    iso: str
    """``2026-03-13``, a month ``2026-03``, a year ``2026``, or a week ``2026-W11``."""
    start: int
    """Where it stands in the text: first character."""
    end: int
    """And the one after the last."""


def resolve(text: str, said_at: datetime, *, past: bool = False) -> Resolved | None:
    """The first date named in ``text``, said at ``said_at``; ``None`` when there is none.

    ``past`` says that the text is about the past: a bare "Friday" is the latest one, then.

    The date is one of the speaker's calendar as ``said_at`` has it: pass a time in their zone where
    that is known.
    """
    today = said_at.date()
    best: Resolved | None = None
    for regex, read in _FORMS:
        for match in regex.finditer(text):
            if best is not None and match.start() >= best.start:
                break
            iso = _within_calendar(read, match, today, past)
            if iso is not None:
                best = Resolved(iso, match.start(), match.end())
                break
    return best


def _within_calendar(read: _Reader, match: re.Match[str], today: date, past: bool) -> str | None:
    try:
        return read(match, today, past)
    except (ValueError, OverflowError):  # before the year 1 or after 9999
        return None


def _relative_day(match: re.Match[str], today: date, past: bool) -> str:
    said = " ".join(match[0].lower().split())
    days = {
        "today": 0,
        "tonight": 0,
        "tomorrow": 1,
        "the day after tomorrow": 2,
        "day after tomorrow": 2,
        "yesterday": -1,
        "the day before yesterday": -2,
    }
    return (today + timedelta(days[said])).isoformat()


def _weekday(match: re.Match[str], today: date, past: bool) -> str:
    which, day = (match["which"] or "").strip().lower(), _DAYS[match["day"].lower()]
    if which == "next":
        monday = today - timedelta(today.weekday()) + timedelta(7)
        return (monday + timedelta(day)).isoformat()
    ahead = (day - today.weekday()) % 7
    if which == "last" or (past and not which):
        return (today + timedelta(ahead - 7)).isoformat()
    return (today + timedelta(ahead or 7)).isoformat()


def _period(match: re.Match[str], today: date, past: bool) -> str:
    step = {"next": 1, "last": -1, "this": 0}[match["which"].lower()]
    unit = match["unit"].lower()
    if unit == "year":
        return str(today.year + step)
    if unit == "month":
        return _add_months(today, step).isoformat()[:7]
    if unit == "weekend":
        saturday = today - timedelta(today.weekday()) + timedelta(5 + 7 * step)
        return saturday.isoformat()
    week = (today + timedelta(7 * step)).isocalendar()
    return f"{week.year}-W{week.week:02}"


def _distance(match: re.Match[str], today: date, past: bool) -> str | None:
    said = match["n"].lower()
    n = _NUMBERS.get(said) or int(said) if said.isdigit() or said in _NUMBERS else 0
    n = -n if match.groupdict().get("ago") else n
    unit = match["unit"].lower().rstrip("s")
    if unit == "year":
        return str(date(today.year + n, 1, 1).year)
    if unit == "month":
        return _add_months(today, n).isoformat()[:7]
    return (today + timedelta(n * (7 if unit == "week" else 1))).isoformat()


def _calendar_day(match: re.Match[str], today: date, past: bool) -> str | None:
    parts = match.groupdict()
    month = _MONTHS[parts["month"].lower()] if not parts["month"].isdigit() else int(parts["month"])
    # Without a year, the nearest one: half a year back is as far as half a year ahead.
    years = [int(parts["year"])] if parts["year"] else range(today.year - 1, today.year + 2)
    days = [
        date(year, month, int(parts["day"]))
        for year in years
        if 1 <= month <= 12
        and 1 <= year <= 9999
        and 1 <= int(parts["day"]) <= calendar.monthrange(year, month)[1]
    ]
    return min(days, key=lambda day: abs((day - today).days)).isoformat() if days else None


def _month(match: re.Match[str], today: date, past: bool) -> str:
    month = _MONTHS[match["month"].lower()]
    year = int(match["year"]) if match["year"] else today.year + (month < today.month)
    return f"{year:04}-{month:02}"


def _year(match: re.Match[str], today: date, past: bool) -> str:
    return match["year"]


def _add_months(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def _form(pattern: str, read: _Reader) -> tuple[re.Pattern[str], _Reader]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), read


_FORMS = (
    _form(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})", _calendar_day),
    _form(
        rf"(?P<day>\d{{1,2}}){_ORDINAL} (?:of )?(?P<month>{_MONTH})\.?(?:,? (?P<year>\d{{4}}))?",
        _calendar_day,
    ),
    _form(
        rf"(?P<month>{_MONTH})\.? (?P<day>\d{{1,2}}){_ORDINAL}(?:,? (?P<year>\d{{4}}))?",
        _calendar_day,
    ),
    _form(
        r"today|tonight|(?:the )?day after tomorrow|tomorrow|the day before yesterday|yesterday",
        _relative_day,
    ),
    _form(rf"(?P<which>next |last |this |)(?P<day>{_DAY})", _weekday),
    _form(r"(?P<which>next|last|this) (?P<unit>weekend|week|month|year)", _period),
    _form(
        rf"in (?P<n>{_NUMBER}) (?P<unit>days?|weeks?|months?|years?)(?! ago)",
        _distance,
    ),
    _form(rf"(?P<n>{_NUMBER}) (?P<unit>days?|weeks?|months?|years?) (?P<ago>ago)", _distance),
    _form(rf"in (?P<month>{_MONTH})(?: (?P<year>\d{{4}}))?", _month),
    _form(r"in (?P<year>(?:19|20)\d\d)", _year),
)

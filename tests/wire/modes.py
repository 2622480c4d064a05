"""The conformance suite's frame: which ways to ask a model there are, which SDK offers which, and
the table of what passed.

A test marked ``@pytest.mark.mode(name)`` runs once for each SDK and framework, sync and async, that
does not say in ``Sdk.lacks`` why it has no such thing. Together the cells make the table of
``docs/providers.md``::

    pytest -m "slow or not slow" tests/providers -k conform --providers-table write
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wire.sdk import Sdk

MODES = {
    "create": "whole reply",
    "parse": "parsed into a model",
    "stream": "stream read to its end",
    "break-close": "stream left early and closed",
    "break": "stream left early, not closed",
    "unread": "stream never read",
    "cancelled": "task cancelled",
    "raise": "exception in the loop's body",
    "cut": "connection cut midway",
    "http-400": "HTTP 400",
    "http-429": "HTTP 429, then the SDK's own retry",
    "http-500": "HTTP 500",
    "raw-parsed": "raw response, parsed",
    "raw": "raw response, not parsed",
    "bytes": "streaming response read as bytes",
    "tools": "tool call, result, answer",
    "choices": "several choices",
    "picture": "picture",
    "empty": "empty content",
    "unset": "arguments that stand for none",
    "positional": "positional arguments",
    "stacked": "beside another instrumentation",
    "suppressed": "suppressed",
    "uninstrument": "`uninstrument()`",
}
"""What the table calls each way to ask a model, in its order."""
ONLY_ASYNC = {"cancelled"}
SIDES = ("sync", "async")

Cell = tuple[str, str, str]
"""A mode, the name of an SDK, and sync or async."""


def lacking(sdk: Sdk, mode: str, side: str) -> str | None:
    """Why an SDK has no such cell; ``None`` if it has it."""
    return sdk.lacks.get(mode) or sdk.lacks.get(f"{mode}/{side}")


def offered(sdks: Iterable[Sdk], mode: str) -> Iterator[tuple[Sdk, str]]:
    """The SDKs and sides that a mode is to be tested on."""
    for sdk in sdks:
        for side in SIDES:
            possible = side == "async" or mode not in ONLY_ASYNC
            if possible and lacking(sdk, mode, side) is None:
                yield sdk, side


class Outcomes:
    """What came of each cell: it passes if all of its tests did."""

    def __init__(self) -> None:
        self._passed: dict[Cell, bool] = {}

    def note(self, cell: Cell, passed: bool) -> None:
        self._passed[cell] = self._passed.get(cell, True) and passed

    def __bool__(self) -> bool:
        return bool(self._passed)

    def tables(self, rows: Sequence[Sdk]) -> str:
        """A table of the SDKs and one of the frameworks, in Markdown."""
        sdks = [row for row in rows if row.framework is None]
        frameworks = [row for row in rows if row.framework is not None]
        return f"{self._table(sdks)}\n\n{self._table(frameworks)}"

    def _table(self, sdks: Sequence[Sdk]) -> str:
        """One table, a column for each SDK, with the reasons for its gaps below it."""
        reasons: list[str] = []
        head = "| | " + " | ".join(f"`{sdk.name}`" for sdk in sdks) + " |"
        lines = [head, "|---" * (len(sdks) + 1) + "|"]
        for mode, title in MODES.items():
            cells = [self._cell(sdk, mode, reasons) for sdk in sdks]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
        notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
        return "\n".join([*lines, "", *notes])

    def _cell(self, sdk: Sdk, mode: str, reasons: list[str]) -> str:
        """Both sides of a cell, in one word where they are alike."""
        if mode in ONLY_ASYNC:
            return self._side(sdk, mode, "async", reasons)
        sync, other = (self._side(sdk, mode, side, reasons) for side in SIDES)
        return sync if sync == other else f"sync {sync}, async {other}"

    def _side(self, sdk: Sdk, mode: str, side: str, reasons: list[str]) -> str:
        reason = lacking(sdk, mode, side)
        if reason is None:
            passed = self._passed.get((mode, sdk.name, side))
            return "not run" if passed is None else "yes" if passed else "**fails**"
        if reason not in reasons:
            reasons.append(reason)
        return f"no [{reasons.index(reason) + 1}]"


_START = "<!-- This part is written by the conformance suite: see tests/wire/modes.py. -->"
_END = "<!-- The suite's part ends here. -->"


def in_page(page: str, tables: str) -> str:
    """A page with the suite's part replaced."""
    before, _, rest = page.partition(_START)
    after = rest.partition(_END)[2]
    return f"{before}{_START}\n\n{tables}\n\n{_END}{after}"


def publish(path: Path, tables: str, *, write: bool) -> str | None:
    """Bring a page up to date, or tell how it is not.

    Returns:
        What is wrong, in one line; ``None`` if nothing is.
    """
    page = path.read_text(encoding="utf-8")
    wanted = in_page(page, tables)
    if write:
        path.write_text(wanted, encoding="utf-8")
    elif page != wanted:
        return f"{path} is not what the suite found: write it with --providers-table write"
    return None

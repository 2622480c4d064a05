"""For all tests: where CI demands it, a skipped test is a failure; and the table of what passed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from wire.modes import SIDES, Outcomes, publish
from wire.offers import missing

# Frameworks that would talk to others than the loopback server.
os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "AGNO_TELEMETRY": "false"}

_PAGE = Path(__file__).parents[1] / "docs" / "providers.md"
# Cores are shared: how long an example takes says nothing.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

_skipped: list[str] = []
_outcomes = Outcomes()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--providers-table",
        choices=["write", "check"],
        help="write the conformance suite's outcomes into docs/providers.md, or fail if they "
        "are not what it says",
    )


_SLOW = {
    "test_agno",
    "test_bedrock_models",
    "test_langchain_rounds",
    "test_litellm_rounds",
    "test_openai_completions",
    "test_openai_doors",
    "test_openai_elsewhere",
    "test_openai_responses",
    "test_sources",
    "test_stacks",
}
"""Modules that go through much that others test already, by further doors: for the slow run."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the slow run what is its; put real instrumentations last, since not all of them take
    all of their patches back."""
    for item in items:
        if item.path.stem in _SLOW:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.parent.name == "foreign")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tell with the report which cell of the table a test is of."""
    mark = item.get_closest_marker("mode")
    if mark is not None and not hasattr(item.module, "CELLS"):  # type: ignore[attr-defined]
        given: dict[str, Any] = item.callspec.params  # type: ignore[attr-defined]
        cell = (*mark.args, given["sdk"].name, SIDES[given["asynchronous"]])
        item.user_properties.append(("cell", cell))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(f"{report.nodeid}: {report.longrepr}")
    for name, cell in report.user_properties:
        if name == "cell":
            mode, sdk, side = cell  # type: ignore[misc]
            _outcomes.note((mode, sdk, side), report.passed)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append(f"{report.nodeid}: {report.longrepr}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out because the installed releases do not offer it."""
    for name in sorted(missing):
        terminalreporter.write_line(f"not offered by the installed releases: {name}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that left something out, a backend without its server for instance."""
    if hasattr(session.config, "workerinput"):
        return  # the process that hands tests out sums them up
    _skipped.extend(
        f"{name} is not offered"
        for name in sorted(missing)
        if not os.environ.get("MEMORI_TEST_OLDEST")
    )
    if _skipped and os.environ.get("MEMORI_TEST_NO_SKIPS"):
        print("\nskipped, which MEMORI_TEST_NO_SKIPS forbids:", *_skipped, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    asked = session.config.getoption("--providers-table")
    if asked is not None:
        from wire.rows import ROWS

        wrong = publish(_PAGE, _outcomes.tables(ROWS), write=asked == "write")
        if wrong is not None:
            print(f"\n{wrong}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

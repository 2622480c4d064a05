"""The ranges of releases that are stated begin where the lists of the oldest in ``.ci`` do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LISTS = ("oldest.txt", "oldest-frameworks.txt")
OTHER = {"all", "demo", "dev"}
"""Extras made of others, and what our own development needs."""
NEWEST = {"agno", "duckdb", "duckdb-engine", "litellm", "pymongo", "pyobvector"}
"""What is tested in the releases of today alone."""


def stated() -> dict[str, str]:
    """Lower bounds of the dependencies and the extras, by package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [
        *project["dependencies"],
        *(x for name in sorted(extras.keys() - OTHER) for x in extras[name]),
    ]
    return dict(_parsed(line, ">=") for line in lines)


def pinned(name: str) -> dict[str, str]:
    """The releases that a list in ``.ci`` pins."""
    lines = (ROOT / ".ci" / name).read_text(encoding="utf-8").splitlines()
    return dict(_parsed(line, "==") for line in lines if "==" in line)


def _parsed(line: str, sign: str) -> tuple[str, str]:
    found = re.match(rf"([\w-]+)(?:\[[\w,-]+\])?{sign}([\w.]+)", line)
    assert found is not None, line
    release = re.sub(r"(\.0)+$", "", found[2])
    return found[1].lower(), release


@pytest.mark.parametrize("package", sorted(stated().keys() - NEWEST))
def test_the_oldest_release_is_tested(package: str) -> None:
    assert stated()[package] in [pinned(name).get(package) for name in LISTS]

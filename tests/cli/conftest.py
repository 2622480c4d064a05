"""Programs run as users run them: real processes, in a directory of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environ() -> dict[str, str]:
    """This process's environment less what would configure memory, telemetry or a provider."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MEMORI_", "OTEL_", "OPENAI_", "PYTHON"))
    }
    env["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), env.get("PATH", os.defpath)])
    return env


@pytest.fixture
def run(tmp_path: Path, environ: dict[str, str]) -> Run:
    """Run a command line in ``tmp_path``; ``env`` adds to the environment."""

    def _run(
        *command: str, env: Mapping[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**environ, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return _run


@pytest.fixture
def memori(run: Run) -> Run:
    """Run ``memori-instrument`` with the arguments given."""

    def _memori(*arguments: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
        return run(sys.executable, "-m", "memori_instrumentation.cli", *arguments, **kwargs)

    return _memori


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file under ``tmp_path``, its text dedented; ``executable`` sets the mode."""

    def _write(name: str, text: str, *, executable: bool = False) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        if executable:
            path.chmod(0o755)
        return path

    return _write

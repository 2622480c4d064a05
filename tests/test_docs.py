"""The documentation says what the code does."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

import memori_instrumentation
from memori_instrumentation.config import Settings

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("setting", dataclasses.fields(Settings), ids=lambda item: item.name)
def test_every_setting_is_documented(setting: dataclasses.Field[object]) -> None:
    default = "" if setting.default is None else f"`{setting.default}`"
    env, text = setting.metadata["env"], setting.metadata["help"]
    row = f"| `{env}` | `{setting.name}` | {default} | {text} |"
    assert row in (ROOT / "docs" / "configuration.md").read_text()


def test_public_names_exist_and_are_listed() -> None:
    for name in memori_instrumentation.__all__:
        assert getattr(memori_instrumentation, name) is not None
    assert set(memori_instrumentation.__all__) <= set(dir(memori_instrumentation))


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("wrapt", "opentelemetry", "sqlalchemy", "numpy", "alembic", "openai")
    code = (
        "import sys, memori_instrumentation, memori_storage\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("example", ["quickstart.py", "recall_in_prompt.py"])
def test_examples_run(example: str, tmp_path: Path) -> None:
    from wire.server import WireServer

    with WireServer() as server:
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / example)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": f"{server.url}/v1"},
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    if example == "quickstart.py":
        assert "Lyon" in done.stdout

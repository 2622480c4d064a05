"""The documentation says what the code does."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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


def test_the_web_example_keeps_its_users_apart(tmp_path: Path) -> None:
    import httpx

    from wire.server import WireServer

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with WireServer() as server:
        env = {
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "MEMORI_DATABASE_URL": f"sqlite:///{tmp_path}/m.db",
        }
        command = [sys.executable, "-m", "memori_instrumentation.cli", sys.executable, "-m"]
        app = ["uvicorn", "examples.fastapi_app:app", "--port", str(port), "--log-level", "error"]
        running = subprocess.Popen([*command, *app], cwd=ROOT, env=os.environ | env)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as web:
                _until_up(web)
                for user, city in (("ana", "Lyon"), ("ben", "Oslo")):
                    said = {"text": f"I live in {city}.", "conversation": "c"}
                    web.post("/ask", json=said, headers={"x-user": user}).raise_for_status()
                for user, city in (("ana", "Lyon"), ("ben", "Oslo")):
                    found: list[str] = []
                    deadline = time.monotonic() + 20
                    while f"User lives in {city}" not in found and time.monotonic() < deadline:
                        found = web.get(
                            "/memories", params={"query": "home"}, headers={"x-user": user}
                        ).json()
                    assert f"User lives in {city}" in found
                    assert not [text for text in found if ("Oslo", "Lyon")[user == "ben"] in text]
        finally:
            running.terminate()
            running.wait(20)


def _until_up(web: Any) -> None:
    import httpx

    deadline = time.monotonic() + 30
    while True:
        try:
            web.get("/docs")
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)

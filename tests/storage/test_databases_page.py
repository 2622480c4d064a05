"""Each snippet of ``docs/databases.md`` does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "databases.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
SNIPPETS = {
    (section.partition("\n")[0], number): code
    for section in SECTIONS
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
}
DJANGO = """
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "app.db"}}
)
django.setup()
"""
STORES = """
from storage_cases import exchange
assert store.add_turns([exchange(1)]) == 1
assert len(store.messages_of("user-1")) == 2
store.close()
"""
INSTRUMENTS = """
from memori_instrumentation.capture.runtime import active
store = active()._open_store()
"""


def test_every_way_has_a_snippet() -> None:
    titles = {title for title, _ in SNIPPETS}
    assert {"A URL", "SQLAlchemy", "An asynchronous engine", "Django", "MongoDB"} <= titles
    links = set(re.findall(r"\]\(#([\w-]+)\)", PAGE))
    anchors = {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in _titles()}
    assert links <= anchors


def _titles() -> list[str]:
    return [section.partition("\n")[0] for section in SECTIONS]


@pytest.mark.parametrize(
    ("title", "number"), SNIPPETS, ids=[f"{title}-{n}" for title, n in SNIPPETS]
)
def test_snippet(title: str, number: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    code = SNIPPETS[title, number]
    if title == "MariaDB":
        url = request.getfixturevalue("mariadb_url")
        code = code.replace("mysql://app:password@db.example.com/app", url)
    elif title == "MongoDB":
        url = request.getfixturevalue("mongodb_url")
        code = code.replace("mongodb://app:password@db.example.com/app", url)
        code = code.replace('client["app"]', f"client[{url.rpartition('/')[2]!r}]")
    elif title.startswith("OceanBase") and "pylibseekdb" in code:
        pytest.importorskip("pylibseekdb")
        code = code.replace("/var/lib/app/seekdb", str(tmp_path / "seekdb"))
    elif title.startswith("OceanBase"):
        url = make_url(request.getfixturevalue("seekdb_url")).set(drivername="mysql+oceanbase")
        code = re.sub(r'"mysql\+oceanbase://[^"]*"', repr(url.render_as_string(False)), code)
    elif title == "Django":
        code = DJANGO + code
    program = code + (STORES if "open_store" in code else INSTRUMENTS + STORES)
    paths = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""Django's settings name the database; Django's own connections are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from storage_cases import django_settings

pytest.importorskip("django")

PREAMBLE = """
from importlib.util import find_spec
if not find_spec("MySQLdb"):
    import pymysql
    pymysql.version_info = (2, 2, 7, "final", 0)  # Django asks for mysqlclient's releases
    pymysql.install_as_MySQLdb()
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {database!r}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.messages",
        "django.contrib.admin", "memori_storage.django",
    ],
    MIDDLEWARE=[],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()
from django.core.management import call_command
from django.db import connection, connections, transaction
from memori_storage import open_store, StoreConfigurationError
from storage_cases import exchange, texts
"""
TESTS = Path(__file__).parent


def in_django(database: dict[str, Any], program: str) -> str:
    """Run a program in a process of its own, since Django's settings are a process's."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE.replace("{database!r}", repr(database)) + program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_BACKENDS = [
    "sqlite",
    *(
        pytest.param(name, marks=getattr(pytest.mark, name))
        for name in ("postgresql", "mariadb")
        if os.environ.get(f"MEMORI_TEST_{name.upper()}_URL")
    ),
]


@pytest.fixture(params=_BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Django's settings for an empty database."""
    url = f"sqlite:///{tmp_path / 'app.db'}"
    if request.param != "sqlite":
        url = request.getfixturevalue(f"{request.param}_url")
    return django_settings(url)


def test_ways_to_name_it(database: dict[str, Any]) -> None:
    out = in_django(
        database,
        """
store = open_store("django:default")
store.migrate()
store.add_turns([exchange(1)])
for named in (connection, connections["default"], "django:"):
    print(texts(open_store(named)))
""",
    )
    assert out.splitlines() == ["['question 1', 'answer 1']"] * 3


def test_a_requests_transaction_is_not_touched(database: dict[str, Any]) -> None:
    out = in_django(
        database,
        """
store = open_store("django:default")
store.migrate()
call_command("migrate", "contenttypes", verbosity=0)
from django.contrib.contenttypes.models import ContentType
try:
    with transaction.atomic():
        before = connection.connection
        store.add_turns([exchange(1)])
        assert connection.in_atomic_block and connection.connection is before
        ContentType.objects.create(app_label="a", model="b")
        raise LookupError
except LookupError:
    pass
print(ContentType.objects.filter(app_label="a").count(), texts(store))
""",
    )
    assert out == "0 ['question 1', 'answer 1']\n"


def test_migrate_and_the_admin(database: dict[str, Any]) -> None:
    out = in_django(
        database,
        """
call_command("migrate", verbosity=0)
call_command("makemigrations", "--check", "--dry-run", verbosity=0)
store = open_store(connection)
store.add_turns([exchange(1)])
from memori_storage.django.models import Message, Turn
print(Turn.objects.count(), sorted(Message.objects.values_list("role", flat=True)))
from django.contrib import admin
print(sorted(model.__name__ for model in admin.site._registry if "memori" in model.__module__))
""",
    )
    assert "1 ['assistant', 'user']" in out
    assert "['Memory', 'Message', 'Turn']" in out


def test_in_a_test_case(database: dict[str, Any]) -> None:
    """Django's test runner keeps SQLite in memory, and every test in a transaction."""
    database.pop("OPTIONS", None)
    database["TEST"] = {"NAME": f"test_django_{os.getpid()}"}
    if "sqlite" in database["ENGINE"]:
        del database["TEST"]
    out = in_django(
        database,
        """
from django.test import TestCase
from django.test.runner import DiscoverRunner
from django.contrib.contenttypes.models import ContentType
import unittest

class Case(TestCase):
    def test_it(self):
        ContentType.objects.create(app_label="a", model="b")
        store = open_store(connection)
        store.migrate()
        store.add_turns([exchange(1)])
        assert texts(store) == ["question 1", "answer 1"]
        store.close()
        assert connection.in_atomic_block

runner = DiscoverRunner(verbosity=0)
old = runner.setup_databases()
result = unittest.TextTestRunner(verbosity=0).run(
    unittest.defaultTestLoader.loadTestsFromTestCase(Case)
)
runner.teardown_databases(old)
print(result.wasSuccessful(), result.errors, result.failures)
""",
    )
    assert out.strip().endswith("True [] []")


def test_names_that_are_not_there(tmp_path: Path) -> None:
    out = in_django(
        {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "app.db")},
        """
try:
    open_store("django:nosuch")
except StoreConfigurationError as error:
    print(error)
""",
    )
    assert out == "Django's DATABASES have no 'nosuch': use one of default\n"


def test_without_settings() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from memori_storage import open_store; open_store('django:x')"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "DJANGO_SETTINGS_MODULE" in done.stderr.splitlines()[-1]

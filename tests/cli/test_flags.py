"""Reading the command line, and what is said about one that cannot be read."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_instrumentation.cli.flags import FLAGS, UsageError, parse, usage
from memori_instrumentation.cli.launch import check, child_environment
from memori_instrumentation.config import Settings, SettingsError


def test_options_stop_at_the_command():
    line = parse(["--entity", "ana", "--database=sqlite://", "python", "app.py", "--entity", "x"])
    assert line.settings == {"entity": "ana", "database": "sqlite://"}
    assert line.command == ("python", "app.py", "--entity", "x")
    assert not line.literal


@pytest.mark.parametrize("name", ["recall", "export", "demo"])
def test_two_dashes_make_the_next_word_a_program(name):
    assert parse(["--", name]).literal
    assert not parse([name, "--"]).literal


def test_switches_set_what_is_not_the_default():
    line = parse(["--trust-baggage", "--no-worker", "python"])
    assert line.settings == {"trust_baggage": True, "worker": False}
    env = child_environment(line.settings, {})
    assert (env["MEMORI_TRUST_BAGGAGE"], env["MEMORI_WORKER"]) == ("true", "false")
    assert Settings.resolve(env).worker is False


def test_every_setting_but_the_off_switch_has_an_option_and_is_explained():
    assert {flag.setting for flag in FLAGS.values()} == {f.name for f in fields(Settings)} - {
        "disabled"
    }
    text = usage(full=True)
    for flag in FLAGS.values():
        assert f"--{flag.name}" in text
        assert flag.env in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    "argv", [["--nope", "x"], ["--entity"], ["--trust-baggage=1", "x"], ["-x"]]
)
def test_wrong_options_are_named(argv):
    with pytest.raises(UsageError, match=argv[0].lstrip("-").split("=")[0]):
        parse(argv)


@given(st.lists(st.text(max_size=8), max_size=5))
def test_what_follows_the_command_is_never_touched(rest):
    assert parse(["--entity", "e", "python", *rest]).command == ("python", *rest)


@pytest.mark.parametrize(
    ("settings", "environ", "named"),
    [
        ({"database": "memori.db"}, {}, "database is not"),
        ({}, {"MEMORI_DATABASE_URL": "postgres:secret@host"}, "MEMORI_DATABASE_URL"),
        ({"entity": " "}, {}, "entity"),
        ({}, {"MEMORI_SESSION": "s" * 20_000}, "MEMORI_SESSION"),
        ({"queue_size": "many"}, {}, "queue_size"),
        ({"extractor": "magic"}, {}, "extractor"),
    ],
)
def test_settings_are_checked_before_the_program_starts(settings, environ, named):
    with pytest.raises(SettingsError, match=named) as error:
        check(settings, environ)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///m.db", "postgresql+psycopg://u:p@h/d"])
def test_database_urls_pass(url):
    check({"database": url}, {})


def test_the_bootstrap_comes_first_and_once_on_the_path():
    first = child_environment({}, {"PYTHONPATH": "/a:/b"})
    again = child_environment({}, first)
    assert first["PYTHONPATH"] == again["PYTHONPATH"]
    assert first["PYTHONPATH"].endswith("bootstrap:/a:/b")
    assert not child_environment({}, {})["PYTHONPATH"].endswith(":")
    assert not child_environment({}, {"PYTHONPATH": ""})["PYTHONPATH"].endswith(":")

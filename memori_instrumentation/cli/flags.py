"""The options of ``memori-instrument``: one per setting, read off ``config.Settings``."""

from __future__ import annotations

import getopt
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any, Literal

from memori_instrumentation.config import Settings

_METAVARS = {
    "database": "URL",
    "entity": "ID",
    "process": "NAME",
    "session": "ID",
    "unattributed": "drop|store",
    "spool": "DIR",
    "queue_size": "N",
    "exit_timeout": "SECONDS",
}
_NOT_OPTIONS = frozenset({"disabled"})
"""Settings that make no sense on the command line of the thing they switch off."""


class UsageError(Exception):
    """The command line cannot be understood; the message says which part."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One option and the setting behind it."""

    name: str
    """As typed, without the dashes."""
    setting: str
    env: str
    help: str
    metavar: str | None
    """What stands for the value in the usage; ``None`` for an option without one."""
    switch: bool | None = None
    """What an option without a value sets."""


def _flag(item: Field[Any]) -> Flag:
    name, env, text = item.name.replace("_", "-"), item.metadata["env"], item.metadata["help"]
    if isinstance(item.default, bool):
        # A switch turns its setting to what it is not.
        prefix = "no-" if item.default else ""
        return Flag(prefix + name, item.name, env, text, None, not item.default)
    return Flag(name, item.name, env, text, _METAVARS.get(item.name, "NAME"))


FLAGS = {
    flag.name: flag for flag in map(_flag, fields(Settings)) if flag.setting not in _NOT_OPTIONS
}
"""Every option by its name."""


@dataclass(frozen=True, slots=True)
class Line:
    """A command line, understood."""

    action: Literal["run", "help", "version"]
    settings: Mapping[str, Any]
    """Settings that options gave, by the setting's name; values as typed, or a bool."""
    command: Sequence[str]
    """The program or sub-command with its own arguments, untouched."""
    literal: bool
    """Whether ``--`` stood before the command: then it is a program, whatever its name."""


def parse(argv: Sequence[str]) -> Line:
    """Read the options before the first word that is none; the rest is the command.

    Raises:
        UsageError: For an unknown option, or one whose value is missing or superfluous.
    """
    known = [name if flag.metavar is None else f"{name}=" for name, flag in FLAGS.items()]
    try:
        options, command = getopt.getopt(list(argv), "h", [*known, "help", "version"])
    except getopt.GetoptError as error:
        raise UsageError(f"{error.msg} (see --help)") from None
    settings: dict[str, Any] = {}
    for option, value in options:
        if option in ("-h", "--help"):
            return Line("help", {}, (), literal=False)
        if option == "--version":
            return Line("version", {}, (), literal=False)
        flag = FLAGS[option[2:]]
        settings[flag.setting] = value if flag.metavar else flag.switch
    before = argv[: len(argv) - len(command)]
    return Line("run", settings, tuple(command), literal=bool(before) and before[-1] == "--")


_SHORT = """\
usage: memori-instrument [OPTIONS] COMMAND [ARGS...]
       memori-instrument [OPTIONS] recall QUERY --entity ID [--limit N] [--json]
       memori-instrument [OPTIONS] export --entity ID
       memori-instrument [OPTIONS] db upgrade|current|check
       memori-instrument [OPTIONS] worker [--concurrency N] [--drain]
       memori-instrument [OPTIONS] demo [--live]
"""
_INTRODUCTION = """
Run a program with memory: its calls to LLM SDKs are stored and learned from, without a change to
its code. COMMAND is anything a shell could run: python app.py, python -m package.module,
uvicorn app:app --workers 2, ./script; a .py file that is not executable runs with this Python.
What follows COMMAND belongs to it. Put -- before a program that is named like a sub-command.

sub-commands:
  recall                what is remembered for a query
  export                everything that is stored for an entity, as JSON lines
  db                    the schema: bring it up to date, or look at it
  worker                learn from stored turns, in processes of its own
  demo                  see it work, without a key or a server
  (each has its own --help)

options:
"""


def usage(*, full: bool) -> str:
    """The usage, ending in a newline; with ``full`` also what everything means."""
    if not full:
        return _SHORT + "Try memori-instrument --help.\n"
    lines = [_SHORT, _INTRODUCTION]
    for flag in FLAGS.values():
        text = flag.help
        if flag.switch is False:
            text = f"Do not {text[0].lower()}{text[1:]}"
        lines.append(_option(_signature(flag), f"{text} [{flag.env}]"))
    lines.append(_option("-h, --help", "Show this and exit."))
    lines.append(_option("--version", "Show the version and exit."))
    return "".join(lines)


def _signature(flag: Flag) -> str:
    return f"--{flag.name} {flag.metavar}" if flag.metavar else f"--{flag.name}"


def _option(signature: str, text: str) -> str:
    from textwrap import wrap

    indent = " " * 24
    body = wrap(text, width=98, initial_indent=indent, subsequent_indent=indent)
    if len(signature) + 2 < len(indent) - 1:
        body[0] = f"  {signature}".ljust(len(indent)) + body[0].lstrip()
    else:
        body.insert(0, f"  {signature}")
    return "\n".join(body) + "\n"

"""Running a program with memory: settings into its environment, the bootstrap on its path, exec."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from memori_instrumentation.bootstrap import DIRECTORY
from memori_instrumentation.cli.flags import FLAGS
from memori_instrumentation.config import Settings

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit codes for commands that cannot be run, as POSIX shells have them."""

_PYTHON = re.compile(r"(python|pypy)(\d+(\.\d+)*t?)?(-dbg|d)?(\.exe)?")
_VALUED = frozenset("WX")
"""Python's options that take a value, in the same word or the next."""
_DEAF = frozenset("EIS")
"""Python's options under which PYTHONPATH or sitecustomize is ignored."""


def check(settings: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """See that settings can be used, as far as that is known without opening the database.

    Raises:
        SettingsError: For a value that its setting does not take, or a database that is not named
            by a URL. The text never holds the URL, which may hold a password.
    """
    Settings.resolve(environ, **settings)


def launch(command: Sequence[str], settings: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    """Replace this process by ``command``, which inherits everything: pid, streams, signals.

    Returns:
        Only when that fails: 126 or 127, with one line on stderr.
    """
    program = shutil.which(command[0], path=environ.get("PATH"))
    words = list(command)
    if program is None and command[0].endswith(".py") and os.path.isfile(command[0]):
        program, words = sys.executable, [sys.executable, *command]
    if program is None:
        return _unrunnable(command[0])
    if option := deafness(words, program):
        _say(
            f"warning: Python's option -{option} shuts memory out: nothing will be remembered. "
            f"Run without -{option}, or call MemoriInstrumentor().instrument() in the program."
        )
    try:
        _execute(program, words, child_environment(settings, environ))
    except FileNotFoundError:
        _say(f"cannot run {command[0]}: its interpreter does not exist")
        return NOT_FOUND
    except OSError as error:
        _say(f"cannot run {command[0]}: {error.strerror}")
        return NOT_EXECUTABLE


def _execute(program: str, words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(program, list(words), environ)


def _unrunnable(name: str) -> int:
    """Say why there is nothing to execute under ``name``, and give the exit code for it."""
    if os.path.dirname(name) and os.path.exists(name):
        _say(f"cannot run {name}: it is not an executable file")
        return NOT_EXECUTABLE
    here = os.path.join(os.path.dirname(sys.executable), name)
    hint = f" (there is {here})" if name and os.access(here, os.X_OK) else ""
    _say(f"command not found: {name}{hint}")
    return NOT_FOUND


def _say(text: str) -> None:
    sys.stderr.write(f"memori-instrument: {text}\n")


def child_environment(settings: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """The program's environment: ``environ``, the settings, the bootstrap first on the path."""
    env = dict(environ)
    for flag in FLAGS.values():
        if (value := settings.get(flag.setting)) is not None:
            env[flag.env] = str(value).lower() if isinstance(value, bool) else str(value)
    # An empty entry means the current directory, so no stray separator may be left behind.
    before = env.get("PYTHONPATH")
    entries = [item for item in before.split(os.pathsep) if item != DIRECTORY] if before else []
    env["PYTHONPATH"] = os.pathsep.join([DIRECTORY, *entries])
    return env


def deafness(command: Sequence[str], program: str) -> str | None:
    """The option (``E``, ``I`` or ``S``) that keeps Python from running our ``sitecustomize``.

    Args:
        command: The command with its arguments.
        program: The file it names; if that is a script, its ``#!`` line counts.

    Returns:
        ``None`` also for what is no Python, or starts one by other means.
    """
    if _is_python(command[0]):
        return _deaf_option(command[1:])
    words = _shebang(program)
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S" and "=" not in word]
    if words and _is_python(words[0]):
        return _deaf_option(words[1:])
    return None


def _is_python(name: str) -> bool:
    return _PYTHON.fullmatch(os.path.basename(name)) is not None


def _deaf_option(arguments: Sequence[str]) -> str | None:
    """The first of Python's own options, in front of its program, that is in ``_DEAF``."""
    rest = iter(arguments)
    for word in rest:
        if word == "--check-hash-based-pycs":
            next(rest, None)
        elif word in ("-", "--") or not word.startswith("-"):
            return None
        elif not word.startswith("--"):
            for place, letter in enumerate(word[1:], start=1):
                if letter in _DEAF:
                    return letter
                if letter in "cm":
                    return None
                if letter in _VALUED:
                    if place == len(word) - 1:
                        next(rest, None)
                    break
    return None


def _shebang(program: str) -> list[str]:
    """The words of a script's ``#!`` line; none for another file, or one that cannot be read."""
    try:
        with open(program, "rb") as file:
            head = file.read(256)
    except OSError:
        return []  # executable is enough to run it
    if not head.startswith(b"#!"):
        return []
    return os.fsdecode(head[2:].split(b"\n", 1)[0]).split()

"""The command ``memori-instrument``: run a program with memory, and what is done with memories.

Running a program is the path that everyone pays for: it loads the settings and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from memori_instrumentation.cli.flags import UsageError, parse, usage
from memori_instrumentation.config import SettingsError

PROGRAM = "memori-instrument"
SUBCOMMANDS = ("recall", "export", "db", "worker", "demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; on success with a program to run, never return.

    Args:
        argv: The arguments after the program's name; those of the process unless given.

    Returns:
        The exit code: 0, 1 for a failure, 2 for wrong usage, 126 for a command that cannot be
        executed and 127 for one that does not exist, as in a shell.
    """
    try:
        line = parse(sys.argv[1:] if argv is None else argv)
        if line.action == "help":
            sys.stdout.write(usage(full=True))
            return 0
        if line.action == "version":
            from memori_instrumentation._version import __version__

            sys.stdout.write(f"{PROGRAM} {__version__}\n")
            return 0
        if not line.command:
            sys.stderr.write(usage(full=False))
            return 2
        if line.command[0] in SUBCOMMANDS and not line.literal:
            from memori_instrumentation.cli.commands import run

            return run(line.command[0], line.command[1:], line.settings)
        from memori_instrumentation.cli.launch import check, launch

        check(line.settings, os.environ)
        return launch(line.command, line.settings, os.environ)
    except (UsageError, SettingsError) as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 2

"""What the installed releases offer: the oldest that are supported lack some of what tests use.

Tests ask for it here, by name, so that a run can say what it left out; with the releases of today
CI lets nothing be left out (``tests/conftest.py``).
"""

from __future__ import annotations

import functools
import inspect
from importlib import import_module
from typing import Any

missing: set[str] = set()
"""What has been asked for and is not offered."""


@functools.cache
def offered(name: str) -> bool:
    """Whether an installed package has something.

    Args:
        name: ``module:path.to.it``; with ``(argument)``, whether it takes that argument too.
    """
    module, _, path = name.partition(":")
    path, _, argument = path.removesuffix(")").partition("(")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        found = None
    for step in path.split("."):
        found = getattr(found, step, None)
    there = found is not None and (not argument or argument in inspect.signature(found).parameters)
    if not there:
        missing.add(name)
    return there

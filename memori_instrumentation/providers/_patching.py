"""Patches that put the originals back: wrapt wrappers on a module's functions, made when it is
imported."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import wrapt

log = logging.getLogger("memori_instrumentation")

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


class Patch(NamedTuple):
    """One function to wrap."""

    module: str
    attribute: str
    """Dotted path inside the module, e.g. ``SyncAPIClient.request``."""
    wrapper: Wrapper
    optional: bool = False
    """Whether a release of the SDK without it is fine."""
    family: bool = False
    """Whether it is wrapped wherever a subclass defines it anew, rather than in its own class."""
    older: str | None = None
    """What is wrapped in releases that have no ``attribute``."""


class Patcher:
    """Applies patches, at once to modules already imported, to others when they are, and undoes
    them."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self.patches = patches
        self._applied: list[tuple[Any, str, Any]] = []
        self._active = False

    def apply(self) -> None:
        """Patch now what is imported; patch the rest on import."""
        self._active = True
        for module in dict.fromkeys(patch.module for patch in self.patches):
            if module in sys.modules:
                self._patch(sys.modules[module])
            else:
                wrapt.register_post_import_hook(self._patch, module)

    def undo(self) -> None:
        """Put the original functions back. Objects that kept a wrapper pass through it."""
        self._active = False
        while self._applied:
            owner, name, original = self._applied.pop()
            # Another instrumentation may have wrapped ours since: taking it out would break theirs,
            # and ours passes through anyway.
            if getattr(owner.__dict__.get(name), "__wrapped__", None) is original:
                setattr(owner, name, original)

    def _patch(self, module: Any) -> None:
        if not self._active:
            return  # imported after undo()
        for patch in self.patches:
            if patch.module != module.__name__:
                continue
            found = _find(module, patch.attribute)
            if found is None and patch.older is not None:
                found = _find(module, patch.older)
            if found is None:
                if not patch.optional:
                    log.warning(
                        "%s has no %s: this release is not known to memori-instrumentation, "
                        "its calls are not captured",
                        patch.module,
                        patch.attribute,
                    )
                continue
            owner, name, original = found
            if patch.family:
                self._wrap_family(owner, name, patch.wrapper)
            else:
                self._wrap(owner, name, original, patch.wrapper)

    def _wrap(self, owner: Any, name: str, original: Any, wrapper: Wrapper) -> None:
        setattr(owner, name, wrapt.FunctionWrapper(original, wrapper))
        self._applied.append((owner, name, original))

    def _wrap_family(self, base: type, name: str, wrapper: Wrapper) -> None:
        """Wrap a method in all subclasses that define it, those to come included."""

        def made(wrapped: Any, subclass: Any, args: Any, kwargs: Any) -> None:
            wrapped(*args, **kwargs)
            if self._active and name in subclass.__dict__:
                self._wrap(subclass, name, subclass.__dict__[name], wrapper)

        own = base.__dict__.get("__init_subclass__", classmethod(_passing_up(base)))
        self._wrap(base, "__init_subclass__", own, made)
        for subclass in _below(base):
            if name in subclass.__dict__:
                self._wrap(subclass, name, subclass.__dict__[name], wrapper)


def _find(module: Any, path: str) -> tuple[Any, str, Any] | None:
    """An attribute by its dotted path: what has it, its name, and itself; ``None`` if nothing
    does."""
    *steps, name = path.split(".")
    try:
        owner = module
        for step in steps:
            owner = getattr(owner, step)
        return owner, name, owner.__dict__[name]
    except (AttributeError, KeyError):
        return None


def _passing_up(base: Any) -> Callable[..., None]:
    """The ``__init_subclass__`` of a class that has none."""

    def init_subclass(cls: Any, **kwargs: Any) -> None:
        super(base, cls).__init_subclass__(**kwargs)

    return init_subclass


def _below(base: type) -> set[type]:
    """All subclasses of a class that are alive."""
    found: set[type] = set(base.__subclasses__())
    for subclass in list(found):
        found |= _below(subclass)
    return found

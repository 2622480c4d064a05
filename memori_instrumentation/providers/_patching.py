"""Patches that put the originals back: wrapt wrappers on a module's functions, made when it is
imported."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from types import CellType
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
    feature: bool = False
    """Whether its class is of a feature that older releases do not have: one without the class is
    fine, a class without the function is not."""
    family: bool = False
    """Whether it is wrapped wherever a subclass defines it anew, rather than in its own class."""
    older: str | None = None
    """What is wrapped in releases that have no ``attribute``."""
    unless: str | None = None
    """What makes this patch needless where a release has it: another one wraps that."""
    closure: str | None = None
    """What is wrapped instead of the function: the one that it holds in its closure by this name.
    That reaches those too who have imported the function by value."""


class Patcher:
    """Applies patches, at once to modules already imported, to others when they are, and undoes
    them."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self.patches = patches
        self._applied: list[tuple[Any, str, Any, bool]] = []
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
            owner, name, original, own = self._applied.pop()
            # Another instrumentation may have wrapped ours since: taking it out would break theirs,
            # and ours passes through anyway.
            if getattr(_held(owner, name), "__wrapped__", None) is original:
                if own:
                    setattr(owner, name, original)
                else:
                    delattr(owner, name)

    def _patch(self, module: Any) -> None:
        if not self._active:
            return  # imported after undo()
        for patch in self.patches:
            if patch.module != module.__name__:
                continue
            if patch.unless and _held(*_place(module, patch.unless)) is not None:
                continue
            owner, name = _place(module, patch.attribute, patch.closure)
            original = _held(owner, name)
            if original is None and patch.older is not None:
                owner, name = _place(module, patch.older)
                original = _held(owner, name)
            if original is None:
                if not (patch.optional or (patch.feature and owner is None)):
                    log.warning(
                        "%s has no %s: this release is not known to memori-instrumentation, "
                        "its calls are not captured",
                        patch.module,
                        patch.attribute,
                    )
                continue
            if patch.family:
                self._wrap_family(owner, name, patch.wrapper)
            else:
                self._wrap(owner, name, original, patch.wrapper)

    def _wrap(
        self, owner: Any, name: str, original: Any, wrapper: Wrapper, *, own: bool = True
    ) -> None:
        """Put a wrapper in the place of ``original``, which is ``owner``'s ``own`` or made for
        it."""
        setattr(owner, name, wrapt.FunctionWrapper(original, wrapper))
        self._applied.append((owner, name, original, own))

    def _wrap_family(self, base: type, name: str, wrapper: Wrapper) -> None:
        """Wrap a method in all subclasses that define it, those to come included."""

        def made(wrapped: Any, subclass: Any, args: Any, kwargs: Any) -> None:
            wrapped(*args, **kwargs)
            if self._active and name in subclass.__dict__:
                self._wrap(subclass, name, subclass.__dict__[name], wrapper)

        own = _held(base, "__init_subclass__")
        passing = own or classmethod(_passing_up(base))
        self._wrap(base, "__init_subclass__", passing, made, own=own is not None)
        for subclass in _below(base):
            if name in subclass.__dict__:
                self._wrap(subclass, name, subclass.__dict__[name], wrapper)


def _place(module: Any, path: str, closure: str | None = None) -> tuple[Any, str]:
    """What holds the function to be wrapped, and under which name; ``None`` where there is no such
    place."""
    *steps, name = path.split(".")
    owner = module
    for step in steps:
        owner = getattr(owner, step, None)
    if closure is None:
        return owner, name
    return _cell(_held(owner, name), closure), "cell_contents"


def _held(owner: Any, name: str) -> Any:
    """What a module, a class or a closure's cell has under a name; ``None`` if it has nothing."""
    if isinstance(owner, CellType):
        return owner.cell_contents
    return getattr(owner, "__dict__", {}).get(name)


def _cell(function: Any, name: str) -> CellType | None:
    """The variable ``name`` in the closure of ``function``, or of a function that it decorates."""
    while function is not None:
        names = function.__code__.co_freevars if hasattr(function, "__code__") else ()
        if name in names:
            cell: CellType = function.__closure__[names.index(name)]
            return cell
        function = getattr(function, "__wrapped__", None)
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

"""Switch memory on in a program started by ``memori-instrument``, as soon as it imports an SDK.

Python's ``site`` imports this file at start-up: its directory stands first on ``PYTHONPATH``. It
loads nothing that ``site`` has not loaded already, and stands aside for the ``sitecustomize`` that
would have run without it. It may find itself in any interpreter that a program starts, also in one
that is older than this package supports, or that does not have it installed.
"""

import os
import sys
from _frozen_importlib_external import SourceFileLoader

TYPE_CHECKING = False  # importing typing would cost more than all of this file
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_HERE = os.path.dirname(__file__)


def _targets() -> "frozenset[str]":
    """The names in ``providers/targets.py``, read without importing any package."""
    path = os.path.join(os.path.dirname(_HERE), "providers", "targets.py")
    code = SourceFileLoader("_memori_targets", path).get_code("_memori_targets")
    scope: dict[str, Any] = {}
    if code is not None:
        exec(code, scope)
    return frozenset(scope["TARGETS"])


class SdkWatch:
    """A ``sys.meta_path`` finder that calls ``start`` once the first module of ``names`` has run.

    It finds nothing itself: the other finders do, and their loader is back in its place before the
    module's first line runs. Having fired, it takes itself off ``sys.meta_path``.
    """

    def __init__(self, names: "frozenset[str]", start: "Any") -> None:
        self._names = names
        self._start = start

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """What the finders after this one find, with a loader that reports back (PEP 451)."""
        if name not in self._names:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    reporting: Any = _ReportingLoader(spec.loader, self.fire)
                    spec.loader = reporting
                return spec
        return None

    def fire(self) -> None:
        """Leave ``sys.meta_path`` and start, unless another import has done so."""
        try:
            sys.meta_path.remove(self)
        except ValueError:
            return
        self._start()


class _ReportingLoader:
    """Runs a module with its own loader, in sight of nobody, then calls ``executed``."""

    def __init__(self, loader: "Loader", executed: "Any") -> None:
        self._loader = loader
        self._executed = executed

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._executed()

    def __getattr__(self, name: str) -> "Any":
        """Whatever else is asked of a loader before the import: its source, its resources."""
        return getattr(self._loader, name)


def _instrument() -> None:
    """Instrument with the settings of the environment; what goes wrong is one line in the log."""
    try:
        from memori_instrumentation.instrumentor import MemoriInstrumentor

        instrumentor = MemoriInstrumentor()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
    except Exception as error:
        import logging

        logging.getLogger("memori_instrumentation").error(
            "nothing is remembered in this process (%s): %s: %s",
            sys.executable,
            type(error).__name__,
            error,
        )


def _watch() -> None:
    """Install the import hook, unless ``MEMORI_DISABLED`` is true, in the words of ``config``."""
    if os.environ.get("MEMORI_DISABLED", "").lower() in ("1", "true", "yes", "on"):
        return
    watch = SdkWatch(_targets(), _instrument)
    sys.meta_path.insert(0, watch)
    if not watch._names.isdisjoint(sys.modules):
        watch.fire()  # a .pth file was quicker


def _stand_aside() -> None:
    """Import the ``sitecustomize`` further down the path, as if this one had not been there.

    Whatever that one raises leaves through this module to ``site``, which treats it as ever.
    """
    own = sys.modules.pop(__name__, None)
    place = sys.path.index(_HERE) if _HERE in sys.path else None
    if place is not None:
        del sys.path[place]
    try:
        import sitecustomize  # type: ignore[import-not-found] # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if own is not None:
            sys.modules[__name__] = own
    finally:
        # Programs that hand sys.path to their children as PYTHONPATH pass the memory on.
        if place is not None:
            sys.path.insert(place, _HERE)


if __name__ == "sitecustomize":
    try:
        _watch()
    finally:
        _stand_aside()

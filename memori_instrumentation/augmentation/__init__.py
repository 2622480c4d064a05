"""Learning from stored conversations: extractors, and the worker that runs them."""

from __future__ import annotations

from memori_instrumentation.augmentation.protocol import Extractor

__all__ = ["Extractor", "build_extractor"]


def build_extractor(name: str) -> Extractor | None:
    """The extractor of a setting's name: ``local`` (offline), or ``None`` for ``none``.

    Raises:
        ValueError: For any other name.
    """
    if name == "none":
        return None
    if name == "local":
        # Compiles its patterns when imported: only who learns pays for that.
        from memori_instrumentation.augmentation.local import LocalExtractor

        return LocalExtractor()
    raise ValueError(f"unknown extractor {name!r}: use local or none")

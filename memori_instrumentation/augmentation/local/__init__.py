"""The offline extractor."""

from __future__ import annotations

from memori_instrumentation.augmentation.local.extractor import LocalExtractor

__all__ = ["LocalExtractor"]

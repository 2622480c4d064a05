"""Embeddings: text to vectors, for recall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memori_instrumentation.config import SettingsError

if TYPE_CHECKING:
    from memori_instrumentation.embeddings.protocol import Embedder

CHOICES = ("wordllama", "none")


def build_embedder(name: str) -> Embedder | None:
    """The embedder that ``name`` chooses; nothing is loaded before its first use.

    Args:
        name: ``wordllama``, the embedded default, or ``none`` to recall by words alone.

    Returns:
        The embedder, or ``None`` for ``none``.

    Raises:
        SettingsError: For any other name.
    """
    if name == "none":
        return None
    if name == "wordllama":
        from memori_instrumentation.embeddings.wordllama import WordLlamaEmbedder

        return WordLlamaEmbedder()
    raise SettingsError(f"embedder={name!r}: use one of {', '.join(CHOICES)}")

"""What an embedder is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Called off the caller's thread; may load its model at first use."""

    @property
    def name(self) -> str:
        """The model's name, stored with each vector: different models are never compared."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The texts' vectors, L2-normalised float32 of shape ``(len(texts), dimensions)``.

        A text with nothing to embed gives a row of zeros.
        """
        ...

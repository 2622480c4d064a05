"""A numpy array that rows can be appended to at amortised constant cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Growing:
    """Rows of one dtype, kept contiguous; capacity doubles when it runs out.

    Args:
        dtype: Of the elements.
        width: Elements a row; one-dimensional if left out.
    """

    __slots__ = ("_rows", "_size")

    def __init__(self, dtype: DTypeLike, width: int | None = None) -> None:
        self._rows: NDArray[Any] = np.zeros((16,) if width is None else (16, width), dtype=dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        """The rows so far, as a view: valid until the next :meth:`append`, writable in place."""
        return self._rows[: self._size]

    def append(self, row: Any) -> int:
        """Add a row; returns its index."""
        if self._size == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self._size] = row
        self._size += 1
        return self._size - 1

"""The vectors of an entity's candidates, row by row, as one matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memori_instrumentation.recall import ranking
from memori_instrumentation.recall.growing import Growing

Floats = NDArray[np.float32]


class VectorTable:
    """Unit vectors by row, zeros where a row has none yet, and their mean.

    The number of dimensions is that of the first vector set. Not safe for concurrent use.
    """

    def __init__(self) -> None:
        self._matrix: Growing | None = None
        self._known = Growing(np.bool_)
        self._sum: Floats = np.zeros(0, dtype=np.float32)
        self._count = 0
        self._centring: tuple[Floats, Floats] | None = None
        """Mean and centred norms of the rows as they are; made when next needed."""

    def append(self) -> None:
        """Add a row without a vector."""
        self._known.append(False)
        if self._matrix is not None:
            self._matrix.append(0.0)
            self._centring = None

    def set(self, row: int, vector: Floats) -> None:
        """Set or replace a row's vector.

        A vector of other dimensions (another model under the same name) is left out: the row counts
        as without one, and is embedded anew.
        """
        if self._matrix is None:
            self._matrix = Growing(np.float32, len(vector))
            self._sum = np.zeros(len(vector), dtype=np.float32)
            for _ in range(len(self._known)):
                self._matrix.append(0.0)
        if len(vector) != len(self._sum):
            return
        rows = self._matrix.values
        self._sum += vector - rows[row]
        rows[row] = vector
        self._centring = None
        self._count += not self._known.values[row]
        self._known.values[row] = True

    def missing(self, live: NDArray[np.bool_], most: int) -> list[int]:
        """The newest live rows without a vector, newest first, at most ``most``."""
        if self._count == len(self._known):
            return []
        newest = np.flatnonzero(live & ~self._known.values)[::-1][:most]
        return [int(row) for row in newest]

    def cosines(self, query: Floats) -> Floats | None:
        """Centred cosine of every row with a query vector, NaN for rows without.

        ``None`` where no row has a vector of the query's dimensions.
        """
        if self._matrix is None or len(query) != len(self._sum):
            return None
        rows = self._matrix.values
        if self._centring is None:
            mean = ranking.shrunk_mean(self._sum, self._count)
            self._centring = mean, ranking.centred_norms(rows, mean)
        mean, norms = self._centring
        scores = ranking.centred_cosine(rows, norms, query, mean)
        scores[~self._known.values] = np.nan
        return scores

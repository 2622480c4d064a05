"""The embedded default: static word embeddings from the ``wordllama`` wheel, without any network.

Only the wheel's data files are used. Importing ``wordllama`` itself would load ``requests`` and
pydantic, call ``logging.basicConfig`` in the app's process, and its ``load()`` looks for the
tokenizer in a folder that the wheel does not have, then asks the network. The two files and the
mean pooling are all there is to it, so they are read here with the same libraries it uses.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODEL = "l2_supercat_256"
WEIGHTS = f"weights/{MODEL}.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"

MAX_CHARACTERS = 16_384
"""How much of a text is read. The mean over more words than this says nothing about any of them."""

_LOADING = threading.Lock()


class EmbedderUnavailableError(RuntimeError):
    """The model's files cannot be found; the message says what to install or set."""


@dataclass(frozen=True, slots=True)
class _Model:
    weights: NDArray[np.float16]
    """One row per token of the vocabulary, kept in the half precision it is shipped in."""
    tokenizer: Tokenizer


class WordLlamaEmbedder:
    """Mean of static token embeddings, 256 dimensions; about 0.05 ms for a sentence.

    The model (16 MB) is loaded at the first :meth:`embed`, once per process, and shared by all
    instances. Safe to use from any thread.
    """

    dimensions = 256
    bag_of_words = True
    """Every word weighs the same in the mean, so recall drops the stop words of a question."""

    @property
    def name(self) -> str:
        """``wordllama/l2_supercat_256``."""
        return f"wordllama/{MODEL}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The texts' vectors, L2-normalised float32 of shape ``(len(texts), 256)``.

        Equal to ``WordLlamaInference.embed(texts, norm=True)`` up to rounding, except that a text
        with nothing to embed gives zeros and that only the first 16,384 characters of a text count.
        Memory beyond the result is bounded by one text at a time.

        Raises:
            EmbedderUnavailableError: If the ``wordllama`` package or its files are missing.
        """
        model = _model()
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            _pool(model, text, row)
        return vectors


def _pool(model: _Model, text: str, out: NDArray[np.float32]) -> None:
    """Write the normalised mean of the text's token embeddings into ``out``, if it has any."""
    text = text[:MAX_CHARACTERS]
    if not text.strip():
        return
    if not text.isascii():
        # The tokenizer is native code and takes no lone surrogates.
        text = text.encode("utf-8", "replace").decode("utf-8")
    # One text at a time: encode_batch starts a thread pool, which warns after every later fork.
    ids = model.tokenizer.encode(text, add_special_tokens=False).ids
    if not ids:
        return
    rows = np.minimum(np.asarray(ids, dtype=np.intp), len(model.weights) - 1)
    np.mean(model.weights[rows], axis=0, dtype=np.float32, out=out)
    if norm := float(np.linalg.norm(out)):
        out /= norm


def _model() -> _Model:
    # functools.cache alone would let two first callers load the model twice.
    with _LOADING:
        return _load()


@cache
def _load() -> _Model:
    from safetensors import safe_open
    from tokenizers import Tokenizer

    root = _package_folder()
    for name in (WEIGHTS, TOKENIZER):
        if not (root / name).is_file():
            raise EmbedderUnavailableError(
                f"the installed wordllama package has no {name}: "
                "install wordllama>=0.4 or set MEMORI_EMBEDDER=none"
            )
    tokenizer = Tokenizer.from_file(str(root / TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with safe_open(root / WEIGHTS, framework="np") as file:
        weights = file.get_tensor("embedding.weight")
    return _Model(weights.astype(np.float16, copy=False), tokenizer)


def _package_folder() -> Path:
    """Where ``wordllama`` is installed, found without importing it."""
    spec = find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations:
        raise EmbedderUnavailableError(
            "the wordllama package is not installed: "
            "pip install wordllama, or set MEMORI_EMBEDDER=none to recall by words alone"
        )
    return Path(spec.submodule_search_locations[0])

"""The embedded default against the library it takes its files from, and its own promises."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memori_instrumentation.config import SettingsError
from memori_instrumentation.embeddings import build_embedder
from memori_instrumentation.embeddings import wordllama as module
from memori_instrumentation.embeddings.protocol import Embedder
from memori_instrumentation.embeddings.wordllama import (
    MAX_CHARACTERS,
    EmbedderUnavailableError,
    WordLlamaEmbedder,
)

TEXTS = [
    "I live in Lisbon with my two cats.",
    "C++ and Rust, not Java",
    "x",
    "Где она живёт?",
    "我喜欢吃苹果",
    "naïve café 😀",
    "line one\nline two\t end  ",
    "word " * 500,
]


def test_equals_the_library() -> None:
    from safetensors import safe_open
    from tokenizers import Tokenizer
    from wordllama import WordLlamaInference

    spec = importlib.util.find_spec("wordllama")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    with safe_open(folder / module.WEIGHTS, framework="np") as file:
        weights = file.get_tensor("embedding.weight")
    library = WordLlamaInference(weights, Tokenizer.from_file(str(folder / module.TOKENIZER)))
    expected = np.vstack([library.embed([text], norm=True) for text in TEXTS])
    np.testing.assert_allclose(WordLlamaEmbedder().embed(TEXTS), expected, atol=1e-5)


def test_shape_dtype_and_name() -> None:
    embedder = build_embedder("wordllama")
    assert isinstance(embedder, Embedder)
    assert embedder.name == "wordllama/l2_supercat_256"
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 256)
    assert vectors.dtype == np.float32
    assert embedder.embed([]).shape == (0, 256)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_nothing_to_embed_is_a_row_of_zeros(text: str) -> None:
    vectors = WordLlamaEmbedder().embed(["hello", text])
    assert not vectors[1].any()
    assert vectors[0].any()


@given(st.lists(st.text(max_size=200), max_size=5))
@settings(deadline=None, max_examples=60)
def test_any_text_gives_unit_or_zero_rows(texts: list[str]) -> None:
    norms = np.linalg.norm(WordLlamaEmbedder().embed(texts), axis=1)
    assert np.all(np.isclose(norms, 1, atol=1e-4) | (norms == 0))


def test_lone_surrogates_do_not_break() -> None:
    assert WordLlamaEmbedder().embed(["broken \ud83d half"]).any()


def test_long_texts_are_cut() -> None:
    embedder = WordLlamaEmbedder()
    head = "a cat " * (MAX_CHARACTERS // 6 + 1)
    one, two = embedder.embed([head, head + "quantum physics " * 100_000])
    np.testing.assert_array_equal(one, two)


def test_meaning_orders_similarity() -> None:
    question, near, far = WordLlamaEmbedder().embed(
        ["favourite food", "I love eating pizza for dinner", "the train to Berlin was late"]
    )
    assert question @ near > question @ far


def test_loads_without_network_home_or_the_library(tmp_path: Path) -> None:
    program = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from memori_instrumentation.embeddings import build_embedder
import logging
assert build_embedder("wordllama").embed(["hello"]).any()
assert not {"wordllama", "requests", "huggingface_hub"} & set(sys.modules), "imported"
assert not logging.getLogger().handlers
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_many_first_callers_share_one_model() -> None:
    module._load.cache_clear()
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(WordLlamaEmbedder().embed(["hello there"])))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(np.array_equal(results[0], other) for other in results)
    assert module._load.cache_info().misses == 1


def test_missing_package_is_told_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    module._load.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(EmbedderUnavailableError, match="MEMORI_EMBEDDER=none"):
        WordLlamaEmbedder().embed(["hello"])
    monkeypatch.undo()
    assert WordLlamaEmbedder().embed(["hello"]).any(), "an install afterwards is found"


def test_choices() -> None:
    assert build_embedder("none") is None
    with pytest.raises(SettingsError, match=r"embedder='gpt'.*wordllama, none"):
        build_embedder("gpt")

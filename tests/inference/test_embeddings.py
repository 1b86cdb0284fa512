"""Vectors of a small BERT that the test makes: pooled as it says, of length 1, cached, indexed, kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_models import make_bert
from workbench.errors import WorkbenchError
from workbench.inference.embeddings import BertEncoder, VectorStore, pooling_of

TEXTS = ("what time is it", "ping the host", "tell me the time please", "", "what time is it")
WORDS = "what time is it ping the host tell me please".split()


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    return make_bert(tmp_path_factory.mktemp("bert"), WORDS)


def pool(folder: Path, **kinds: bool) -> None:
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **kinds}))


class Counting:
    """An encoder that counts what it is asked."""

    def __init__(self, inner: BertEncoder) -> None:
        self.inner, self.id, self.asked = inner, inner.id, 0

    def encode(self, texts):
        self.asked += len(texts)
        return self.inner.encode(texts)


@pytest.mark.parametrize("kind", ["mean", "cls"])
def test_pooled_as_the_model_says_whatever_the_batch(bert, kind):
    pool(bert, pooling_mode_cls_token=kind == "cls", pooling_mode_mean_tokens=kind == "mean")
    encoder = BertEncoder(str(bert), batch_size=2)
    assert encoder.pooling == kind
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (5, 16) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    with torch.inference_mode():
        hidden = encoder._model(**encoder._tokenizer(TEXTS[2], return_tensors="pt")).last_hidden_state[0]
    expected = (hidden[0] if kind == "cls" else hidden.mean(0)).numpy()
    assert np.allclose(vectors[2], expected / np.linalg.norm(expected), atol=1e-5)
    assert np.allclose(vectors[0], vectors[4], atol=1e-6)


def test_pooling_that_is_not_known_or_not_said(bert, tmp_path):
    assert pooling_of(str(tmp_path)) == "mean"
    pool(tmp_path, pooling_mode_max_tokens=True)
    with pytest.raises(WorkbenchError, match="pooling_mode_max_tokens"):
        pooling_of(str(tmp_path))
    (tmp_path / "1_Pooling" / "config.json").write_text("{")
    with pytest.raises(WorkbenchError, match="is not JSON"):
        pooling_of(str(tmp_path))


def test_what_cannot_be_loaded_says_so(tmp_path):
    with pytest.raises(WorkbenchError, match="could not be loaded"):
        BertEncoder(str(tmp_path))


def test_cached_by_text_and_kept(bert, tmp_path):
    encoder = Counting(BertEncoder(str(bert)))
    first = VectorStore.at(tmp_path, encoder.id).vectors(TEXTS, encoder)
    assert encoder.asked == 4
    again = VectorStore.at(tmp_path, encoder.id)
    more = again.vectors([*TEXTS, "ping me"], encoder)
    assert encoder.asked == 5 and np.array_equal(more[:5], first)
    with pytest.raises(WorkbenchError, match="1 texts have no vectors"):
        again.vectors(["never seen"])
    assert VectorStore.at(tmp_path, "other").folder != again.folder


def test_near_pairs_and_an_index_that_is_loaded_again(bert, tmp_path):
    store, encoder = VectorStore(tmp_path / "v"), BertEncoder(str(bert))
    vectors = store.vectors(TEXTS, encoder)
    cosines = vectors @ vectors.T
    expected = {(i, j) for i in range(5) for j in range(i + 1, 5) if cosines[i, j] >= 0.9}
    found = {(i, j): score for i, j, score in store.near(TEXTS, 0.9)}
    assert (0, 4) in expected and set(found) == expected
    assert all(found[i, j] == pytest.approx(cosines[i, j], abs=1e-3) for i, j in expected)
    stamp = (tmp_path / "v" / "index.usearch").stat().st_mtime_ns
    assert {(i, j) for i, j, _ in store.near(TEXTS, 0.9)} == expected
    assert (tmp_path / "v" / "index.usearch").stat().st_mtime_ns == stamp
    assert list(store.near(TEXTS[:1], 0.0)) == []

"""Texts as vectors, and which vectors are near: an encoder, a cache by the text's hash, an index that is kept.

An encoder is any local directory or hub id of a BERT-like model. How its token vectors become one (mean or the first
token's) is what its own ``1_Pooling/config.json`` says (the layout of sentence-transformers), else the mean. torch and
transformers are loaded by ``BertEncoder`` alone; cache and index need numpy and usearch. Knows no scenario.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from usearch.index import BatchMatches, Index

from workbench.errors import WorkbenchError

Vectors = NDArray[np.float32]
Pooling = Literal["mean", "cls"]
MAX_TOKENS = 256


class Encoder(Protocol):
    """Anything that makes vectors.

    Attributes:
        id: the same for the same vectors; part of the cache's name.
    """

    id: str

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row a text, each of length 1."""
        ...


class BertEncoder:
    """A BERT-like model on this computer's CPU.

    Args:
        source: a local directory or a hub id.
        batch_size: texts that go through the model together; longest first, so that few are padded far.

    Raises:
        WorkbenchError: it cannot be loaded, or is no encoder that this knows how to pool.
    """

    def __init__(self, source: str, batch_size: int = 32) -> None:
        self.id = source
        self.batch_size = batch_size
        self.pooling = pooling_of(source)
        self._model, self._tokenizer = _load(source)

    def encode(self, texts: Sequence[str]) -> Vectors:
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        rows = np.empty((len(texts), self._model.config.hidden_size), np.float32)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            rows[places] = self._batch([texts[i] for i in places])
        return rows

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of all texts, as far as they are looked at."""
        found = self._tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        return sum(map(len, found))

    def _batch(self, texts: Sequence[str]) -> Vectors:
        import torch

        tokens = self._tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            hidden = self._model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1)
        pooled = hidden[:, 0] if self.pooling == "cls" else (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        found: Vectors = torch.nn.functional.normalize(pooled.float(), dim=-1).numpy()
        return found


@dataclass(frozen=True)
class VectorStore:
    """Vectors of one encoder in one folder: ``hashes.txt`` and ``vectors.npy``, a row a text, and ``index.usearch``."""

    folder: Path

    @classmethod
    def at(cls, root: Path, encoder_id: str) -> VectorStore:
        """The folder of an encoder below ``root``; no id from outside becomes a path."""
        return cls(root / hashlib.sha256(encoder_id.encode()).hexdigest()[:16])

    def vectors(self, texts: Sequence[str], encoder: Encoder | None = None) -> Vectors:
        """One row a text; what the cache lacks is encoded and added to it.

        Raises:
            WorkbenchError: some are not in the cache and there is no encoder, or the disk refuses.
        """
        known, rows = self._read()
        fresh = list(dict.fromkeys(text for text in texts if _hash(text) not in known))
        if fresh and encoder is None:
            raise WorkbenchError(f"{len(fresh):,} texts have no vectors yet.", "Let the encoder look at them first.")
        if fresh and encoder:
            added = encoder.encode(fresh)
            rows = np.concatenate([rows, added]) if len(rows) else added
            known |= {_hash(text): len(known) + i for i, text in enumerate(fresh)}
            self._write(known, rows)
        return rows[[known[_hash(text)] for text in texts]] if texts else rows[:0]

    def near(self, texts: Sequence[str], least: float, most: int = 10) -> Iterator[tuple[int, int, float]]:
        """Pairs of positions (the smaller first) whose cosine is at least ``least``, with it, from cached vectors.

        Args:
            most: neighbours of a text that are looked at.
        """
        vectors = self.vectors(texts)
        if len(vectors) < 2:
            return
        # A search for several vectors answers in batches.
        matches = cast(BatchMatches, self.index(vectors).search(vectors, min(most + 1, len(vectors)), threads=1))
        seen = set()
        for i, count in enumerate(matches.counts.tolist()):
            for j, distance in zip(
                matches.keys[i][:count].tolist(), matches.distances[i][:count].tolist(), strict=True
            ):
                pair = (min(i, j), max(i, j))
                if i != j and 1 - distance >= least and pair not in seen:
                    seen.add(pair)
                    yield *pair, 1 - distance

    def index(self, vectors: Vectors) -> Index:
        """The index of these vectors: loaded where it is that very one, else built and saved."""
        place = self.folder / "index.usearch"
        note = self.folder / "index.json"
        mark = {"sha256": hashlib.sha256(vectors.tobytes()).hexdigest(), "rows": len(vectors)}
        index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        if place.is_file() and note.is_file() and json.loads(note.read_text("utf-8")) == mark:
            index.load(str(place))
            return index
        index.add(np.arange(len(vectors)), vectors, threads=1)
        index.save(str(place))
        note.write_text(json.dumps(mark), "utf-8")
        return index

    def _read(self) -> tuple[dict[str, int], Vectors]:
        names, rows = self.folder / "hashes.txt", self.folder / "vectors.npy"
        if not names.is_file() or not rows.is_file():
            return {}, np.empty((0, 0), np.float32)
        known = {name: i for i, name in enumerate(names.read_text("utf-8").split())}
        vectors: Vectors = np.load(rows, allow_pickle=False)
        # A process that died between the two files leaves one that is longer; what both have is good.
        n = min(len(known), len(vectors))
        return {name: i for name, i in known.items() if i < n}, vectors[:n]

    def _write(self, known: dict[str, int], rows: Vectors) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = self.folder / "fresh.npy"
            np.save(fresh, rows, allow_pickle=False)
            fresh.replace(self.folder / "vectors.npy")
            names = self.folder / "hashes.tmp"
            names.write_text("\n".join(known), "utf-8")
            names.replace(self.folder / "hashes.txt")
        except OSError as error:
            raise WorkbenchError(
                f"The vectors could not be kept in {self.folder}: {error.strerror}.", "Make sure the disk has space."
            ) from error


def pooling_of(source: str) -> Pooling:
    """Mean or CLS, as a local model's own pooling config says; the mean where there is none.

    Raises:
        WorkbenchError: it asks for another kind.
    """
    config = _pooling_config(source)
    kinds = {name for name, chosen in config.items() if name.startswith("pooling_mode_") and chosen is True}
    if not kinds or kinds == {"pooling_mode_mean_tokens"}:
        return "mean"
    if kinds == {"pooling_mode_cls_token"}:
        return "cls"
    raise WorkbenchError(
        f"'{source}' pools by {', '.join(sorted(kinds))}.", "Choose an encoder that pools by mean or CLS."
    )


def _pooling_config(source: str) -> dict[str, Any]:
    place: Path | None = Path(source) / "1_Pooling" / "config.json"
    if not Path(source).is_dir():
        place = _from_hub(source, "1_Pooling/config.json")
    if place is None or not place.is_file():
        return {}
    try:
        found = json.loads(place.read_text("utf-8"))
    except ValueError as error:
        raise WorkbenchError(f"{place} is not JSON.", "Download the encoder again.") from error
    return found if isinstance(found, dict) else {}


def _from_hub(source: str, name: str) -> Path | None:
    """A file of a hub repository, or None where it has none."""
    from transformers.utils import cached_file

    found = cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return Path(found) if found else None


def _load(source: str) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModel.from_pretrained(source, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise WorkbenchError(
            f"The encoder '{source}' could not be loaded: {reason}",
            "Name a folder with config.json, safetensors weights and a tokenizer, or a hub id that can be reached.",
        ) from error
    return model.eval(), tokenizer


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

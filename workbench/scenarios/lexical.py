"""Which of many short texts nearly say the same words. Knows texts only, no scenario.

MinHash signatures (rensa) put texts that share pieces of words into the same buckets; rapidfuzz then counts the edits
of each candidate pair. Finds typos and swapped words, no paraphrases. Time and memory grow with the number of texts,
never with the square: a bucket gives each text a few neighbours only, however full templated text makes it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist
from rensa import RMinHash

SIMILARITY = 0.9
"""Share of characters that must agree: one edit in ten."""

_SLOTS, _BAND = 80, 4
"""Slots of a signature and of a band: two texts that share 80 % of their pieces meet in a band with p > .9999, 60 %
with p = .94. A typo in a request of four words leaves no more than that."""
_NEIGHBOURS = 4
"""Candidates that one bucket gives a text."""
_FEWEST_SLOTS = 30
"""Slots that two candidates must share to be compared letter by letter: about .4 of their pieces."""
_ONE_EDIT = 8
"""Texts of this many characters may differ by one edit although that is more than one in ten."""
_MOST_EDITS = 4
"""Edits that make two texts different however long they are: then a whole word is another."""
_SEED = 42
_AT_ONCE = 20_000
_PAIRS_AT_ONCE = 200_000

_NOT_WORD = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+")

Pairs = NDArray[np.int64]


def plain(text: str) -> str:
    """The words of a text in lower case with one blank between them; a text without words as it is."""
    low = unicodedata.normalize("NFKC", text).lower()
    return _NOT_WORD.sub(" ", low).strip() or low.strip()


def near_pairs(texts: Sequence[str], similarity: float = SIMILARITY) -> Pairs:
    """Pairs of positions, shape (n, 2), whose texts differ by a few letters or by the order of their words.

    Numbers are values: texts that name different numbers are never near, however alike they are.

    Args:
        texts: each as ``plain`` gives it, no two equal.
        similarity: 1 minus the edits (letters added, dropped, changed, two swapped) a character, 0 to 1; four edits
            at most, so that long requests in which one word is another are not near.
    """
    if len(texts) < 2:
        return np.empty((0, 2), np.int64)
    signatures = _signatures(texts)
    numbers = _number_keys(texts)
    found = _verified(texts, _distinct(np.concatenate([*_candidates(signatures, numbers)])), similarity)
    return np.stack([found // len(texts), found % len(texts)], axis=1)


def is_near(one: str, other: str, similarity: float = SIMILARITY) -> bool:
    """Whether two texts, each as ``plain`` gives it, are equal or near."""
    if _numbers(one) != _numbers(other):
        return False
    return one == other or bool(_near([one], [other], similarity)[0])


def most_similar(text: str, others: Sequence[str], limit: int, least: float) -> list[tuple[int, float]]:
    """Positions and likeness (0 to 1, whatever the order of words) of the texts that are the most alike, best first."""
    scores = [(i, _likeness(text, other)) for i, other in enumerate(others)]
    return sorted(((i, score) for i, score in scores if score >= least), key=lambda one: (-one[1], one[0]))[:limit]


def _likeness(one: str, other: str) -> float:
    direct = OSA.normalized_similarity(one, other)
    return max(direct, OSA.normalized_similarity(_sorted(one), _sorted(other)))


def _signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """One row of MinHash slots a text."""
    rows = np.empty((len(texts), _SLOTS), np.uint32)
    for start in range(0, len(texts), _AT_ONCE):
        hashes, offsets = _pieces(texts[start : start + _AT_ONCE])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, _SLOTS, _SEED)
        rows[start : start + _AT_ONCE] = matrix.to_rows()
    return rows


def _pieces(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hashes of all runs of two and three letters, one text after the other, and where each text begins.

    Words are taken with a blank on both sides and no run spans two words, so that their order does not matter.
    """
    letters = np.frombuffer("".join(f" {text} " for text in texts).encode("utf-32-le", "surrogatepass"), "<u4")
    codes = letters.astype(np.uint64)
    before, middle, after = codes[:-2], codes[1:-1], codes[2:]
    inner = np.repeat(middle != ord(" "), 2)
    # Each letter stands for the run of three around it and the run of two that it ends.
    runs = np.stack([(before << 42) ^ (middle << 21) ^ after, (before << 21) ^ middle], axis=1).reshape(-1)
    ends = np.cumsum(np.fromiter((len(text) + 2 for text in texts), np.int64, len(texts)))
    so_far = np.concatenate([[0, 0], np.cumsum(inner[::2]), [0]]) * 2
    offsets = so_far[np.concatenate([[0], ends[:-1], [ends[-1] - 1]])]
    return _mixed(runs[inner]), offsets.astype(np.uint64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each value spread over 64 bits: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))


def _candidates(signatures: NDArray[np.uint32], numbers: NDArray[np.int64]) -> Iterator[Pairs]:
    """Coded pairs (first * n + second) that share a bucket and enough slots, those of one band at a time."""
    keys = _band_keys(signatures)
    # The low byte of a slot tells nearly as much as all four, in a quarter of the memory that is walked through.
    low = (signatures & 0xFF).astype(np.uint8)
    for band in range(len(keys)):
        # Those that agree in the next band, too, stand side by side: the likeliest neighbours in a full bucket.
        order = np.lexsort((keys[(band + 1) % len(keys)], keys[band]))
        pairs = _neighbours(keys[band][order], order)
        yield pairs[_worth_comparing(pairs, low, numbers)]


def _distinct(values: Pairs) -> Pairs:
    """Sorted, each once. (numpy's own ``unique`` hashes, which takes many times as long here.)"""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def _band_keys(signatures: NDArray[np.uint32]) -> list[NDArray[np.uint64]]:
    keys = []
    for start in range(0, _SLOTS, _BAND):
        slots = signatures[:, start : start + _BAND].astype(np.uint64)
        key = np.zeros(len(slots), np.uint64)
        for column in range(_BAND):
            key = _mixed(key ^ slots[:, column])
        keys.append(key)
    return keys


def _neighbours(sorted_keys: NDArray[np.uint64], order: NDArray[np.int64]) -> Pairs:
    n = len(order)
    found = [np.empty(0, np.int64)]
    for lag in range(1, min(_NEIGHBOURS, n - 1) + 1):
        same = np.flatnonzero(sorted_keys[lag:] == sorted_keys[:-lag])
        if not len(same):
            break
        first, second = order[same], order[same + lag]
        found.append(np.minimum(first, second) * n + np.maximum(first, second))
    return np.concatenate(found)


def _worth_comparing(pairs: Pairs, slots: NDArray[np.uint8], numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    n = len(slots)
    ones, others = pairs // n, pairs % n
    worth = numbers[ones] == numbers[others]
    for start in range(0, len(pairs), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        same = slots[ones[part]] == slots[others[part]]
        # Eight slots at a time: each byte of the sum counts a tenth of them, the product adds the bytes up.
        eights = same.view(np.uint64).sum(axis=1)
        worth[part] &= (eights * np.uint64(0x0101010101010101)) >> np.uint64(56) >= _FEWEST_SLOTS
    return worth


def _verified(texts: Sequence[str], pairs: Pairs, similarity: float) -> Pairs:
    """Those of the coded pairs that are near letter by letter."""
    n, kept = len(texts), [np.empty(0, np.int64)]
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        part = pairs[start : start + _PAIRS_AT_ONCE]
        ones, others = [texts[i] for i in part // n], [texts[i] for i in part % n]
        kept.append(part[_near(ones, others, similarity)])
    return np.concatenate(kept)


def _near(ones: Sequence[str], others: Sequence[str], similarity: float) -> NDArray[np.bool_]:
    lengths = np.maximum([len(one) for one in ones], [len(other) for other in others])
    share = np.minimum((1 - similarity) * lengths + 1e-6, _MOST_EDITS)
    allowed = np.maximum(share, (lengths >= _ONE_EDIT) * (similarity < 1))
    edits = cpdist(ones, others, scorer=OSA.distance, dtype=np.int32)
    swapped = cpdist([*map(_sorted, ones)], [*map(_sorted, others)], scorer=OSA.distance, dtype=np.int32)
    near: NDArray[np.bool_] = np.minimum(edits, swapped) <= allowed
    return near


def _sorted(text: str) -> str:
    return " ".join(sorted(text.split()))


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(sorted(_NUMBER.findall(text)))


def _number_keys(texts: Sequence[str]) -> NDArray[np.int64]:
    """A key a text; equal where the texts name the same numbers."""
    keys: dict[tuple[str, ...], int] = {}
    return np.fromiter((keys.setdefault(_numbers(text), len(keys)) for text in texts), np.int64, len(texts))

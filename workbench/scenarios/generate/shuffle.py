"""A seeded order of the numbers below n that needs no list of them: n may be astronomical."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

ROUNDS = 4


def shuffled(n: int, key: str) -> Iterator[int]:
    """Each number from 0 to n - 1 once, in an order that ``key`` decides.

    A Feistel network permutes the numbers of the next even count of bits; those that are too large are passed through
    it again until they fit (cycle walking, Black and Rogaway 2002).
    """
    half = max((max(n - 1, 1).bit_length() + 1) // 2, 1)
    for number in range(n):
        yield _walk(number, n, half, key)


def _walk(number: int, n: int, half: int, key: str) -> int:
    while True:
        number = _permuted(number, half, key)
        if number < n:
            return number


def _permuted(number: int, half: int, key: str) -> int:
    left, right = number >> half, number & ((1 << half) - 1)
    for turn in range(ROUNDS):
        digest = hashlib.blake2b(f"{key}|{turn}|{right}".encode(), digest_size=half // 8 + 1).digest()
        left, right = right, left ^ (int.from_bytes(digest, "big") & ((1 << half) - 1))
    return left << half | right

"""Which split a scenario falls on. Stable: knows the request alone, never the rest of the data set."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from workbench.records import Scenario, Split

TRAIN_PERCENT = 70
VALIDATION_PERCENT = 10

_DIGITS = re.compile(r"\d+")
_PUNCTUATION = re.compile(r"[\W_]+")


def normalise(request: str) -> str:
    """The request in lower case, runs of digits as ``0``, runs of punctuation and blanks as one blank."""
    text = unicodedata.normalize("NFKC", request).lower()
    return _PUNCTUATION.sub(" ", _DIGITS.sub("0", text)).strip()


def split_of(scenario: Scenario) -> Split:
    """The pinned split, or 70 % train, 10 % validation, 20 % test by a hash of the normalised request.

    Requests that differ only in case, numbers or punctuation fall on the same side.
    """
    if scenario.split is not None:
        return scenario.split
    digest = hashlib.sha256(normalise(scenario.request).encode("utf-8", "surrogatepass")).digest()
    percent = int.from_bytes(digest[:8], "big") % 100
    if percent < TRAIN_PERCENT:
        return "train"
    return "validation" if percent < TRAIN_PERCENT + VALIDATION_PERCENT else "test"

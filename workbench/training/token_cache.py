"""Tokens of scenarios, kept on disk from run to run, so that a second run starts at once.

One folder a context: dialect, tokenizer, toolset with its prompt profile, and the code that writes prompts. In it
files of tokens, never changed once they are there, mapped into memory and found by the content of a scenario. A file
is written under a temporary name and renamed, so processes may share a folder, and a torn file is never seen under a
final name. What cannot be read is made again; what cannot be written is not kept. Knows no model and no loss.

Format of a file: one int32 array of NumPy. ``MARK``, number of rows n and of heads h, CRC-32 of what follows; n digests
of 4 numbers; the ends of h heads; n rows of head, end of the tail and end of the reply; then the tokens: heads, and
each row's tail and reply. A prompt is its head and its tail: a head is a beginning that many prompts share.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from workbench import dialects, records
from workbench.dialects import Dialect
from workbench.inference import tokens as tokenizing
from workbench.inference.prefixes import group_by_prefix
from workbench.records import Scenario, Toolset, canonical_json
from workbench.scenarios import messages

MOST_BYTES = 512 << 20
MOST_FILES = 1000
"""What all contexts may take together; the files not used for longest go first."""
MARK = 0x544F4B31
STALE_SECONDS = 3600.0
"""Age from which a temporary file has no writer any more."""
_HEAD, _DIGEST, _ROW = 4, 4, 3

Numbers = NDArray[np.int32]
logger = logging.getLogger(__name__)


class Tokens(NamedTuple):
    """One scenario in token ids."""

    prompt: tuple[int, ...]
    reply: tuple[int, ...]


Make = Callable[[Sequence[Scenario]], Sequence[Tokens]]
"""Makes the tokens of scenarios, in their order."""


@dataclass
class TokenCache:
    """The kept tokens of one context.

    Attributes:
        folder: where its files are.
        made, found: how many scenarios were made into tokens, and how many were there already.
    """

    folder: Path
    made: int = 0
    found: int = 0
    _known: dict[bytes, tuple[_File, int]] = field(default_factory=dict)

    @classmethod
    def open(cls, root: Path, toolset: Toolset, dialect: Dialect, tokenizer: PreTrainedTokenizerBase) -> TokenCache:
        """The kept tokens under ``root``; files that cannot be read are removed."""
        cache = cls(root / "tokens" / context_key(toolset, dialect, tokenizer))
        for path in sorted(cache.folder.glob("*.npy")):
            cache._take(path)
        return cache

    def tokens(self, scenarios: Sequence[Scenario], make: Make) -> list[Tokens]:
        """The tokens of scenarios, in their order; those that are not there are made and kept."""
        digests = [digest(scenario) for scenario in scenarios]
        missing = {key: at for at, key in enumerate(digests) if key not in self._known}
        self.made += len(missing)
        self.found += sum(key not in missing for key in digests)
        made = dict(zip(missing, make([scenarios[at] for at in missing.values()]), strict=True)) if missing else {}
        found = [made[key] if key in made else self._read(key) for key in digests]
        if made:
            self._keep(made)
        return found

    def _read(self, key: bytes) -> Tokens:
        file, row = self._known[key]
        return file.read(row)

    def _take(self, path: Path) -> None:
        try:
            file = _File.open(path)
            self._known |= {key: (file, row) for row, key in enumerate(file.digests)}
            os.utime(path)
        except (OSError, ValueError, EOFError) as error:
            logger.warning("the kept tokens %s cannot be read (%s); they are made again", path, error)
            # Who may not delete it makes the same tokens under the same name.
            with contextlib.suppress(OSError):
                path.unlink()

    def _keep(self, made: dict[bytes, Tokens]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take(_write(self.folder, made))
            _sweep(self.folder.parent)
        except OSError as error:
            # A full disk must not end a run that could go on without.
            logger.warning("the tokens cannot be kept in %s: %s", self.folder, error)


def context_key(toolset: Toolset, dialect: Dialect, tokenizer: PreTrainedTokenizerBase) -> str:
    """A hash of all that decides on a scenario's tokens beside the scenario: the code, too, for it may be mended."""
    found = hashlib.sha256(canonical_json([dialect.name, toolset.to_dict()]).encode())
    found.update(tokenizer.backend_tokenizer.to_str().encode())
    sources = [
        *(path for package in (dialects, records) for path in Path(package.__path__[0]).glob("*.py")),
        *(Path(str(module.__file__)) for module in (messages, tokenizing)),
    ]
    for path in sorted(sources):
        found.update(path.read_bytes())
    return found.hexdigest()[:24]


def digest(scenario: Scenario) -> bytes:
    """16 bytes that stand for the content of a scenario; an edit gives it others."""
    return hashlib.sha256(canonical_json(scenario.to_dict()).encode()).digest()[: 4 * _DIGEST]


@dataclass(frozen=True)
class _File:
    """One file, mapped into memory."""

    numbers: Numbers
    rows: int
    heads: int

    @classmethod
    def open(cls, path: Path) -> _File:
        """Raises OSError and ValueError when it is no such file, or only a part of one."""
        numbers = np.load(path, mmap_mode="r", allow_pickle=False)
        if numbers.dtype != np.int32 or numbers.ndim != 1 or len(numbers) < _HEAD or numbers[0] != MARK:
            raise ValueError("not a file of tokens")
        found = cls(numbers, int(numbers[1]), int(numbers[2]))
        if zlib.crc32(numbers[_HEAD:].data) != int(numbers[3]) & 0xFFFFFFFF:
            raise ValueError("damaged")
        return found

    @property
    def start(self) -> int:
        """Where the tokens begin."""
        return _HEAD + (_DIGEST + _ROW) * self.rows + self.heads

    @property
    def ids(self) -> Numbers:
        return self.numbers[self.start :]

    @cached_property
    def ends(self) -> list[int]:
        """Where among the tokens each piece ends: the heads, then each row's tail and reply."""
        index = self.numbers[_HEAD + _DIGEST * self.rows : self.start]
        return [*index[: self.heads].tolist(), *index[self.heads :].reshape(-1, _ROW)[:, 1:].ravel().tolist()]

    @cached_property
    def digests(self) -> list[bytes]:
        raw, size = self.numbers[_HEAD : _HEAD + _DIGEST * self.rows].tobytes(), 4 * _DIGEST
        return [raw[at : at + size] for at in range(0, len(raw), size)]

    @cached_property
    def beginnings(self) -> list[tuple[int, ...]]:
        return [self._piece(i) for i in range(self.heads)]

    def read(self, row: int) -> Tokens:
        head = int(self.numbers[_HEAD + _DIGEST * self.rows + self.heads + _ROW * row])
        piece = self.heads + 2 * row
        return Tokens(self.beginnings[head] + self._piece(piece), self._piece(piece + 1))

    def _piece(self, number: int) -> tuple[int, ...]:
        return tuple(self.ids[self.ends[number - 1] if number else 0 : self.ends[number]].tolist())


def _write(folder: Path, made: dict[bytes, Tokens]) -> Path:
    """A new file with these tokens; its name tells its content. Raises OSError."""
    rows = list(made.values())
    groups = group_by_prefix([one.prompt for one in rows])
    head_of = {at: (number, group.length) for number, group in enumerate(groups) for at in group.members}
    heads = [rows[group.members[0]].prompt[: group.length] for group in groups]
    pieces = [*heads, *(piece for at, one in enumerate(rows) for piece in (one.prompt[head_of[at][1] :], one.reply))]
    ends = np.cumsum([len(piece) for piece in pieces])
    places = np.empty((len(rows), _ROW), np.int32)
    places[:, 0] = [head_of[at][0] for at in range(len(rows))]
    places[:, 1:] = ends[len(heads) :].reshape(-1, 2)
    index = np.concatenate([np.frombuffer(b"".join(made), np.int32), ends[: len(heads)], places.ravel()])
    ids = np.concatenate([np.asarray(piece, np.int32) for piece in pieces])
    body = np.concatenate([index, ids]).astype(np.int32)
    head = np.array([MARK, len(rows), len(heads), zlib.crc32(body.data)], np.uint32).view(np.int32)
    path = folder / f"{hashlib.sha256(b''.join(made)).hexdigest()[:24]}.npy"
    fresh = folder / f".{path.stem}.{os.getpid()}.tmp"
    try:
        with fresh.open("wb") as file:
            np.save(file, np.concatenate([head, body]), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


def _sweep(root: Path) -> None:
    """Delete what was not used for longest until the rest fits, and what killed writers left. Raises OSError."""
    for path in root.glob("*/.*.tmp"):
        if time.time() - path.stat().st_mtime > STALE_SECONDS:
            path.unlink(missing_ok=True)
    found = sorted(((path.stat(), path) for path in root.glob("*/*.npy")), key=lambda one: -one[0].st_mtime)
    total = 0
    for number, (stat, path) in enumerate(found, 1):
        total += stat.st_size
        if total > MOST_BYTES or number > MOST_FILES:
            path.unlink(missing_ok=True)

"""Files as text: encodings, line numbers, limits, and the beginning by which a format is recognised. Knows no format.

UTF-8 and UTF-16 with or without a byte order mark are read. Compressed files are refused by their first bytes and
never unpacked, so that no small file can fill the memory.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

from workbench.errors import WorkbenchError

PROBE_BYTES = 1 << 20
MAX_LINE = 16 << 20
"""Characters of the longest line that is taken in."""
MAX_DOCUMENT = 256 << 20
"""Bytes of the largest file that is one JSON document and must be in memory as a whole."""
BROKEN_BYTES = "\udcff"
"""Stands for bytes that are not text; half of a character, so that no honest text holds it."""

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip (or a spreadsheet)",
    b"PK\x05\x06": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7-Zip",
}
_KEY = re.compile(r'"((?:[^"\\]|\\.){1,60})"\s*:')
_SAMPLE = 50
CONTAINERS = ("scenarios", "examples", "data", "conversations", "tools", "test_vectors", "vectors")
"""Keys under which a JSON document holds its rows."""
_MARKS = {"messages", "request", "question", "conversation", "input", "user_content", "ground_truth"}
"""Keys that only a row has."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return BROKEN_BYTES, error.end


codecs.register_error("workbench.mark", _mark)


@dataclass(frozen=True)
class Source:
    """A file to read, and what the person said about it.

    Attributes:
        toolset: the toolset of rows that name none.
        columns: for tables, the column by the field that it fills; see ``columns``.
        seen: is told the bytes read so far, for progress.
    """

    path: Path
    toolset: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    seen: Callable[[int], None] | None = None

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class Head:
    """How a file begins.

    Attributes:
        text: its first characters, decoded.
    """

    path: Path
    text: str

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    @cached_property
    def value(self) -> Any:
        """The JSON document that the file is, or the first line that is a JSON object; None where there is neither."""
        lines = [line for line in self.text.split("\n", _SAMPLE)[:_SAMPLE] if line.strip()]
        values = [json_or_none(line) for line in lines]
        if not self.text.lstrip().startswith(("[", "{")):
            document = None
        elif len(self.text) < PROBE_BYTES // 4 or self.path.stat().st_size <= PROBE_BYTES:
            document = json_or_none(self.text)
        else:
            document = json_or_none(read_text(self.path)) if not values or values[0] is None else None
        return document if document is not None else next((v for v in values if isinstance(v, dict)), None)

    @cached_property
    def row(self) -> Mapping[str, Any]:
        """The first row: a line, an entry of a list, or an entry of a list that an object holds."""
        value = self.value
        if isinstance(value, dict) and not _MARKS & value.keys():
            value = next(
                (inner for key, inner in value.items() if key in CONTAINERS and isinstance(inner, list)), value
            )
        rows = value if isinstance(value, list) else [value]
        return next((row for row in rows if isinstance(row, dict)), {})

    @cached_property
    def keys(self) -> frozenset[str]:
        """Keys of the first row; all that occur at the beginning where no row can be read."""
        if self.value is None and self.text.lstrip().startswith(("[", "{")):
            return frozenset(_KEY.findall(self.text[: 1 << 16]))
        return frozenset(self.row)


def open_bytes(path: Path) -> IO[bytes]:
    """The file, open for reading; WorkbenchError where that is not possible."""
    try:
        return path.open("rb")
    except OSError as error:
        raise WorkbenchError(f"Cannot read {path}: {error.strerror}.", "Choose a file that you may read.") from error


def read_head(path: Path) -> Head:
    """How the file begins.

    Raises:
        WorkbenchError: it cannot be read, is empty, or is compressed.
    """
    with open_bytes(path) as file:
        raw = file.read(PROBE_BYTES)
    if not raw.strip():
        raise WorkbenchError(f"{path.name} is empty.", "Choose a file with scenarios or tools.")
    for magic, kind in _COMPRESSED.items():
        if raw.startswith(magic):
            hint = "Unpack it first and choose the file inside; save a spreadsheet as CSV."
            raise WorkbenchError(f"{path.name} is compressed ({kind}).", hint)
    return Head(path, codecs.getincrementaldecoder(encoding_of(raw))("workbench.mark").decode(raw).lstrip("\ufeff"))


def encoding_of(raw: bytes) -> str:
    """``utf-8-sig``, or the kind of UTF-16 that the first bytes show."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: text in Latin letters has a zero in every other byte.
    pairs = raw[:200]
    if len(pairs) >= 4 and pairs[1::2].count(0) > len(pairs) // 3 and pairs[::2].count(0) == 0:
        return "utf-16-le"
    if len(pairs) >= 4 and pairs[::2].count(0) > len(pairs) // 3 and pairs[1::2].count(0) == 0:
        return "utf-16-be"
    return "utf-8-sig"


@contextmanager
def open_text(path: Path, newline: str = "\n") -> Iterator[io.TextIOWrapper]:
    """The file as text; bytes that are none come as ``BROKEN_BYTES``."""
    with open_bytes(path) as file:
        encoding = encoding_of(file.read(200))
        file.seek(0)
        with io.TextIOWrapper(file, encoding=encoding, errors="workbench.mark", newline=newline) as text:
            yield text


def read_text(path: Path) -> str:
    """The whole file. Raises WorkbenchError when it is larger than ``MAX_DOCUMENT``."""
    if path.stat().st_size > MAX_DOCUMENT:
        raise WorkbenchError(
            f"{path.name} is one JSON document of more than {MAX_DOCUMENT >> 20} MB.",
            "Write it as JSONL, one row a line: such a file may be of any size.",
        )
    with open_text(path) as file:
        return file.read()


def text_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line with its end; of an endless line its first ``MAX_LINE`` + 1 characters."""
    with open_text(source.path) as file:
        line = 0
        while text := file.readline(MAX_LINE + 1):
            line += 1
            yield line, text
            while len(text) > MAX_LINE and not text.endswith("\n"):
                text = file.readline(MAX_LINE + 1)
            if source.seen and line % 500 == 0:
                source.seen(bytes_read(file))


def bytes_read(file: io.TextIOWrapper) -> int:
    """How far into the file its reader is. (The text's own ``tell`` is refused while lines are taken from it.)"""
    return cast(io.BufferedReader, file.buffer).tell()


def json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

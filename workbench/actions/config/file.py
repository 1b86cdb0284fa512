"""A TOML file, and the line that says a thing in it. Knows nothing of what settings there are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import Problem, WorkbenchError

MAX_BYTES = 64 * 1024
KeyPath = Sequence[str | int]
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


@dataclass(frozen=True)
class ConfigFile:
    """A file that was read.

    Attributes:
        name: its path, or what else it is known by.
        text: empty where there is none, such as for a variable of the environment.
    """

    name: str
    text: str
    data: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """Raises WorkbenchError where the file cannot be read, or is no TOML."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            hint = "Name a file that is there with --config, or leave it out."
            raise WorkbenchError(f"Cannot read the settings in {path}: {error.strerror}.", hint) from error
        if len(raw) > MAX_BYTES:
            raise WorkbenchError(f"{path} is larger than {MAX_BYTES >> 10} KB: no file of settings.", "Shorten it.")
        try:
            return cls.parse(str(path), raw.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise WorkbenchError(f"{path} is not UTF-8 text.", "Save the file as UTF-8.") from error

    @classmethod
    def parse(cls, name: str, text: str) -> ConfigFile:
        """Raises WorkbenchError with the line where the text is no TOML."""
        try:
            return cls(name, text, tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            found = _AT_LINE.search(str(error))
            # At its end the file is at its last line.
            line = int(found[1]) if found else len(text.splitlines()) or 1
            said = _AT_LINE.sub("", str(error)).removesuffix("(at end of document)").strip()
            problem = Problem(f"is no TOML: {said}", line=line, file=name)
            raise WorkbenchError(str(problem), 'Texts stand in quotes: key = "text". See docs/config.md.') from error

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """What is wrong with the value at a path."""
        return Problem(message, _spelled(path), self.line(path), self.name, hint)

    def place(self, path: KeyPath) -> str:
        """File and line that say a thing."""
        return ":".join(str(part) for part in (self.name, self.line(path)) if part)

    def line(self, path: KeyPath) -> int:
        """The line, counted from 1, where what stands at a path begins; 0 where there is no such text.

        The file is read line by line until the path is there: whatever way of writing TOML allows, the statement that
        brought it begins behind the last line up to which the text was whole.
        """
        lines, whole = self.text.splitlines(keepends=True), 0
        for count in range(1, len(lines) + 1):
            try:
                data = tomllib.loads("".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue
            if _holds(data, path):
                return whole + 1
            whole = count
        return 0


def _holds(data: Any, path: KeyPath) -> bool:
    for part in path:
        if isinstance(part, int):
            if not isinstance(data, list) or len(data) <= part:
                return False
        elif not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def _spelled(path: KeyPath) -> str:
    """``models[0].id``"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")

"""The one exception that doors show to people. Everything else is a bug and keeps its traceback."""

from __future__ import annotations

from dataclasses import dataclass


class WorkbenchError(Exception):
    """Something a person can put right.

    Args:
        message: what is wrong, one sentence.
        hint: what to do about it, one sentence; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one piece of input, precise enough to find and mend it.

    Attributes:
        message: what is wrong.
        field: JSON path or column, such as ``expected[0].arguments.host``; empty when it concerns the whole row.
        line: 1-based line of the file; 0 when it did not come from a file.
        file: name of the file; empty when it did not come from a file.
        hint: what to do.
    """

    message: str
    field: str = ""
    line: int = 0
    file: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part)
        head = " ".join(part for part in (place, self.field) if part)
        return f"{head}: {self.message}" if head else self.message

    def to_dict(self) -> dict[str, object]:
        return {
            "file": self.file,
            "line": self.line,
            "field": self.field,
            "message": self.message,
            "hint": self.hint,
        }

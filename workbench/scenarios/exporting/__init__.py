"""Scenarios become files: one short writer a format, the inverse of the reader of the same name.

``jsonl`` and ``csv`` carry a scenario whole. ``chat`` cannot carry ``accept``, ``optional`` and ``rules`` of expected
calls; see its module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from workbench.errors import WorkbenchError
from workbench.records import Scenario, Toolset
from workbench.scenarios.cells import defuse
from workbench.scenarios.exporting import chat_jsonl, csv_file, own_jsonl

__all__ = ["SUFFIXES", "WRITERS", "defuse", "write"]

WRITERS: dict[str, Callable[[Iterable[Scenario], Toolset], Iterator[str]]] = {
    "jsonl": own_jsonl.write,
    "chat": chat_jsonl.write,
    "csv": csv_file.write,
}
SUFFIXES = {"jsonl": ".jsonl", "chat": ".chat.jsonl", "csv": ".csv"}


def write(scenarios: Iterable[Scenario], toolset: Toolset, format: str) -> Iterator[str]:
    """The file piece by piece, each piece with its line end; write it as UTF-8 with ``newline=""``.

    Args:
        format: ``jsonl``, ``chat`` or ``csv``.

    Raises:
        WorkbenchError: an unknown format.
    """
    if format not in WRITERS:
        raise WorkbenchError(f"'{format}' is not an export format.", f"Choose one of {', '.join(WRITERS)}.")
    return WRITERS[format](scenarios, toolset)

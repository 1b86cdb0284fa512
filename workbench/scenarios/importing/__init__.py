"""Files become scenarios or tools: ``detect`` says which format a file has, ``read`` streams its rows.

One short reader a format. Bad rows become problems with line and field, good rows are kept. Knows no store: with
``toolset_of`` a caller has each scenario checked against its toolset, too.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from workbench.errors import Problem, WorkbenchError
from workbench.records import Scenario, Toolset
from workbench.scenarios.importing import chat_jsonl, cli_knowledge, csv_file, own_jsonl, python_module, tools_json
from workbench.scenarios.importing.rows import Row, open_bytes
from workbench.scenarios.importing.tool_files import ToolsFile
from workbench.scenarios.validate import check_scenario

Format = Literal["jsonl", "chat", "csv", "tools", "cli", "python"]
Kind = Literal["scenarios", "tools"]
ToolsetOf = Callable[[str], Toolset | None]

READERS: dict[str, Callable[[Path, str], Iterator[Row]]] = {
    "jsonl": own_jsonl.read,
    "chat": chat_jsonl.read,
    "csv": csv_file.read,
}
TOOL_READERS: dict[str, Callable[[Path, str], ToolsFile]] = {
    "tools": tools_json.read,
    "cli": cli_knowledge.read,
    "python": python_module.read,
}
PROBE_BYTES = 1 << 20


def kind_of(format: str) -> Kind:
    """What a file of this format holds."""
    return "tools" if format in TOOL_READERS else "scenarios"


def detect(path: Path) -> Format:
    """The format of a file, by its name and how it begins.

    Raises:
        WorkbenchError: it cannot be read, is empty, or is nothing known.
    """
    with open_bytes(path) as file:
        head = file.read(PROBE_BYTES)
    if not head.strip():
        raise WorkbenchError(f"{path.name} is empty.", "Choose a file with scenarios or tools.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise WorkbenchError(f"{path.name} is UTF-16 text.", "Save the file as UTF-8.")
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
    if path.suffix.lower() in (".csv", ".tsv"):
        return "csv"
    if path.suffix.lower() == ".py":
        return "python"
    if format := _format_of_lines(text) or _format_of_document(path, text):
        return format
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return "jsonl"  # nothing to go by: its reader says line by line what is wrong
    if {"request", "expected"} <= set(_header_cells(text)):
        return "csv"
    raise WorkbenchError(
        f"{path.name} is in no format that can be read.",
        "Use JSONL or CSV with scenarios, chat JSONL with messages and tools, or a JSON list of tools.",
    )


def read(
    path: Path, toolset_name: str = "", format: str = "", toolset_of: ToolsetOf | None = None
) -> Iterator[Scenario | Problem]:
    """The scenarios of a file and the problems of its bad rows, in the order of the file.

    Args:
        toolset_name: the toolset of rows that name none.
        format: what ``detect`` says, when that is known already.
        toolset_of: finds a toolset by name; with it each scenario is checked against its toolset.

    A row without an id gets one from its content. An id that was used on an earlier line is a problem.

    Raises:
        WorkbenchError: the file cannot be read, or holds tools.
    """
    return (row.item for row in read_rows(path, toolset_name, format, toolset_of))


def read_rows(
    path: Path, toolset_name: str = "", format: str = "", toolset_of: ToolsetOf | None = None
) -> Iterator[Row]:
    """Like ``read``, each item with the line where its row begins."""
    name = format or detect(path)
    if name not in READERS:
        raise WorkbenchError(f"{path.name} holds no scenarios but {kind_of(name)}.", "Import it as a toolset.")
    rows = _unique(READERS[name](path, toolset_name), path)
    return rows if toolset_of is None else _checked(rows, path, toolset_of)


def read_toolset(path: Path, toolset_name: str = "", format: str = "") -> Toolset:
    """The toolset of a tools file, or the tools that a chat file declares.

    Args:
        toolset_name: its name where the file has none; the file's own name by default.

    Raises:
        WorkbenchError: the file cannot be read, or declares no tools.
    """
    name = format or detect(path)
    if name == "chat":
        return chat_jsonl.read_toolset(path, toolset_name)
    return read_tools(path, toolset_name, name).toolset


def read_tools(path: Path, toolset_name: str = "", format: str = "") -> ToolsFile:
    """The toolset of a tools file, and what in the file could not become a tool.

    Raises:
        WorkbenchError: the file cannot be read, or holds no tools.
    """
    name = format or detect(path)
    if name not in TOOL_READERS:
        hint = "Choose a JSON list of tools in OpenAI form, a Python module or a CLI knowledge base."
        raise WorkbenchError(f"{path.name} declares no tools.", hint)
    return TOOL_READERS[name](path, toolset_name)


def rejected(path: Path, problems: Iterable[Problem], format: str = "") -> Iterator[bytes]:
    """The rows with problems exactly as they stand in the file (after a CSV's header), to be mended and imported again.

    Yields raw lines with their line ends.
    """
    name = format or detect(path)
    starts = sorted({row.line for row in READERS[name](path, "")})
    bad = {problem.line for problem in problems}
    keep = name == "csv"  # the header
    next_start = iter([*starts, 0])
    start = next(next_start)
    # Lines are counted as the reader counts them: for CSV a lone carriage return ends one, too.
    newline = "" if name == "csv" else "\n"
    with io.TextIOWrapper(open_bytes(path), encoding="utf-8", errors="surrogateescape", newline=newline) as file:
        for line, text in enumerate(file, 1):
            if line == start:
                keep = line in bad or (name == "csv" and line == 1)
                start = next(next_start)
            if keep:
                yield text.encode("utf-8", errors="surrogateescape")


def _unique(rows: Iterable[Row], path: Path) -> Iterator[Row]:
    """The rows, with a problem in place of each scenario whose id has been used."""
    first_line: dict[str, int] = {}
    for row in rows:
        if isinstance(row.item, Scenario):
            first = first_line.setdefault(row.item.id, row.line)
            if first != row.line:
                message = f"the id '{row.item.id}' is used on line {first} already"
                hint = "Give one of the rows another id, or remove it."
                yield Row(row.line, Problem(message, "id", row.line, path.name, hint))
                continue
        yield row


def _checked(rows: Iterable[Row], path: Path, toolset_of: ToolsetOf) -> Iterator[Row]:
    """The rows, with problems in place of each scenario that does not fit its toolset."""
    known: dict[str, Toolset | None] = {}
    for row in rows:
        if isinstance(row.item, Problem):
            yield row
            continue
        name = row.item.toolset
        if name not in known:
            known[name] = toolset_of(name)
        toolset = known[name]
        if toolset is None:
            missing = Problem(f"there is no toolset '{name}'", "toolset", hint="Import the toolset first.")
        problems = check_scenario(row.item, toolset) if toolset else [missing]
        for problem in problems:
            yield Row(row.line, Problem(problem.message, problem.field, row.line, path.name, problem.hint))
        if not problems:
            yield row


def _format_of_lines(text: str) -> Format | None:
    """The format of the first line that is a JSON object of a known kind."""
    for line in text.split("\n", 50)[:50]:
        data = _json_or_none(line)
        if isinstance(data, dict) and "messages" in data:
            return "chat"
        if isinstance(data, dict) and ("request" in data or "expected" in data):
            return "jsonl"
        if format := _tools_format(data):
            return format
    return None


def _format_of_document(path: Path, text: str) -> Format | None:
    """The format of a file that is one JSON document over many lines."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    with open_bytes(path) as file:
        data = _json_or_none(file.read().removeprefix(codecs.BOM_UTF8))
    return _tools_format(data)


def _tools_format(data: Any) -> Format | None:
    if cli_knowledge.is_knowledge(data):
        return "cli"
    return "tools" if tools_json.is_tools(data) else None


def _json_or_none(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _header_cells(text: str) -> list[str]:
    header = text.splitlines()[0]
    return [cell.strip().strip('"').lower() for cell in header.split(csv_file.delimiter_of(header))]

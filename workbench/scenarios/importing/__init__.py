"""Files become scenarios, tools or prompts: ``detect`` says which format a file has, ``read_rows`` streams its rows.

One short module a format with ``matches(head)`` and ``read``; the tables below name them, in the order in which they
are tried. A row that cannot be read becomes a problem with line and field; good rows are kept. Knows no store: with
``toolset_of`` a caller has each scenario checked against its toolset, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Literal

from workbench.errors import Problem, WorkbenchError
from workbench.records import Scenario, Toolset
from workbench.scenarios.importing import (
    bfcl_answers,
    bfcl_json,
    caro_json,
    chat_jsonl,
    cli_knowledge,
    columns,
    csv_file,
    openai_jsonl,
    openhoof_jsonl,
    own_jsonl,
    pcai_scenarios,
    pcai_vectors,
    prompt_md,
    python_module,
    table_json,
    tools_json,
    tuning_lab_csv,
)
from workbench.scenarios.importing.bfcl_answers import bundle, with_answers
from workbench.scenarios.importing.files import Source, read_head
from workbench.scenarios.importing.prompt_md import Prompt
from workbench.scenarios.importing.rows import COMMENT, Row
from workbench.scenarios.importing.tool_files import ToolsFile
from workbench.scenarios.importing.toolboxes import Toolbox, offered_by
from workbench.scenarios.validate import check_scenario

__all__ = ["FORMATS", "READERS", "Prompt", "Row", "Source", "Toolbox", "bundle", "detect"] + [
    "columns_in",
    "count_answers",
    "kind_of",
    "offered_by",
    "read",
    "read_prompt",
    "read_rows",
    "read_tools",
    "read_toolset",
    "rejected",
    "with_answers",
]

Kind = Literal["scenarios", "tools", "prompt", "answers"]
ToolsetOf = Callable[[str], Toolset | None]

READERS: dict[str, ModuleType] = {
    "openai": openai_jsonl,
    "chat": chat_jsonl,
    "bfcl": bfcl_json,
    "pcai": pcai_scenarios,
    "caro": caro_json,
    "openhoof": openhoof_jsonl,
    "pcai-vectors": pcai_vectors,
    "tuning-lab": tuning_lab_csv,
    "csv": csv_file,
    "jsonl": own_jsonl,
    "table": table_json,
}
"""Readers of scenarios: ``read(source)`` yields rows."""
TOOL_READERS: dict[str, ModuleType] = {"cli": cli_knowledge, "python": python_module, "tools": tools_json}
"""Readers of tools: ``read(path, toolset_name)`` gives a toolset, and what could not become a tool."""
FORMATS: dict[str, ModuleType] = {
    "prompt": prompt_md,
    "bfcl-answers": bfcl_answers,
    **{name: READERS[name] for name in ("openai", "chat", "bfcl", "pcai", "caro", "openhoof", "pcai-vectors")},
    **TOOL_READERS,
    **{name: READERS[name] for name in ("tuning-lab", "csv", "jsonl", "table")},
}
"""Every format in the order in which it is tried."""
BARE = ("chat", "csv", "jsonl", "table")
"""Formats that carry where a scenario comes from; rows of the others come from their file."""
COLUMN_FORMATS = ("csv", "table")
"""Formats that need to be told which column fills which field."""


def kind_of(format: str) -> Kind:
    """What a file of this format holds."""
    if format in TOOL_READERS:
        return "tools"
    return "prompt" if format == "prompt" else "answers" if format == "bfcl-answers" else "scenarios"


def detect(path: Path) -> str:
    """The format of a file, by its name and how it begins.

    Raises:
        WorkbenchError: it cannot be read, is empty or compressed, or is nothing known.
    """
    head = read_head(path)
    for name, module in FORMATS.items():
        if module.matches(head):
            return name
    if head.suffix in (".jsonl", ".ndjson"):
        return "jsonl"  # nothing to go by: its reader says line by line what is wrong
    raise WorkbenchError(
        f"{path.name} is in no format that can be read.",
        "Use JSONL or CSV with scenarios, chat JSONL with messages and tools, or a JSON list of tools.",
    )


def read(
    path: Path, toolset_name: str = "", format: str = "", toolset_of: ToolsetOf | None = None
) -> Iterator[Scenario | Problem]:
    """The scenarios of a file and all problems, in the order of the file.

    Args:
        toolset_name: the toolset of rows that name none.
        format: what ``detect`` says, when that is known already.
        toolset_of: finds a toolset by name; with it each scenario is checked against its toolset.

    A row without an id gets one from its content. An id that was used on an earlier line is a problem.

    Raises:
        WorkbenchError: the file cannot be read, or holds tools.
    """
    rows = read_rows(Source(path, toolset_name), format)
    return _items(rows if toolset_of is None else _checked(rows, path, toolset_of))


def read_rows(source: Source, format: str = "") -> Iterator[Row]:
    """The rows of a file. Raises WorkbenchError as ``read`` does."""
    name = format or detect(source.path)
    if name not in READERS:
        kind = kind_of(name) if name in FORMATS else f"'{name}', which is no format"
        raise WorkbenchError(f"{source.name} holds no scenarios but {kind}.", "Choose a file with scenarios.")
    return _unique(READERS[name].read(source), source.name)


def read_toolset(path: Path, toolset_name: str = "", format: str = "") -> Toolset:
    """The toolset of a tools file, or the tools that the rows of a file declare.

    Args:
        toolset_name: its name where the file has none; the file's own name by default.

    Raises:
        WorkbenchError: the file cannot be read, or declares no tools.
    """
    name = format or detect(path)
    if name in TOOL_READERS:
        return read_tools(path, toolset_name, name).toolset
    box = Toolbox(toolset_name or path.stem, ())
    if name in READERS:
        for row in READERS[name].read(Source(path, toolset_name)):
            box.add(row.tools or ())
    made = [toolset for toolset in box.toolsets() if toolset.tools]
    if not made:
        hint = "Import the tools from a file of their own first: a JSON list of tools in OpenAI form."
        raise WorkbenchError(f"{path.name} declares no tools.", hint)
    return made[0]


def read_tools(path: Path, toolset_name: str = "", format: str = "") -> ToolsFile:
    """The toolset of a tools file, and what in the file could not become a tool.

    Raises:
        WorkbenchError: the file cannot be read, or holds no tools.
    """
    name = format or detect(path)
    if name not in TOOL_READERS:
        hint = "Choose a JSON list of tools in OpenAI form, a Python module or a CLI knowledge base."
        raise WorkbenchError(f"{path.name} declares no tools.", hint)
    found: ToolsFile = TOOL_READERS[name].read(path, toolset_name)
    return found


def read_prompt(path: Path, name: str = "") -> Prompt:
    """The system prompt in a Markdown file. Raises WorkbenchError where it is not text."""
    return prompt_md.read(path, name)


def columns_in(source: Source, format: str) -> tuple[list[str], dict[str, str]]:
    """The columns of a table, and the one that fills each field. Raises WorkbenchError where it cannot be read."""
    if format not in COLUMN_FORMATS:
        return [], {}
    head = read_head(source.path)
    cells = csv_file.first_cells(head.text) if format == "csv" else list(head.row)
    names = [
        name for name in dict.fromkeys(cell.strip().lower() if format == "csv" else cell for cell in cells) if name
    ]
    return names, columns.choose(names, source.columns)[0]


def count_answers(path: Path) -> tuple[int, Path | None]:
    """How many possible answers a file of BFCL holds, and the file of questions that lies in its place, if any."""
    return bfcl_answers.count(path), bfcl_answers.questions_of(path)


def rejected(path: Path, format: str = "", source: Source | None = None) -> Iterator[bytes]:
    """The rows that cannot be read as they stand in the file (after a CSV's header), each behind a line that says why.

    The readers pass over these lines, so that the file can be mended and imported again. It is UTF-8.
    """
    for row in read_rows(source or Source(path), format):
        text = row.text if row.text.endswith("\n") or not row.text else f"{row.text}\n"
        if isinstance(row.item, Problem):
            place = f"{row.item.field}: " if row.item.field else ""
            reason = f"{COMMENT}{row.line}: {place}{row.item.message} {row.item.hint}".rstrip()
            yield f"{' '.join(reason.split())}\n{text}".encode("utf-8", "backslashreplace")
        elif row.item is None:
            yield text.encode("utf-8", "backslashreplace")


def _unique(rows: Iterable[Row], name: str) -> Iterator[Row]:
    """The rows; a scenario whose id has been used gets another one, and says so."""
    first_line: dict[str, int] = {}
    for row in rows:
        if isinstance(row.item, Scenario):
            first = first_line.setdefault(row.item.id, row.line)
            if first != row.line:
                other = f"{row.item.id}-line-{row.line}"
                message = f"the id '{row.item.id}' is used on line {first} already"
                hint = f"It was taken in as '{other}'. Give it an id of its own, or remove it."
                problem = Problem(message, "id", row.line, name, hint)
                yield replace(row, item=replace(row.item, id=other), problems=(*row.problems, problem))
                continue
        yield row


def _items(rows: Iterable[Row]) -> Iterator[Scenario | Problem]:
    for row in rows:
        yield from row.problems
        if row.item is not None:
            yield row.item


def _checked(rows: Iterable[Row], path: Path, toolset_of: ToolsetOf) -> Iterator[Row]:
    """The rows; of a scenario that does not fit its toolset only the problems are left."""
    known: dict[str, Toolset | None] = {}
    for row in rows:
        if not isinstance(row.item, Scenario):
            yield row
            continue
        name = row.item.toolset
        if name not in known:
            known[name] = toolset_of(name)
        toolset = known[name]
        missing = Problem(f"there is no toolset '{name}'", "toolset", hint="Import the toolset first.")
        problems = check_scenario(row.item, toolset) if toolset else [missing]
        placed = tuple(replace(problem, line=row.line, file=path.name) for problem in problems)
        yield replace(row, problems=(*row.problems, *placed), item=None if problems else row.item)

"""Tables as scenarios: which column fills which field, and what a cell means there. Knows no file format.

The fields are those of ``cells.COLUMNS``, and ``tool`` with ``arguments`` in place of ``expected``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.errors import Problem
from workbench.records import NO_TOOL, RecordError
from workbench.scenarios.cells import COLUMNS, split_tags
from workbench.scenarios.importing.rows import call_from, parse_cell

FIELDS = (*COLUMNS, "tool", "arguments")
OTHER_NAMES = {
    "request": ("user prompt", "user_prompt", "prompt", "query", "user_query", "utterance", "instruction", "text")
    + ("user_content", "user_message", "user", "input", "question"),
    "expected": ("calls", "answers", "expected_calls"),
    "tool": ("tool name", "tool_name", "function", "function_name", "name"),
    "arguments": ("tool arguments", "tool_arguments", "tool args", "tool_args", "args", "parameters"),
    "os": ("platform", "operating_system"),
    "reasoning": ("thinking", "rationale"),
}
"""What other programs call the columns, tried in this order where the field's own name is no column."""
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
_CALL_HINT = f'Write JSON, such as [{{"name": "tool", "arguments": {{}}}}], or {NO_TOOL}.'


def guess(names: Iterable[str]) -> dict[str, str]:
    """The column for each field that has one, by the columns' names."""
    by_name = {name.strip().lower(): name for name in names}
    found = {field: by_name[field] for field in FIELDS if field in by_name}
    for field, others in OTHER_NAMES.items():
        taken = set(found.values())
        free = (by_name[other] for other in others if other in by_name and by_name[other] not in taken)
        if field not in found and (column := next(free, None)) is not None:
            found[field] = column
    return found


def choose(names: Iterable[str], wanted: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """The column for each field, as the person wants it or else guessed, and what is wrong with that."""
    names = list(names)
    known = {name.strip().lower(): name for name in names}
    problems = [Problem(f"'{field}' is not a field", field, hint=_fields()) for field in wanted if field not in FIELDS]
    chosen = {field: column for field, column in guess(names).items() if field not in wanted}
    for field, column in wanted.items():
        if column and column.strip().lower() not in known:
            problems.append(Problem(f"there is no column '{column}'", field, hint=f"Columns: {', '.join(names)}."))
        elif column:
            chosen[field] = known[column.strip().lower()]
    if "request" not in chosen:
        problems.append(Problem("the column is missing", "request", hint=_fields()))
    if "expected" not in chosen and "tool" not in chosen:
        problems.append(Problem("the column is missing", "expected", hint=_fields()))
    return chosen, problems


def passed_over(names: Iterable[str], chosen: Mapping[str, str]) -> list[Problem]:
    """A note on each column that fills no field."""
    used = set(chosen.values())
    return [
        Problem("is not a known column and was passed over", name, hint=_fields())
        for name in dict.fromkeys(names)
        if name not in used
    ]


def to_fields(cells: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    """A row in the form of ``Scenario.to_dict``; empty cells are left out. Raises RecordError with the field."""
    found = {field: cells.get(column) for field, column in chosen.items()}
    data: dict[str, Any] = {field: cell for field, cell in found.items() if cell not in ("", None)}
    for field in ("status", "split"):
        if isinstance(data.get(field), str):
            data[field] = data[field].strip().lower()
    if "id" in data and type(data["id"]) is int:
        data["id"] = str(data["id"])
    for field in ("tags", "tools"):
        if field in data:
            data[field] = _names(data[field], field)
    if "ordered" in data:
        data["ordered"] = _truth(data["ordered"])
    if "history" in data:
        data["history"] = _json(data["history"], "history")
    name, arguments = data.pop("tool", None), data.pop("arguments", None)
    if "expected" in data:
        data["expected"] = _expected(data["expected"])
    elif "tool" in chosen:
        none = name is None or (isinstance(name, str) and name.strip() in (NO_TOOL, "none", "None"))
        data["expected"] = NO_TOOL if none else [call_from(_stripped(name), arguments, "tool")]
    return data


def _fields() -> str:
    return f"Columns: {', '.join(FIELDS)}."


def _stripped(name: Any) -> Any:
    return name.strip() if isinstance(name, str) else name


def _expected(cell: Any) -> Any:
    if isinstance(cell, str) and cell.strip() == NO_TOOL:
        return NO_TOOL
    return _json(cell, "expected")


def _json(cell: Any, field: str) -> Any:
    return parse_cell(cell, field, _CALL_HINT) if isinstance(cell, str) else cell


def _names(cell: Any, field: str) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        return split_tags(cell)
    except (ValueError, RecursionError, TypeError) as error:
        raise RecordError(field, "is not a list", f"Separate {field} with ';'.") from error


def _truth(cell: Any) -> bool:
    value = cell if isinstance(cell, bool) else _TRUTH.get(str(cell).strip().lower())
    if value is None:
        raise RecordError("ordered", "must be true or false")
    return value

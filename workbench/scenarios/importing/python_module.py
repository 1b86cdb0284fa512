"""Reads tools from a Python module of typed functions with Google-style docstrings. The module is never run.

Each public function at the top level (those in ``__all__``, where that is a list of texts) becomes a tool, with the
schema that ``transformers.utils.get_json_schema`` gives for it. Types are read by ``annotations``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import Problem, WorkbenchError
from workbench.records import RecordError, Tool, Toolset
from workbench.scenarios.importing.annotations import Names, schema_of
from workbench.scenarios.importing.files import Head, open_bytes
from workbench.scenarios.importing.tool_files import ToolsFile

Function = ast.FunctionDef | ast.AsyncFunctionDef

_SECTION = re.compile(r"Args:|Returns:|Raises:")
_ENTRY = re.compile(r"([ \t]*)(\w+)(?:[ \t]*\([^)\n]*\))?:\s*(.*)")
_CHOICES = re.compile(r"\(choices:\s*(.*?)\)\s*$", re.IGNORECASE)


def matches(head: Head) -> bool:
    return head.suffix == ".py"


def read(path: Path, toolset_name: str) -> ToolsFile:
    """The tools of the module, and a problem for each function that cannot be one.

    Raises:
        WorkbenchError: the file cannot be read or is not Python, or no function in it can be a tool.
    """
    with open_bytes(path) as file:
        source = file.read()
    return from_source(source, toolset_name or path.stem, path.name)


def from_source(source: bytes | str, toolset_name: str, file: str) -> ToolsFile:
    """Like ``read``, of source text; ``file`` is what problems call it."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        reason = f"{getattr(error, 'msg', '') or error}" + (f" (line {line})" if line else "")
        raise WorkbenchError(f"{file} is not Python that can be read: {reason}.", "Mend the module first.") from error
    names = Names.of(module)
    tools: dict[str, Tool] = {}
    problems = []
    for function in _public_functions(module):
        try:
            tools[function.name] = _tool(function, names)
        except RecordError as error:
            field = f"{function.name}.{error.path}" if error.path else function.name
            problems.append(Problem(error.reason, field, function.lineno, file, error.hint))
    return ToolsFile(Toolset(toolset_name, tuple(tools.values())), tuple(problems))


def _public_functions(module: ast.Module) -> Iterator[Function]:
    exported = _exported(module)
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.name in exported if exported is not None else not node.name.startswith("_")
        ):
            yield node


def _exported(module: ast.Module) -> list[str] | None:
    """The names in ``__all__``; None where there is no such list."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            try:
                value = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            except ValueError:
                return None
            return [str(name) for name in value] if isinstance(value, (list, tuple)) else None
    return None


def _tool(function: Function, names: Names) -> Tool:
    doc = (ast.get_docstring(function) or "").strip()
    if not doc:
        raise RecordError("", "has no docstring", "Describe the function and its arguments.")
    if star := function.args.vararg or function.args.kwarg:
        raise RecordError(star.arg, "takes any number of arguments", "Name each argument.")
    described = _described(doc, [argument.arg for argument, _ in _arguments(function)])
    properties: dict[str, Any] = {}
    required = []
    for argument, has_default in _arguments(function):
        if argument.annotation is None:
            raise RecordError(argument.arg, "has no type hint", f"Write, for example, {argument.arg}: str.")
        if argument.arg not in described:
            hint = f"Add '{argument.arg}: …' under 'Args:'."
            raise RecordError(argument.arg, "is not described in the docstring", hint)
        schema = schema_of(argument.annotation, names, argument.arg)
        properties[argument.arg] = {**schema, **_description(described[argument.arg], argument.arg)}
        required += [] if has_default else [argument.arg]
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    return Tool(function.name, _SECTION.split(doc, maxsplit=1)[0].strip(), parameters, details=_return(function, names))


def _arguments(function: Function) -> list[tuple[ast.arg, bool]]:
    """Each argument in order, and whether it has a default."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    first_default = len(plain) - len(given.defaults)
    found = [(argument, i >= first_default) for i, argument in enumerate(plain)]
    found += [
        (argument, default is not None) for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    if found and found[0][0].arg in ("self", "cls") and found[0][0].annotation is None:
        return found[1:]
    return found


def _described(doc: str, arguments: list[str]) -> dict[str, str]:
    """What the section ``Args:`` says of each argument, on one line each.

    An entry begins with ``name:`` and goes on over lines that are indented deeper or begin no other entry. A type in
    parentheses after the name is passed over.
    """
    start = re.search(r"\n\s*Args:\n", doc)
    if start is None:
        return {}
    block = _SECTION.split(doc[start.end() :], maxsplit=1)[0]
    found: dict[str, str] = {}
    name, indent = "", ""
    for line in filter(str.strip, block.split("\n")):
        entry = _ENTRY.match(line)
        typed = entry is not None and line[entry.end(2)] != ":"
        begins = entry is not None and (not typed or entry[2] in arguments)
        # What follows an argument without a word of its own says what that is, unless it is another argument.
        begins = begins and entry is not None and (entry[2] in arguments or not name or bool(found[name]))
        if entry is not None and begins and not (name and line.startswith((f"{indent} ", f"{indent}\t"))):
            indent, name = entry[1], entry[2]
            found[name] = entry[3].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _description(text: str, name: str) -> Mapping[str, Any]:
    """``description``, and ``enum`` where the text ends with ``(choices: [...])``."""
    choices = _CHOICES.search(text)
    if choices is None:
        return {"description": text}
    try:
        values = json.loads(choices[1])
    except ValueError as error:
        raise RecordError(name, f"its choices are not JSON: {choices[1]}", 'Write (choices: ["a", "b"]).') from error
    if not isinstance(values, list):
        raise RecordError(name, "its choices are not a list", 'Write (choices: ["a", "b"]).')
    enum = [value.strip() if isinstance(value, str) else value for value in values]
    return {"enum": enum, "description": text[: choices.start()].strip()}


def _return(function: Function, names: Names) -> Mapping[str, Any]:
    """What the function gives back, where that can be said; a model never writes it."""
    if function.returns is None:
        return {}
    try:
        schema = schema_of(function.returns, names, "return")
    except RecordError:
        return {}  # as the reference does: a return type that no schema can tell does not hinder the tool
    doc = (ast.get_docstring(function) or "").strip()
    said = re.search(r"\n\s*Returns:\n\s*(.*?)\s*(?:Raises:|\Z)", doc, re.DOTALL)
    return {"return": {**schema, "description": said[1].strip()} if said else schema}

"""BFCL's function declarations as tools: its type names, which are Python's, Java's or JavaScript's, as JSON Schema's.

Source: the type table of the Berkeley Function Calling Leaderboard (gorilla, bfcl_eval/constants/type_mappings).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.records import RecordError, Tool

_TYPES = {
    "object": ("dict", "object", "hashmap", "hashtable", "map"),
    "number": ("float", "double", "number"),
    "integer": ("integer", "int", "long", "short", "byte", "bigint"),
    "array": ("array", "list", "tuple", "arraylist", "set", "queue", "stack"),
    "string": ("string", "char", "str"),
    "boolean": ("boolean", "bool"),
    "null": ("null", "none"),
}
_NAMES = {name: kind for kind, names in _TYPES.items() for name in names}


def to_tools(functions: Any) -> tuple[Tool, ...]:
    """The tools of a row. Raises RecordError."""
    if not isinstance(functions, list):
        functions = [functions]
    found = {tool.name: tool for tool in (_tool(row, f"function[{i}]") for i, row in enumerate(functions))}
    if len(found) < len(functions):
        raise RecordError("function", "declares a function twice", "Keep one of the declarations.")
    return tuple(found.values())


def _tool(function: Any, path: str) -> Tool:
    if not isinstance(function, dict):
        raise RecordError(path, "must be an object")
    parameters = function.get("parameters")
    return Tool.from_dict({**function, "parameters": _schema(parameters) if parameters else None}, path)


def _schema(schema: Any) -> Any:
    """The schema with JSON Schema's type names; ``any`` says nothing and goes."""
    if not isinstance(schema, Mapping):
        return schema
    out = dict(schema)
    kind = schema.get("type")
    if isinstance(kind, str):
        known = _NAMES.get(kind.lower(), kind)
        out["type"] = known
        if kind.lower() == "any":
            del out["type"]
    if isinstance(schema.get("properties"), dict):
        out["properties"] = {name: _schema(inner) for name, inner in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            out[key] = _schema(schema[key])
    return out

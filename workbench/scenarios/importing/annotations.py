"""Type hints in Python source become JSON Schema, without running the source.

The schemas are those of ``transformers.utils.get_json_schema``: basic types, ``Any``, ``Optional`` and unions,
``Literal``, ``list``, ``tuple``, ``dict``, classes of ``Enum`` and names of types that the same module defines.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.records import RecordError

_BASIC: Mapping[str, Mapping[str, str]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "list": {"type": "array"},
    "tuple": {"type": "array"},
    "dict": {"type": "object"},
    "Any": {},
}
_SCALARS = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
_TYPING = {"List": "list", "Dict": "dict", "Tuple": "tuple", "Any": "Any"} | {
    name: name for name in ("Optional", "Union", "Literal", "Annotated")
}
_ENUMS = ("Enum", "IntEnum", "StrEnum")
_SUPPORTED = "Use int, float, str, bool, Any, Literal, Optional, unions, list, tuple, dict or an Enum of this module."
MAX_DEPTH = 32


@dataclass(frozen=True)
class Names:
    """What the names of a module stand for.

    Attributes:
        types: the word of ``typing`` or the builtin that a name means, such as ``{"L": "Literal", "int": "int"}``.
        modules: names of the modules ``typing`` and ``enum``.
        aliases: types that the module defines by assignment.
        enums: values of each Enum class of the module; None where they cannot be known without running it.
    """

    types: dict[str, str] = field(
        default_factory=lambda: {name: name for name in _BASIC if name not in ("Any", "None")}
    )
    modules: set[str] = field(default_factory=set)
    aliases: dict[str, ast.expr] = field(default_factory=dict)
    enums: dict[str, list[Any] | None] = field(default_factory=dict)

    @classmethod
    def of(cls, module: ast.Module) -> Names:
        names = cls()
        for node in module.body:
            names._take(node)
        return names

    def _take(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            known = [one for one in node.names if one.name in ("typing", "typing_extensions", "enum")]
            self.modules.update(one.asname or one.name for one in known)
        elif isinstance(node, ast.ImportFrom) and node.module in ("typing", "typing_extensions", "enum"):
            for one in node.names:
                if one.name in _TYPING or one.name in _ENUMS:
                    self.types[one.asname or one.name] = _TYPING.get(one.name, one.name)
        elif isinstance(node, ast.ClassDef):
            self.types.pop(node.name, None)
            if any(self.word(base) in _ENUMS for base in node.bases):
                self.enums[node.name] = _members(node, [self.word(base) for base in node.bases])
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.aliases[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            self.aliases[node.target.id] = node.value

    def word(self, node: ast.expr) -> str:
        """The word that a name or ``typing.Name`` means; empty for anything else."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return _TYPING.get(node.attr, node.attr)
        if isinstance(node, ast.Name) and node.id not in self.aliases:
            return self.types.get(node.id, "")
        return ""


def schema_of(hint: ast.expr, names: Names, place: str, depth: int = 0) -> dict[str, Any]:
    """The schema of a type hint; ``place`` is what an error calls the argument.

    Raises:
        RecordError: a hint that no schema can tell.
    """
    if depth > MAX_DEPTH:
        raise RecordError(place, "its type refers to itself", _SUPPORTED)
    hint = _resolved(hint, names, place)
    if isinstance(hint, ast.Constant) and hint.value is None:
        return {"type": "null"}
    if isinstance(hint, ast.Name) and hint.id in names.enums:
        return _enum(_known_members(names, hint.id, place))
    if (members := _union(hint, names, place, depth)) is not None:
        return _union_schema(members, names, place, depth)
    if isinstance(hint, ast.Subscript):
        return _subscript(hint, names, place, depth)
    if (word := names.word(hint)) in _BASIC:
        return dict(_BASIC[word])
    raise RecordError(place, f"its type '{ast.unparse(hint)}' cannot be told as a schema", _SUPPORTED)


def _resolved(hint: ast.expr, names: Names, place: str) -> ast.expr:
    """The hint behind quotes, aliases and ``Annotated``."""
    for _ in range(MAX_DEPTH):
        if isinstance(hint, ast.Constant) and isinstance(hint.value, str):
            quoted = hint.value.strip()
            try:
                hint = ast.parse(quoted, mode="eval").body
            except (SyntaxError, ValueError) as error:
                raise RecordError(place, f"its type '{quoted}' is not Python", _SUPPORTED) from error
        elif isinstance(hint, ast.Name) and hint.id in names.aliases:
            hint = names.aliases[hint.id]
        elif isinstance(hint, ast.Subscript) and names.word(hint.value) == "Annotated":
            hint = _inside(hint)[0]
        else:
            return hint
    raise RecordError(place, "its type refers to itself", _SUPPORTED)


def _inside(hint: ast.Subscript) -> Sequence[ast.expr]:
    return hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]


def _union(hint: ast.expr, names: Names, place: str, depth: int) -> list[ast.expr] | None:
    """The members of a union, unions inside it opened and each member once; None for anything else."""
    if isinstance(hint, ast.BinOp) and isinstance(hint.op, ast.BitOr):
        parts: list[ast.expr] = [hint.left, hint.right]
    elif isinstance(hint, ast.Subscript) and (word := names.word(hint.value)) in ("Union", "Optional"):
        parts = [*_inside(hint), *([ast.Constant(None)] if word == "Optional" else [])]
    else:
        return None
    if depth > MAX_DEPTH:
        raise RecordError(place, "its type refers to itself", _SUPPORTED)
    members: dict[str, ast.expr] = {}
    for part in parts:
        part = _resolved(part, names, place)
        for member in _union(part, names, place, depth + 1) or [part]:
            members.setdefault(ast.dump(member), member)
    return list(members.values())


def _union_schema(members: Sequence[ast.expr], names: Names, place: str, depth: int) -> dict[str, Any]:
    solid = [one for one in members if not (isinstance(one, ast.Constant) and one.value is None)]
    schemas = [schema_of(one, names, place, depth + 1) for one in solid]
    if len(members) == 1 and not schemas:
        return {"type": "null"}
    if len(schemas) == 1:
        found = schemas[0]
    elif all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in schemas):
        kinds = sorted({schema["type"] for schema in schemas})
        found = {"type": kinds[0] if len(kinds) == 1 else kinds}
    else:
        found = {"anyOf": schemas}
    # The reference marks a union with None so, and leaves its type alone, when there is another member.
    return found if len(solid) == len(members) or len(members) == 1 else {**found, "nullable": True}


def _subscript(hint: ast.Subscript, names: Names, place: str, depth: int) -> dict[str, Any]:
    word, inside = names.word(hint.value), _inside(hint)
    if word == "Literal":
        return _enum(_literals(hint, names, place, depth))
    if word == "list":
        return {"type": "array", "items": schema_of(inside[0], names, place, depth + 1)}
    if word == "dict" and len(inside) == 2:
        return {"type": "object", "additionalProperties": schema_of(inside[1], names, place, depth + 1)}
    if word == "tuple" and len(inside) > 1 and not any(isinstance(e, ast.Constant) and e.value is ... for e in inside):
        return {"type": "array", "prefixItems": [schema_of(one, names, place, depth + 1) for one in inside]}
    hint_text = "Use list[...] for any number of values." if word == "tuple" else _SUPPORTED
    raise RecordError(place, f"its type '{ast.unparse(hint)}' cannot be told as a schema", hint_text)


def _literals(hint: ast.Subscript, names: Names, place: str, depth: int) -> list[Any]:
    """The values of a Literal, those of Literals inside it too, each once."""
    values: list[Any] = []
    for one in _inside(hint):
        one = one if isinstance(one, ast.Constant) else _resolved(one, names, place)
        if isinstance(one, ast.Subscript) and names.word(one.value) == "Literal" and depth < MAX_DEPTH:
            values += _literals(one, names, place, depth + 1)
            continue
        try:
            value = ast.literal_eval(one)
        except ValueError as error:
            raise RecordError(place, f"'{ast.unparse(one)}' is not a value of a Literal", _SUPPORTED) from error
        if type(value) not in _SCALARS:
            raise RecordError(place, f"'{ast.unparse(one)}' is no JSON value", "Use text, numbers, true or false.")
        values.append(value)
    return list({(type(value), value): value for value in values}.values())


def _enum(values: list[Any]) -> dict[str, Any]:
    kinds = list(dict.fromkeys(_SCALARS[type(value)] for value in values))
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}


def _known_members(names: Names, name: str, place: str) -> list[Any]:
    values = names.enums[name]
    if not values:
        raise RecordError(place, f"the values of {name} cannot be read", "Write each as text or a number.")
    return values


def _members(node: ast.ClassDef, bases: Sequence[str]) -> list[Any] | None:
    """Values of an Enum's members, each once; None where one is not written out."""
    values: list[Any] = []
    for line in node.body:
        targets = line.targets if isinstance(line, ast.Assign) else []
        if not (targets and all(isinstance(t, ast.Name) and not t.id.startswith("_") for t in targets)):
            continue
        try:
            value = ast.literal_eval(line.value)  # type: ignore[attr-defined]
        except ValueError:
            return None
        if type(value) not in _SCALARS or ("str" in bases and not isinstance(value, str)):
            return None
        values += [] if value in values else [value]
    return values

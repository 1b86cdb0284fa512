"""JSON Schemas made finite, so that every value that a grammar lets through ends and can be read.

A small model that is bound to a schema may write digits, characters or list entries for ever. Limits end that. They
are narrower than the schema, never wider; what no grammar can express (``not``, ``uniqueItems``) is left to the check
of the finished call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.grammars.lark import pattern

_IGNORED = ("description", "title", "default", "examples", "x-guidance", "$schema", "$id", "deprecated", "nullable")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_COMBINED = ("enum", "const", "$ref", *_LISTS)
_IMPLIED = {"properties": "object", "required": "object", "additionalProperties": "object", "items": "array"}
KEY = r"^[A-Za-z_][A-Za-z0-9_\-]{0,39}$"
"""Names where a schema leaves them free: those that every dialect can write."""
_LARGEST = 10**15 - 1
"""Every whole number up to here is one double exactly."""


@dataclass(frozen=True)
class Limits:
    """What a reply may hold at most.

    Attributes:
        text: characters of a text value.
        items: entries of a list.
        calls: calls of one reply.
    """

    text: int = 400
    items: int = 16
    calls: int = 8


def bounded(schema: Any, limits: Limits, top: bool = True) -> Any:
    """The schema with limits, without what says nothing of values.

    Objects that name properties take no others. ``top``: the arguments of a tool, which take only those that it
    names, as ``scenarios.validate.check_call`` does.
    """
    if schema is True or schema == {}:
        return free_value(limits)
    if not isinstance(schema, Mapping):
        return schema
    found = _with_bounded_parts(schema, limits)
    if "type" not in found and not any(key in found for key in _COMBINED):
        implied = next((kind for key, kind in _IMPLIED.items() if key in found), None)
        if implied is None:
            return free_value(limits) | found
        found["type"] = implied
    if top:
        found.setdefault("additionalProperties", False)
    for kind in kinds(found):
        _LIMIT.get(kind, _leave)(found, limits)
    return found


def _with_bounded_parts(schema: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """The schema with the schemas inside it bounded."""
    found = {key: value for key, value in schema.items() if key not in _IGNORED}
    for key in _MAPS:
        if isinstance(found.get(key), Mapping):
            found[key] = {name: bounded(inner, limits, False) for name, inner in found[key].items()}
    for key in _LISTS:
        if isinstance(found.get(key), (list, tuple)):
            found[key] = [bounded(inner, limits, False) for inner in found[key]]
    return found


def free_value(limits: Limits) -> dict[str, Any]:
    """Where a schema allows anything: text, a number, true or false."""
    return {
        "type": ["string", "number", "boolean"],
        "maxLength": limits.text,
        "minimum": -_LARGEST,
        "maximum": _LARGEST,
    }


def kinds(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The types that a schema names, as a tuple."""
    kind = schema.get("type", ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _limit_text(schema: dict[str, Any], limits: Limits) -> None:
    most = max(limits.text, schema.get("minLength", 0))
    schema["maxLength"] = min(schema.get("maxLength", most), most)
    if "pattern" in schema and not pattern(schema["pattern"]):
        del schema["pattern"]


def _limit_number(schema: dict[str, Any], limits: Limits) -> None:
    if "minimum" not in schema and "exclusiveMinimum" not in schema:
        top = schema.get("maximum", schema.get("exclusiveMaximum", 0))
        schema["minimum"] = min(-_LARGEST, top)
    if "maximum" not in schema and "exclusiveMaximum" not in schema:
        bottom = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        schema["maximum"] = max(_LARGEST, bottom)


def _limit_list(schema: dict[str, Any], limits: Limits) -> None:
    most = max(limits.items, schema.get("minItems", 0))
    schema["maxItems"] = min(schema.get("maxItems", most), most)
    schema["items"] = bounded(schema.get("items", True), limits, False)


def _limit_object(schema: dict[str, Any], limits: Limits) -> None:
    inner = schema.get("additionalProperties", True)
    schema["additionalProperties"] = False
    if not schema.get("properties") and not schema.get("patternProperties") and inner is not False:
        schema["patternProperties"] = {KEY: bounded(inner, limits, False)}
    if schema.get("patternProperties"):
        schema["maxProperties"] = max(
            min(schema.get("maxProperties", limits.items), limits.items), len(schema.get("properties", ()))
        )


def _leave(schema: dict[str, Any], limits: Limits) -> None:
    """Booleans and null are finite as they are."""


_LIMIT = {
    "string": _limit_text,
    "integer": _limit_number,
    "number": _limit_number,
    "array": _limit_list,
    "object": _limit_object,
}

"""Where something stands inside a call: an argument by its name, a property inside of one with dots: ``options.ttl``.

A name that has dots itself is found, too: at each level the longest name comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ABSENT = object()
"""Stands for a value that is not there."""


def members(schema: Any, key: str) -> Mapping[str, Any]:
    """The object under that key of a schema; empty where there is none, as in schemas that are ``true``."""
    found = schema.get(key) if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def value_at(value: Any, place: str) -> Any:
    """What stands at that place in the arguments of a call, or ``ABSENT``."""
    for name, rest in _splits(place):
        if isinstance(value, Mapping) and name in value:
            found = value_at(value[name], rest) if rest else value[name]
            if found is not ABSENT:
                return found
    return ABSENT


def schema_at(schema: Any, place: str) -> Any:
    """The schema of that place in the arguments of a tool, or None where it declares nothing."""
    for name, rest in _splits(place):
        properties = members(schema, "properties")
        if name in properties:
            found = schema_at(properties[name], rest) if rest else properties[name]
            if found is not None:
                return found
    return None


def is_required(schema: Any, place: str) -> bool:
    """Whether the object around the place must have it."""
    for name, rest in _splits(place):
        if not rest and isinstance(schema, Mapping) and name in schema.get("required", ()):
            return True
        if rest and is_required(members(members(schema, "properties"), name), rest):
            return True
    return False


def _splits(place: str) -> Iterator[tuple[str, str]]:
    """A name and what is behind it, the longest name first."""
    end = len(place)
    while end > 0:
        yield place[:end], place[end + 1 :]
        end = place.rfind(".", 0, end)

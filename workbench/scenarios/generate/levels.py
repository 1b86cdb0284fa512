"""The values of one JSON Schema that are worth trying: choices, boundaries, sizes. Knows no tool and no request."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

Schema = Mapping[str, Any]
Values = Mapping[str, Sequence[Any]]
MOST_LEVELS = 12
MOST_DEPTH = 5
LONGEST_TEXT = 256
MOST_ITEMS = 8
FORMATS = {
    "date": "2031-04-05",
    "time": "08:15:00Z",
    "date-time": "2031-04-05T08:15:00Z",
    "duration": "PT15M",
    "email": "mara@example.org",
    "hostname": "files.example.org",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
    "uri": "https://example.org/guide",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}
WORDS = ("example", "sample", "report-7", "notes.txt", "A1", "42", "AB", "abc", "0")
"""Texts to try when the schema names none; the later ones are for patterns that demand a code or a number."""


class Levels:
    """Values to try for the parts of one schema.

    Args:
        root: the whole schema; ``$ref`` points into it.
        values: texts to prefer, by the name of the property.
    """

    def __init__(self, root: Schema, values: Values) -> None:
        self.root = root
        self.values = values

    def of(self, schema: Any, name: str = "", depth: int = 0) -> list[Any]:
        """Distinct values that satisfy the schema, the plainest first; empty when none is known."""
        if depth > MOST_DEPTH:
            return []
        good: dict[str, Any] = {}
        check = self._validator(schema)
        for value in itertools.islice(self._candidates(schema, name, depth), 400):
            key = json.dumps(value, ensure_ascii=False)
            if key not in good and check(value):
                good[key] = value
        wanted = len(schema.get("enum", ())) if isinstance(schema, Mapping) else 0
        return list(good.values())[: max(MOST_LEVELS, wanted)]

    def _validator(self, schema: Any) -> Callable[[Any], bool]:
        # The part is checked inside the whole, so that "#/$defs/..." finds its target.
        around = {k: v for k, v in self.root.items() if k.startswith("$")}
        inside = {**around, "properties": {"value": schema}}
        validator = Draft202012Validator(inside, registry=Registry())

        def satisfies(value: Any) -> bool:
            try:
                return bool(validator.is_valid({"value": value}))
            except (SchemaError, Unresolvable, RecursionError, TypeError, ValueError):
                return False

        return satisfies

    def _candidates(self, schema: Any, name: str, depth: int) -> Iterable[Any]:
        if not isinstance(schema, Mapping):
            yield from ("example",) if schema is True else ()
            return
        schema = self._resolved(schema)
        if "const" in schema:
            yield schema["const"]
        elif isinstance(schema.get("enum"), list):
            yield from schema["enum"]
        else:
            yield from self._said(schema, name)
            yield from self._branches(schema, name, depth)
            for kind in _kinds(schema):
                yield from self._of_kind(kind, schema, name, depth)

    def _resolved(self, schema: Schema, hops: int = 0) -> Schema:
        """The schema with its local reference and its ``allOf`` put into it."""
        reference = schema.get("$ref")
        if isinstance(reference, str) and hops < MOST_DEPTH:
            target = _pointer(self.root, reference)
            beside = {k: v for k, v in schema.items() if k != "$ref"}
            return self._resolved({**target, **beside}, hops + 1) if isinstance(target, Mapping) else beside
        merged = dict(schema)
        for part in merged.pop("allOf", ()) if hops < MOST_DEPTH else ():
            if isinstance(part, Mapping):
                merged = _merged(merged, self._resolved(part, hops + 1))
        return merged

    def _said(self, schema: Schema, name: str) -> Iterable[Any]:
        """What the schema or the caller names as examples."""
        yield from self.values.get(name, ())
        if isinstance(schema.get("examples"), list):
            yield from schema["examples"]
        if "default" in schema:
            yield schema["default"]

    def _branches(self, schema: Schema, name: str, depth: int) -> Iterable[Any]:
        for key in ("anyOf", "oneOf"):
            for branch in schema.get(key, ()):
                rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf", "examples", "default")}
                both = _merged(rest, self._resolved(branch)) if isinstance(branch, Mapping) else rest
                yield from self._candidates(both, "", depth + 1) if depth < MOST_DEPTH else ()

    def _of_kind(self, kind: str, schema: Schema, name: str, depth: int) -> Iterable[Any]:
        if kind == "object":
            return self._objects(schema, depth)
        if kind == "array":
            return self._lists(schema, name, depth)
        return _SCALARS[kind](schema)

    def _lists(self, schema: Schema, name: str, depth: int) -> Iterable[list[Any]]:
        """Lists of the least and the greatest size, each with one item in turn, and one with all."""
        first = [self.of(part, "", depth + 1)[:1] for part in schema.get("prefixItems", ())]
        if not all(first):
            return
        head = [found[0] for found in first]
        items = self.of(schema.get("items", True), name, depth + 1) if "items" in schema or not head else []
        least = max(schema.get("minItems", 0) - len(head), 0)
        # Without an upper bound the longest list has each item once.
        most = max(min(schema.get("maxItems", len(head) + len(items)), max(MOST_ITEMS, least)) - len(head), least)
        singles = max(least, 1) if most else 0
        for start in range(len(items)):
            yield head + _cycle(items, start, singles)
        for size in dict.fromkeys((least, least + 1, min(len(items), most), most)):
            if least <= size <= most and size <= max(MOST_ITEMS, least):
                yield head + _cycle(items, 0, size)

    def _objects(self, schema: Schema, depth: int) -> Iterable[dict[str, Any]]:
        """Objects with what is required, then with each further property and each of its values, then with all."""
        properties = schema.get("properties", {})
        found = {key: self.of(part, key, depth + 1) for key, part in properties.items()}
        required = schema.get("required", ())
        if not all(found.get(key) for key in required):
            return
        base = {key: found[key][0] for key in properties if key in required}
        yield base
        for key, choices in found.items():
            for value in choices:
                yield {k: {**base, key: value}[k] for k in properties if k in base or k == key}
        yield {key: choices[0] for key, choices in found.items() if choices}


def _kinds(schema: Schema) -> Sequence[str]:
    """The types that the schema allows; guessed from its other words when it names none."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return (kind,) if kind in _TYPES else ()
    if isinstance(kind, list):
        return [one for one in kind if one in _TYPES]
    if "properties" in schema or "required" in schema:
        return ("object",)
    if "items" in schema or "minItems" in schema:
        return ("array",)
    if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} & schema.keys():
        return ("number",)
    return () if "anyOf" in schema or "oneOf" in schema else ("string",)


def _integers(schema: Schema) -> Iterable[int]:
    """The bounds and their neighbours inside; a few small numbers where a bound is missing."""
    low, high = _bounds(schema)
    step = schema.get("multipleOf", 1)
    step = step if isinstance(step, int) and step > 0 else 1
    start: list[int] = []
    end: list[int] = []
    if low is not None:
        first = math.ceil(low / step) * step
        start = [first, first + step, first + 4 * step]
    if high is not None:
        last = math.floor(high / step) * step
        end = [last, last - step]
    middle = [(start[0] + end[0]) // 2] if start and end else [5 * step, 2 * step, step, 10 * step]
    for value in (*start, *end, *middle):
        yield value
        yield value // step * step


def _numbers(schema: Schema) -> Iterable[float | int]:
    low, high = _bounds(schema, whole=False)
    step = schema.get("multipleOf")
    yield from _integers(schema)
    if isinstance(step, (int, float)) and step > 0:
        start = math.ceil((low or 0) / step)
        yield from (n * step for n in (start, start + 1, start + 3))
    if low is not None and high is not None:
        yield from (low, high, (low + high) / 2, low + (high - low) / 4)
    yield from (n for n in (low, high, 0.5, 2.5) if n is not None)
    yield from ((low or 0) + 0.5, (high or 1) - 0.5)


def _bounds(schema: Schema, whole: bool = True) -> tuple[float | None, float | None]:
    """Lowest and highest value, None where there is none; for whole numbers, exclusive bounds move by one."""
    words = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    known: dict[str, float] = {word: schema[word] for word in words if _is_number(schema.get(word))}
    if whole and "exclusiveMinimum" in known:
        known["exclusiveMinimum"] = math.floor(known["exclusiveMinimum"]) + 1
    if whole and "exclusiveMaximum" in known:
        known["exclusiveMaximum"] = math.ceil(known["exclusiveMaximum"]) - 1
    lows = [known[word] for word in words[:2] if word in known]
    highs = [known[word] for word in words[2:] if word in known]
    return max(lows, default=None), min(highs, default=None)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _texts(schema: Schema) -> Iterable[str]:
    """A text of its format, else plain words; then texts of the least and the greatest length."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", LONGEST_TEXT + 1)
    base = FORMATS.get(schema.get("format", ""))
    if base is not None:
        yield base
        return
    if "pattern" not in schema and most >= 1:
        yield _sized(WORDS[0], min(max(len(WORDS[0]), least), most))
    else:
        yield from WORDS
    if "minLength" in schema and 0 < least <= LONGEST_TEXT:
        yield _sized(WORDS[0], least)
    if "maxLength" in schema and 0 < most <= LONGEST_TEXT:
        yield _sized(WORDS[0], most)
    if least == 0 and most == 0:
        yield ""


def _sized(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


def _cycle(items: Sequence[Any], start: int, size: int) -> list[Any]:
    """``size`` items from ``start`` on, going round; short when there are none."""
    return [items[(start + i) % len(items)] for i in range(size)] if items else []


def _merged(one: Schema, other: Schema) -> dict[str, Any]:
    """Both at once, as far as it is easy: properties and required add up, other words of ``other`` win.

    What this gets wrong is found by the validator.
    """
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return merged


def _pointer(root: Schema, reference: str) -> Any:
    """What a local JSON pointer such as ``#/$defs/name`` points to; None when it leads nowhere."""
    if not reference.startswith("#"):
        return None
    found: Any = root
    for step in reference[1:].split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


_SCALARS: Mapping[str, Callable[[Schema], Iterable[Any]]] = {
    "string": _texts,
    "integer": _integers,
    "number": _numbers,
    "boolean": lambda schema: (True, False),
    "null": lambda schema: (None,),
}
_TYPES = (*_SCALARS, "array", "object")

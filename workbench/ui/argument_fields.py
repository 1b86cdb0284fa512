"""The fields of one argument: what was typed as the schema means it, and a value as its field shows it. Pure.

Reading never fails: text that does not fit the schema stays text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.records import canonical_json
from workbench.ui.forms import words


def argument_kind(schema: Mapping[str, Any]) -> str:
    """Which field an argument gets: choice, boolean, integer, number, choices, list, text or json."""
    items = schema.get("items") or {}
    kind = schema.get("type")
    if kind == "array":
        if not isinstance(items, Mapping) or items.get("type", "string") not in ("string", "integer", "number"):
            return "json"
        return "choices" if items.get("enum") else "list"
    if schema.get("enum"):
        return "choice"
    return {"boolean": "boolean", "integer": "integer", "number": "number", "string": "text"}.get(str(kind), "json")


def argument_value(schema: Mapping[str, Any], values: Sequence[str]) -> Any:
    """What was typed as JSON, as the schema means it; text that does not fit stays text."""
    kind = argument_kind(schema)
    if kind == "choices":
        return [_choice(schema["items"]["enum"], value) for value in values if value]
    if kind == "list":
        return _list(schema, values[-1])
    return _SCALARS[kind](schema, values[-1])


def _list(schema: Mapping[str, Any], text: str) -> Any:
    if text.strip().startswith("["):
        return as_json(text)
    kind = (schema.get("items") or {}).get("type", "string")
    return [number(word, int if kind == "integer" else float) if kind != "string" else word for word in words(text)]


def _choice(options: Sequence[Any], text: str) -> Any:
    return next((option for option in options if as_text(option) == text), text)


def number(text: str, kind: type[int] | type[float]) -> Any:
    """The number that was typed, or the text where it is none."""
    try:
        value = kind(text)
    except ValueError:
        return text
    return int(value) if math.isfinite(value) and value == int(value) else value


def as_json(text: str) -> Any:
    """What the text says as JSON, or the text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


_SCALARS: Mapping[str, Callable[[Mapping[str, Any], str], Any]] = {
    "choice": lambda schema, text: _choice(schema["enum"], text),
    "boolean": lambda schema, text: {"true": True, "false": False}.get(text, text),
    "integer": lambda schema, text: number(text, int),
    "number": lambda schema, text: number(text, float),
    "text": lambda schema, text: text,
    "json": lambda schema, text: as_json(text),
}


def argument_text(schema: Mapping[str, Any], value: Any) -> str:
    """A value as its field shows it, empty for None; ``argument_value`` reads it back."""
    if value is None:
        return ""
    kind = argument_kind(schema)
    if kind == "list" and isinstance(value, list):
        texts = [as_text(item) for item in value]
        plain = words(", ".join(texts)) == texts and not texts[0].startswith("[") if texts else False
        return ", ".join(texts) if plain else as_text(value)
    # In a JSON field, text of an untyped schema needs its quotes; text where an object belongs is a mistake to mend.
    quoted = kind == "json" and schema.get("type") not in ("object", "array")
    return json.dumps(value, ensure_ascii=False) if quoted else as_text(value)


def accepted_values(schema: Mapping[str, Any], text: str) -> tuple[Any, ...]:
    """One value a line, as the schema means it; a text argument may also have them as a JSON list."""
    kind = argument_kind(schema)
    values = as_json(text) if kind == "text" and text.strip().startswith("[") else None
    if isinstance(values, list):
        return tuple(values)
    lines = [line for line in text.split("\n") if line.strip()]
    return tuple(as_json(line) if kind == "choices" else argument_value(schema, [line]) for line in lines)


def accepted_text(schema: Mapping[str, Any], values: Sequence[Any]) -> str:
    """Values as their field shows them; ``accepted_values`` reads them back."""
    dump = argument_kind(schema) == "choices"
    text = "\n".join(json.dumps(v, ensure_ascii=False) if dump else argument_text(schema, v) for v in values)
    plain = canonical_json(list(accepted_values(schema, text))) == canonical_json(list(values))
    return text if plain else json.dumps(list(values), ensure_ascii=False)


def as_text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Checks that the readers of all records share: each names the JSON path of what is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from workbench.errors import WorkbenchError

T = TypeVar("T", bound=str)


class RecordError(WorkbenchError):
    """A record could not be read; ``path`` is the JSON path of the field at fault."""

    def __init__(self, path: str, message: str, hint: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, hint)
        self.path = path
        self.reason = message


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def plain(value: Any) -> Any:
    """A deep copy; a mapping becomes a dict."""
    return copy.deepcopy(dict(value)) if isinstance(value, Mapping) else copy.deepcopy(value)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true/false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)


def read_mapping(value: Any, path: str) -> Mapping[str, Any]:
    """The value where it is an object. Raises RecordError."""
    if not isinstance(value, Mapping):
        raise RecordError(path, f"must be an object, is {_kind(value)}")
    return value


def read_sequence(value: Any, path: str, hint: str = "") -> tuple[Any, ...]:
    """The entries of a list. Raises RecordError."""
    if not isinstance(value, (list, tuple)):
        raise RecordError(path, f"must be a list, is {_kind(value)}", hint)
    return tuple(value)


def read_text(value: Any, path: str, empty: bool = False) -> str:
    """The value where it is text; ``empty`` lets it be blank. Raises RecordError."""
    if value is None:
        raise RecordError(path, "is missing")
    if not isinstance(value, str):
        raise RecordError(path, f"must be text, is {_kind(value)}")
    if not value.strip() and not empty:
        raise RecordError(path, "is empty")
    return value


def read_choice(value: Any, choices: tuple[T, ...], path: str) -> T:
    """The value where it is one of the choices. Raises RecordError."""
    if value not in choices:
        raise RecordError(path, f"must be one of {', '.join(choices)}; is {value!r}")
    return cast(T, value)


def check_keys(value: Mapping[str, Any], keys: tuple[str, ...], path: str) -> None:
    """Raise RecordError when an object has a field beside these."""
    for key in value:
        if key not in keys:
            name = f"{path}.{key}" if path else str(key)
            raise RecordError(name, "is not a known field", f"Known fields: {', '.join(keys)}.")

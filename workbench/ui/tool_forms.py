"""What the Tools page's forms send, as records; where one is on it, as an address. Pure: knows no widget and no store.

A tool's form shows what most schemas say; whatever else a schema says is kept from the schema that the form began with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from workbench.errors import Problem
from workbench.records import PROFILE_STYLES, ProfileStyle, PromptProfile, RecordError, Tool, Toolset
from workbench.scenarios.importing.rows import parse_json
from workbench.scenarios.toolset_edits import BROKEN_CHOICES, JOININGS, BrokenChoice, Joining, ToolsetDraft
from workbench.ui import argument_fields, forms
from workbench.ui.forms import Fields, one, whole

KINDS: Mapping[str, str] = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "yes or no",
    "array:string": "list of texts",
    "array:integer": "list of whole numbers",
    "array:number": "list of numbers",
    "array": "list",
    "object": "object",
    "any": "anything",
    "other": "as its schema says",
}
"""What an argument can be, by the word the form sends."""
_KEPT = ("description", "title", "deprecated")
"""Keywords that still make sense when an argument becomes another kind."""
_COMPOUND = {"anyOf", "oneOf", "allOf", "not", "$ref", "prefixItems", "const"}


@dataclass(frozen=True)
class Shelf:
    """Where one is on the Tools page.

    Attributes:
        open: name of the tool in the editor; empty for none.
        panel: what stands beside the list: ``tool``, ``new``, ``profile``, ``versions``, ``server``, or nothing.
    """

    toolset: str = ""
    open: str = ""
    panel: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Shelf:
        opened = one(fields, "open")
        return cls(one(fields, "toolset"), opened, "tool" if opened else one(fields, "panel"))

    @property
    def query(self) -> str:
        panel = "" if self.panel == "tool" else self.panel
        return forms.address(toolset=self.toolset, open=self.open, panel=panel)

    def at(self, **changes: Any) -> Shelf:
        return replace(self, **changes)


def kind_of(schema: Mapping[str, Any]) -> str:
    """The key of ``KINDS`` that fits a schema."""
    kind, items = schema.get("type"), schema.get("items")
    if _COMPOUND & schema.keys() or isinstance(kind, list) or (kind == "object" and schema.get("properties")):
        return "other"
    if kind is None:
        return "any"
    if kind == "array" and items is not None:
        inner = f"array:{items.get('type')}" if isinstance(items, Mapping) and not _COMPOUND & items.keys() else ""
        return inner if inner in KINDS else "other"
    return kind if kind in KINDS else "other"


def choices_of(schema: Mapping[str, Any]) -> Sequence[Any]:
    """The values that an argument may have; empty where any will do."""
    items = schema.get("items")
    found = schema.get("enum") or (items.get("enum") if isinstance(items, Mapping) else None) or ()
    return found if isinstance(found, list) else ()


def choices_text(schema: Mapping[str, Any]) -> str:
    """The choices as their field shows them."""
    values = choices_of(schema)
    texts = [argument_fields.as_text(value) for value in values]
    return ", ".join(texts) if forms.words(", ".join(texts)) == texts else json.dumps(list(values), ensure_ascii=False)


def tool(fields: Fields, before: Tool) -> tuple[Tool, list[Problem]]:
    """The tool that the form says; what cannot be read stays as it was and is a problem at its field."""
    if one(fields, "mode") == "json":
        return _tool_of_json(one(fields, "json"), before)
    problems: list[Problem] = []
    properties: dict[str, Any] = {}
    required = []
    for i in _rows(fields):
        name = one(fields, f"arg.{i}.name").strip()
        if name in properties or not name:
            message = f"'{name}' stands twice" if name else "has no name"
            problems.append(Problem(message, f"arg.{i}.name", hint="Give each argument a name of its own."))
            name = name or f"argument{i + 1}"
            while name in properties:
                name += "_"
        was = before.properties.get(one(fields, f"arg.{i}.was"), {})
        properties[name] = _property(fields, i, was)
        if _is_misfit(properties[name]):
            kind = KINDS[kind_of(properties[name])]
            message = f"the default {properties[name]['default']!r} does not fit the type {kind}"
            problems.append(Problem(message, f"parameters.properties.{name}.default", hint="Write another, or none."))
        required += [name] if one(fields, f"arg.{i}.required") else []
    parameters = {**before.parameters, "type": "object", "properties": properties}
    if frozenset(required) != before.required:
        parameters["required"] = required
    described = one(fields, "description").strip()
    return replace(before, name=one(fields, "name").strip(), description=described, parameters=parameters), problems


def before(fields: Fields) -> Tool:
    """The tool that the form began with; a new one has no name yet."""
    data = parse_json(one(fields, "before"))
    function = data["function"]
    named = Tool.from_dict({**data, "function": {**function, "name": function["name"] or "unnamed"}})
    return replace(named, name=function["name"])


def tool_json(value: Tool) -> str:
    """A tool as the editor's JSON field shows it."""
    return json.dumps(value.to_dict(), ensure_ascii=False, indent=2)


def profile(fields: Fields) -> PromptProfile:
    """The prompt profile that the form says; a mode without a prompt has none of its own."""
    style = one(fields, "style")
    count = whole(fields, "prompts")
    rows = [(one(fields, f"prompt.{i}.mode").strip(), one(fields, f"prompt.{i}.text").strip()) for i in range(count)]
    system = {mode: text for mode, text in rows if mode and text}
    return PromptProfile(cast(ProfileStyle, style if style in PROFILE_STYLES else PROFILE_STYLES[0]), system)


def draft(fields: Fields) -> ToolsetDraft:
    """The draft that a preview carries, with what was chosen there. Raises RecordError when it is none."""
    found = ToolsetDraft.from_dict(parse_json(one(fields, "draft") or "null"))
    broken = one(fields, "broken")
    choice = cast(BrokenChoice, broken if broken in BROKEN_CHOICES else "")
    calls = one(fields, "rename_calls") == "yes" if found.renames else True
    return found.at(broken=choice, rename_calls=calls)


def brought(fields: Fields) -> tuple[Toolset, str, Joining]:
    """The tools that a preview carries as they came, the toolset that they are for, and how they join it."""
    how = one(fields, "how")
    joining = cast(Joining, how if how in JOININGS else "replace")
    found = Toolset.from_dict(parse_json(one(fields, "brought") or "null"))
    return found, one(fields, "into").strip() or found.name, joining


def _tool_of_json(text: str, before: Tool) -> tuple[Tool, list[Problem]]:
    try:
        return Tool.from_dict(parse_json(text)), []
    except RecordError as error:
        return before, [Problem(error.reason, "json", hint=f"{error.path}: {error.hint}".strip(": "))]


def _rows(fields: Fields) -> list[int]:
    """Indices of the arguments in the order wanted: one may be dropped or moved up, a new one comes last."""
    rows = [i for i in range(whole(fields, "args")) if one(fields, "drop") != str(i)]
    up = whole(fields, "up", -1)
    if up in rows and (place := rows.index(up)) > 0:
        rows[place - 1], rows[place] = rows[place], rows[place - 1]
    return [*rows, whole(fields, "args")] if one(fields, "add") else rows


def _property(fields: Fields, i: int, was: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one argument: what the form says over what it was."""
    kind = one(fields, f"arg.{i}.kind") or "string"
    made = dict(was)
    if kind != kind_of(was) and kind != "other":
        made = {key: value for key, value in was.items() if key in _KEPT}
        if kind != "any":
            made = {"type": kind.partition(":")[0], **made}
        if ":" in kind:
            made["items"] = {"type": kind.partition(":")[2]}
    _put(made, "description", one(fields, f"arg.{i}.description").strip())
    if kind != "other":
        _put_choices(made, kind, one(fields, f"arg.{i}.enum").strip())
        typed = one(fields, f"arg.{i}.default")
        _put(made, "default", argument_fields.argument_value(made, [typed]) if typed.strip() else "")
    return made


def _is_misfit(schema: Mapping[str, Any]) -> bool:
    """Does the default hold text that could not be read as what the argument is?"""
    return isinstance(schema.get("default"), str) and kind_of(schema) not in ("string", "any", "other")


def _put(schema: dict[str, Any], key: str, value: Any) -> None:
    if value == "" and isinstance(value, str):
        schema.pop(key, None)
    else:
        schema[key] = value


def _put_choices(schema: dict[str, Any], kind: str, text: str) -> None:
    if text == choices_text(schema):
        return
    inner = {"type": kind.partition(":")[2] or kind}
    values = argument_fields.argument_value({"type": "array", "items": inner if inner["type"] != "any" else {}}, [text])
    if ":" in kind:
        schema["items"] = {**schema.get("items", {})}
        _put(schema["items"], "enum", values if text else "")
    else:
        _put(schema, "enum", values if text else "")

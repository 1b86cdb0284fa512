"""The Tools page's forms: what they show comes back, what they do not show is kept."""

import json

import pytest

from tests.small_workspace import PING
from workbench.records import PromptProfile, Tool
from workbench.scenarios.toolset_edits import ToolsetDraft
from workbench.ui import argument_fields, tool_forms
from workbench.ui.views.tools import parameter_rows, type_text

RICH = Tool(
    "rich",
    "Everything.",
    {
        "$defs": {"x": {"type": "string"}},
        "type": "object",
        "properties": {
            "a": {"type": "string", "pattern": "^x", "description": "A."},
            "b": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "c": {"type": "string", "enum": ["one", "two, three"], "default": "one"},
            "d": {"type": "array", "items": {"type": "string", "enum": ["p", "q"]}},
            "e": {"type": "array", "items": {"type": "number"}, "minItems": 1},
            "f": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/x"}], "default": 1},
            "g": {"type": "object", "properties": {"h": {"type": "string"}}},
            "h": {"type": "boolean", "default": False},
            "i": {"type": ["string", "null"]},
            "j": {"enum": [1, "x"]},
            "k": {"type": "array"},
        },
        "required": ["a", "c"],
        "additionalProperties": False,
    },
    {"mapping": {"x": 1}},
    {"strict": True},
)


def fields_of(tool):
    """What a browser sends of the form that shows a tool."""
    fields = {"name": [tool.name], "description": [tool.description], "args": [str(len(tool.properties))]}
    for i, (name, schema) in enumerate(tool.properties.items()):
        kind = tool_forms.kind_of(schema)
        shown = kind != "other"
        row = {
            "name": name,
            "was": name,
            "kind": kind,
            "description": schema.get("description", ""),
            "enum": tool_forms.choices_text(schema) if shown and tool_forms.choices_of(schema) else "",
            "default": argument_fields.argument_text(schema, schema.get("default")) if shown else "",
        } | ({"required": "yes"} if name in tool.required else {})
        fields |= {f"arg.{i}.{key}": [value] for key, value in row.items()}
    return fields


@pytest.mark.parametrize("tool", [RICH, PING], ids=lambda tool: tool.name)
def test_a_form_that_nobody_touched_changes_nothing(tool):
    found, problems = tool_forms.tool(fields_of(tool), tool)
    assert problems == [] and json.dumps(found.to_dict()) == json.dumps(tool.to_dict())


def test_what_was_typed_is_read_as_its_type():
    typed = {"arg.1.kind": ["number"], "arg.1.default": ["2.5"], "arg.1.enum": ["1, 2.5"], "arg.2.enum": [""]}
    typed |= {"arg.3.enum": ["p, r"], "arg.7.default": [""], "arg.0.name": ["first"], "arg.4.kind": ["string"]}
    found, problems = tool_forms.tool(fields_of(RICH) | typed, RICH)
    assert problems == []
    assert list(found.properties)[0] == "first" and found.required == {"first", "c"}
    assert found.properties["b"] == {"type": "number", "enum": [1, 2.5], "default": 2.5}
    assert found.properties["c"] == {"type": "string", "default": "one"}
    assert found.properties["d"]["items"] == {"type": "string", "enum": ["p", "r"]}
    assert found.properties["h"] == {"type": "boolean"} and found.properties["e"] == {"type": "string"}


def test_rows_are_added_dropped_and_moved():
    def names(**asked):
        given = {name: [value] for name, value in asked.items()}
        return list(tool_forms.tool(fields_of(PING) | given, PING)[0].properties)

    assert (names(), names(up="1"), names(drop="0")) == (["host", "count"], ["count", "host"], ["count"])
    assert names(add="1") == ["host", "count", "argument3"] and names(up="0") == ["host", "count"]


def test_what_cannot_be_read_is_a_problem_at_its_field():
    twice = {"arg.1.name": ["host"], "arg.1.default": ["many"]}
    found, problems = tool_forms.tool(fields_of(PING) | twice, PING)
    assert [p.field for p in problems] == ["arg.1.name", "parameters.properties.host_.default"]
    assert len(found.properties) == 2
    for text in ("{", "[]", '{"function": {}}', '{"name": "a", "name": "b"}'):
        found, (problem,) = tool_forms.tool({"mode": ["json"], "json": [text]}, PING)
        assert found is PING and problem.field == "json"


def test_a_new_tool_begins_without_a_name():
    fresh = Tool("", "", {"type": "object", "properties": {}})
    assert tool_forms.before({"before": [json.dumps(fresh.to_dict())]}) == fresh


def test_the_profile_and_a_draft():
    typed = {"style": ["context"], "prompts": ["3"], "prompt.0.mode": ["default"], "prompt.0.text": [" Route. "]}
    typed |= {"prompt.1.mode": ["act"], "prompt.1.text": [""], "prompt.2.mode": [""], "prompt.2.text": ["x"]}
    assert tool_forms.profile(typed) == PromptProfile("context", {"default": "Route."})
    draft = ToolsetDraft.from_dict({"toolset": {"name": "t", "tools": [PING.to_dict()]}, "renames": {"a": "b"}})
    typed = {"draft": [json.dumps(draft.to_dict())], "broken": ["draft"]}
    assert tool_forms.draft(typed) == draft.at(broken="draft", rename_calls=False)


def test_types_in_words():
    assert [type_text(schema) for schema in RICH.properties.values()] == [
        "text",
        "whole number, 1 to 9",
        "text",
        "list of texts",
        "list of numbers",
        "whole number or #/$defs/x",
        "object with h",
        "yes or no",
        "text or null",
        "anything",
        "list",
    ]
    rows = parameter_rows(RICH)
    assert rows[2] | {"description": ""} == {
        "name": "c",
        "type": "text",
        "required": True,
        "choices": ["one", "two, three"],
        "default": '"one"',
        "description": "",
    }

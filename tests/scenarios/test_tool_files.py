"""Tools files of others: what they know is kept and goes out again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.records import RecordError
from workbench.scenarios import importing
from workbench.scenarios.exporting import tools_json
from workbench.scenarios.validate import check_toolset

MAPPED = {
    "version": "1.2",
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "SearchDocs",
                "description": "Search vendor documentation.",
                "strict": True,
                "parameters": {
                    "type": "object",
                    "properties": {"query": {"type": "string"}, "n": {"type": "number", "default": 1.0}},
                    "required": ["query"],
                },
            },
            "pcai_mapping": {"cmdlet": "Invoke-DocSearch", "params": {"Query": "$query"}},
        }
    ],
}
KNOWLEDGE = {
    "metadata": {"version": "1.0.0"},
    "tools": {
        "ls": {
            "name": "ls",
            "category": "file_management",
            "description": "List directory contents",
            "availability": {"linux": {"installed_by_default": True, "confidence": 1.0}},
            "common_flags": ["-l", "-a"],
        },
        "jq": {"category": "json_processing", "description": "JSON processor", "use_cases": ["parse json"]},
    },
    "shell_builtins": {"sh": ["cd"]},
}


def written(tmp_path, name, content, encoding="utf-8"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding)
    return path


def test_a_file_with_a_bom_and_further_keys_comes_out_as_it_went_in(tmp_path):
    path = written(tmp_path, "vendor-tools.json", MAPPED, "utf-8-sig")
    assert importing.detect(path) == "tools"
    toolset = importing.read_tools(path).toolset
    assert toolset.name == "vendor-tools" and check_toolset(toolset) == []
    assert json.loads(tools_json.write(toolset, "request")) == MAPPED
    assert json.loads(tools_json.write(toolset, "openai")) == MAPPED["tools"]
    again = written(tmp_path, "again.json", tools_json.write(toolset, "toolset"))
    assert importing.read_tools(again).toolset == toolset
    with pytest.raises(WorkbenchError, match="not a form"):
        tools_json.write(toolset, "xml")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.text("abcxyz_", min_size=1, max_size=6).filter(lambda key: key not in ("type", "name"))


@given(st.dictionaries(KEYS, JSON_VALUES, max_size=3), st.dictionaries(KEYS, JSON_VALUES, max_size=3))
def test_whatever_stands_beside_a_tool_survives(outside, inside):
    function = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}, **inside}
    rows = [{"type": "function", "function": function, **outside}]
    assert json.loads(tools_json.write(importing.tools_json.from_value(rows, "x"))) == rows


def test_a_knowledge_base_of_programs(tmp_path):
    path = written(tmp_path, "cli_tools.json", json.dumps(KNOWLEDGE, indent=1))
    assert importing.detect(path) == "cli" and importing.kind_of("cli") == "tools"
    toolset = importing.read_tools(path, "shell").toolset
    assert (toolset.name, toolset.tool_names, toolset.profile.style) == ("shell", ("ls", "jq"), "context")
    assert check_toolset(toolset) == []
    ls, jq = toolset.tools
    assert "-l, -a" in ls.properties["flags"]["description"] and set(jq.properties) == {"flags", "operands"}
    assert ls.extra["cli"]["availability"] == KNOWLEDGE["tools"]["ls"]["availability"]
    assert toolset.extra == {"cli": {"metadata": {"version": "1.0.0"}, "shell_builtins": {"sh": ["cd"]}}}


@pytest.mark.parametrize("entry", [{"category": "x"}, {"category": "x", "description": 3}])
def test_a_program_without_a_description_is_told(tmp_path, entry):
    path = written(tmp_path, "k.json", {"tools": {"ls": entry}})
    with pytest.raises(RecordError, match=r"tools\.ls\.description") as caught:
        importing.read_tools(path)
    assert caught.value.hint


@pytest.mark.parametrize("key", ["inputSchema", "input_schema"])
def test_tools_as_other_programs_list_them(tmp_path, key):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    rows = {"tools": [{"name": "add", "description": "Adds.", key: schema, "annotations": {"title": "Add"}}]}
    path = written(tmp_path, "list.json", rows)
    assert importing.detect(path) == "tools"
    (tool,) = importing.read_tools(path).toolset.tools
    assert (tool.parameters, tool.extra) == (schema, {"annotations": {"title": "Add"}})


def test_scenarios_are_no_tools(tmp_path):
    path = written(tmp_path, "s.jsonl", {"request": "hi", "expected": "NO_TOOL"})
    with pytest.raises(WorkbenchError, match="declares no tools") as caught:
        importing.read_tools(path)
    assert "Python module" in caught.value.hint

"""Argument sets: each satisfies its schema, and what the schema offers is covered."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from workbench.records import Tool, ToolCall, Toolset
from workbench.scenarios.generate.arguments import argument_sets
from workbench.scenarios.generate.drafts import contexts
from workbench.scenarios.generate.schema import find_sets, say, scenarios, vectors, write_vectors
from workbench.scenarios.validate import check_call, check_scenario

NUMBERS = st.integers(-20, 20)
LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.lists(st.sampled_from(["a", "b", "c", 1, 2.5, None]), min_size=1, max_size=4, unique_by=str).map(
        lambda values: {"enum": values}
    ),
    st.builds(
        lambda kind, low, span: {"type": kind, "minimum": low, "maximum": low + span},
        st.sampled_from(["integer", "number"]),
        NUMBERS,
        st.integers(0, 9),
    ),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 1}, NUMBERS),
    st.builds(lambda step, low: {"type": "integer", "multipleOf": step, "minimum": low}, st.integers(1, 7), NUMBERS),
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 30),
        st.integers(0, 9),
    ),
    st.sampled_from(["date", "email", "ipv4", "uri", "uuid"]).map(lambda name: {"type": "string", "format": name}),
    st.just({"type": ["string", "null"]}),
    st.just({"$ref": "#/$defs/level"}),
    st.just({"const": "fixed"}),
)


def deeper(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(
            lambda items, least, more: {"type": "array", "items": items, "minItems": least, "maxItems": least + more},
            inner,
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        st.builds(lambda items: {"type": "array", "items": items, "uniqueItems": True}, inner),
        objects(inner),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"anyOf": parts}),
    )


def objects(inner: st.SearchStrategy[dict[str, Any]], most: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.sampled_from(["p", "q", "r", "s", "t"]), inner, max_size=most)
    return properties.flatmap(
        lambda found: st.sets(st.sampled_from(sorted(found)) if found else st.nothing()).map(
            lambda required: {
                "type": "object",
                "properties": found,
                "required": sorted(required),
                "additionalProperties": False,
            }
        )
    )


TREES = st.recursive(LEAVES, deeper, max_leaves=5)
TOOLS = objects(TREES, 5).map(
    lambda schema: Tool("t", "Do it.", {**schema, "$defs": {"level": {"enum": ["low", "high"]}}})
)


def tool(**properties: Any) -> Tool:
    return Tool(
        "t",
        "Do it now. Or later.",
        {"type": "object", "properties": properties, "required": ["a"] if "a" in properties else []},
    )


@given(TOOLS)
@settings(max_examples=20, deadline=None)
def test_every_set_satisfies_its_schema_and_none_comes_twice(one: Tool):
    found = argument_sets(one)
    validator = Draft202012Validator(dict(one.parameters))
    for arguments in found.sets:
        assert validator.is_valid(arguments)
        assert check_call(ToolCall("t", arguments), Toolset("x", (one,)), "") == []
    texts = [json.dumps(arguments) for arguments in found.sets]
    assert len(set(texts)) == len(texts)
    assert found == argument_sets(one)


@given(objects(LEAVES, 4))
@settings(max_examples=30, deadline=None)
def test_every_choice_and_every_optional_on_and_off_is_covered(schema: dict[str, Any]):
    one = Tool("t", "", {**schema, "$defs": {"level": {"enum": ["low", "high"]}}})
    found = argument_sets(one)
    assert found.sets and not found.uncovered
    for name, part in one.properties.items():
        given_values = [json.dumps(arguments[name]) for arguments in found.sets if name in arguments]
        for value in part.get("enum", ()):
            assert json.dumps(value) in given_values
        for bound in ("minimum", "maximum"):
            if part.get("type") == "integer" and bound in part and "multipleOf" not in part:
                assert part[bound] in [arguments.get(name) for arguments in found.sets]
        assert given_values
        assert (name in one.required) is all(name in arguments for arguments in found.sets)


def test_pairs_meet_where_all_combinations_would_be_many():
    parts = {name: {"enum": [1, 2, 3, 4]} for name in "abcde"}
    found = argument_sets(Tool("t", "", {"type": "object", "properties": parts, "required": list("abcde")}))
    pairs = {(x, s[x], y, s[y]) for s in found.sets for x in "abcde" for y in "abcde" if x < y}
    assert len(pairs) == 10 * 16 and len(found.sets) < 50


def test_lengths_sizes_and_nested_objects():
    one = tool(
        a={"type": "string", "minLength": 3, "maxLength": 12},
        b={"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 1, "maxItems": 3},
        c={"type": "object", "properties": {"d": {"type": "boolean"}, "e": {"enum": [1, 2]}}, "required": ["d"]},
    )
    sets = argument_sets(one).sets
    assert {3, 12} <= {len(s["a"]) for s in sets}
    lists = [s["b"] for s in sets if "b" in s]
    assert {1, 2, 3} <= {len(value) for value in lists} and {"x", "y"} == {item for value in lists for item in value}
    nested = [s["c"] for s in sets if "c" in s]
    assert {"d": True} in nested and {"d": False} in nested and {1, 2} <= {value.get("e") for value in nested}


def test_values_of_the_caller_and_of_the_schema_come_first():
    one = tool(a={"type": "string", "pattern": "^srv-"}, b={"type": "string", "examples": ["left", "right"]})
    found = argument_sets(one, {"a": ["srv-9", "wrong"]})
    assert {s["a"] for s in found.sets} == {"srv-9"} and {"left", "right"} <= {s.get("b") for s in found.sets}


def test_what_cannot_be_filled_is_named():
    found = argument_sets(tool(a={"type": "string", "pattern": "^srv-[0-9]{9}$"}))
    assert found.sets == () and found.uncovered == (("a", "any value"),)
    found = argument_sets(tool(a={"enum": [1]}, b={"type": "string", "pattern": "^srv-[0-9]{9}$"}))
    assert found.sets == ({"a": 1},) and found.uncovered == (("b", "any value"),)
    together = {
        "type": "object",
        "properties": {"a": {"enum": [1, 2]}, "b": {"enum": [1]}},
        "dependentRequired": {"a": ["c"]},
    }
    found = argument_sets(Tool("t", "", together))
    assert {name for name, _ in found.uncovered} == {"a"} and {} in found.sets


def test_a_schema_that_goes_round_in_circles_ends():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}
    one = Tool("t", "", {"type": "object", "properties": {"root": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}})
    assert any("root" in s for s in argument_sets(one).sets)
    self_made = Tool("t", "", {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}})
    assert argument_sets(self_made).sets == ({},)


def test_scenarios_and_vectors_say_the_same_calls():
    toolset = Toolset(
        "x", (tool(a={"enum": ["on", "off"]}, b={"type": "boolean"}), Tool("clock", "", {"type": "object"}))
    )
    found = find_sets(toolset)
    drafts = list(scenarios(toolset, found, contexts(("linux", "windows"), ("act",))))
    assert [d.outcome.label for d in drafts[:3]] == ["t", "clock", "t"]
    assert {(d.os, d.shell) for d in drafts} == {("linux", "bash"), ("windows", "powershell")}
    for made in drafts:
        assert check_scenario(made, toolset) == []
        assert (made.status, made.source, made.split) == ("draft", "generate:schema", "train")
    assert len({d.id for d in drafts}) == len(drafts) == sum(len(one.sets) for one in found)
    written = json.loads("".join(write_vectors(vectors(found))))
    assert {"tool": "t", "arguments": {"a": "on", "b": True}} in written and len(written) == len(drafts)
    assert json.loads("".join(write_vectors(iter(())))) == []
    assert (
        say(toolset.tools[0], {"sortBy": "x", "b": True, "tags": ["u", "v"]})
        == "Do it now: sort by x, b on, tags u and v"
    )
    assert say(toolset.tools[1], {}) == "clock"

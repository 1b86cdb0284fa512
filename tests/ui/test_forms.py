"""What a browser sends becomes records, and addresses lead back to where one was."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.small_workspace import CLOCK, PING, make_scenario
from workbench.records import ExpectedCall, Outcome, Scenario, Tool, Toolset
from workbench.scenarios.validate import check_scenario
from workbench.store.scenarios import ScenarioFilter
from workbench.training.settings import TrainSettings
from workbench.ui import argument_fields, scenario_form, train_form
from workbench.ui.compare_form import Bench
from workbench.ui.forms import Desk

TEXT = {"type": "string"}
CLEAN = Tool(
    "clean",
    "Delete junk.",
    {
        "type": "object",
        "properties": {
            "targets": {"type": "array", "items": {"type": "string", "enum": ["temp", "cache"]}},
            "exclude": {"type": "array", "items": TEXT},
            "level": {"type": "string", "enum": ["low", "high"]},
            "preview": {"type": "boolean"},
            "share": {"type": "number"},
            "options": {"type": "object"},
        },
        "required": ["targets"],
    },
)
TOOLSET = Toolset("small", (PING, CLOCK, CLEAN))
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


def fields(**values):
    return {name: value if isinstance(value, list) else [value] for name, value in values.items()}


def call_fields(number, name, **arguments):
    start = f"call.{number}"
    given = {f"{start}.arg.{argument}": value for argument, value in arguments.items()}
    return fields(**{f"{start}.name": name, f"{start}.was": name, **given})


def read(before=None, **values):
    return scenario_form.scenario(fields(**values), TOOLSET, before or Scenario("s", "small", "old"))


@given(WORDS, st.integers(1, 50), WORDS)
def test_an_address_leads_back_to_the_desk(text, page, tool):
    desk = Desk(ScenarioFilter(text=text, tool=tool, status="draft"), page, "s-1", 2)
    assert Desk.read(parse_qs(desk.query)) == desk


def test_a_variant_is_of_a_new_scenario_only():
    desk = Desk(open="new", like="s1")
    assert Desk.read(parse_qs(desk.query)) == desk
    assert Desk.read({"open": ["s2"], "like": ["s1"]}).like == ""
    assert desk.at(open="new").like == "" and desk.at(page=2).like == "s1"


def test_a_broken_address_is_an_ordinary_place():
    fields = {"threshold": ["900"], "by": ["moon"], "bucket": ["odd"], "figure": ["x"], "page": ["-1"]}
    assert Bench.read(fields) == Bench(threshold=100)
    assert (Bench(("a", "b", "c")).rival, Bench(("a", "b", "c"), candidate="c").confused) == ("b", "c")


def test_an_ordinary_place_has_an_empty_address():
    assert Desk().query == ""
    assert Bench().query == ""


@given(st.lists(WORDS, unique=True, max_size=3), st.booleans())
def test_an_address_leads_back_to_the_bench(models, differing):
    place = {"text": "ping", "verdict": "exact", "bucket": "both wrong", "expected": "ping", "got": "NO_TOOL"}
    look = {"candidate": "b", "figure": "tool", "threshold": 40, "by": "tag", "of": "b", "page": 3, "again": "e1"}
    bench = Bench(tuple(models), "validation", "abc", differing=differing, failed=not differing, **place, **look)
    assert Bench.read(parse_qs(bench.query)) == bench


def test_nonsense_in_an_address_is_passed_over():
    assert Desk.read(fields(page="-3", revision="x")) == Desk()
    assert Bench.read(fields(split="all", page="0")) == Bench()


@pytest.mark.parametrize(
    ("schema", "typed", "value"),
    [
        ({"type": "integer"}, ["5"], 5),
        ({"type": "integer"}, ["5.5"], "5.5"),
        ({"type": "integer"}, ["many"], "many"),
        ({"type": "number"}, ["0.5"], 0.5),
        ({"type": "number"}, ["nan"], None),
        ({"type": "boolean"}, ["false"], False),
        (TEXT, ["5"], "5"),
        (TEXT, ["<b>"], "<b>"),
        ({"type": "string", "enum": ["a", "b"]}, ["b"], "b"),
        ({"enum": [1, 2]}, ["2"], 2),
        ({"type": "array", "items": TEXT}, ["a, b ,c"], ["a", "b", "c"]),
        ({"type": "array", "items": TEXT}, ['["a, b"]'], ["a, b"]),
        ({"type": "array", "items": {"type": "integer"}}, ["1, 2"], [1, 2]),
        ({"type": "array", "items": {"type": "string", "enum": ["x", "y"]}}, ["x", "y"], ["x", "y"]),
        ({"type": "object"}, ['{"a": 1}'], {"a": 1}),
        ({"type": "object"}, ["{"], "{"),
    ],
)
def test_what_is_typed_becomes_json_or_stays_text(schema, typed, value):
    found = argument_fields.argument_value(schema, typed)
    assert found == value if value is not None else str(found) == "nan"


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_lists_come_back_as_they_were(values):
    schema = {"type": "array", "items": TEXT}
    assert argument_fields.argument_value(schema, [argument_fields.argument_text(schema, values)]) == values


@given(st.recursive(st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_values_of_any_kind_come_back_as_they_were(value):
    assert argument_fields.argument_value({}, [argument_fields.argument_text({}, value)]) == value


def test_a_form_becomes_a_scenario():
    found = read(
        request="  ping host9 twice ",
        os="linux",
        shell="zsh",
        mode="act",
        tags="short, polite",
        status="approved",
        split="test",
        outcome="one",
        calls="1",
        **call_fields(0, "ping", host="host9", count="2"),
    )
    assert found == Scenario(
        "s", "small", "ping host9 twice", Outcome((ExpectedCall("ping", {"host": "host9", "count": 2}),)),
        "linux", "zsh", "act", ("short", "polite"), status="approved", split="test",
    )  # fmt: skip
    assert not check_scenario(found, TOOLSET)


def test_arguments_that_are_not_set_are_left_out():
    given = call_fields(0, "clean", targets=["temp"], exclude="", level="", preview="", share="", options="")
    found = read(outcome="one", calls="1", **given)
    assert found.outcome.calls[0].arguments == {"targets": ["temp"]}


def test_no_tool_is_an_outcome():
    assert read(outcome="none", calls="1", **call_fields(0, "ping", host="x")).outcome.is_no_tool


def test_calls_are_added_and_dropped():
    two = {**call_fields(0, "ping", host="a"), **call_fields(1, "clock")}
    assert [call.name for call in read(outcome="several", calls="2", **two).outcome.calls] == ["ping", "clock"]
    assert [c.name for c in read(outcome="several", calls="2", add="1", **two).outcome.calls] == ["ping", "clock", ""]
    assert [c.name for c in read(outcome="several", calls="2", drop="0", **two).outcome.calls] == ["clock", ""]
    assert [call.name for call in read(outcome="one", calls="2", **two).outcome.calls] == ["ping"]
    assert read(outcome="several", calls="2", ordered="yes", **two).outcome.ordered


def test_a_value_that_does_not_fit_is_kept_for_the_checks():
    found = read(request="x", outcome="one", calls="1", **call_fields(0, "ping", host="a", count="many"))
    assert [problem.field for problem in check_scenario(found, TOOLSET)] == ["expected[0].arguments.count"]


def test_what_the_form_does_not_show_is_kept():
    call = ExpectedCall("ping", {"host": "a", "count": 2}, {"host": ("b",), "count": (3,)}, frozenset({"count"}))
    before = make_scenario(0, outcome=Outcome((call,)), source="import:x.csv")
    found = read(before, outcome="one", calls="1", **call_fields(0, "ping", host="c"))
    assert found.source == "import:x.csv"
    assert found.outcome.calls[0] == ExpectedCall("ping", {"host": "c"}, {"host": ("b",)})


def test_an_argument_that_the_tool_does_not_know_can_be_seen_and_emptied():
    kept = read(outcome="one", calls="1", **call_fields(0, "ping", host="a", hosst='"b"'))
    assert kept.outcome.calls[0].arguments == {"host": "a", "hosst": "b"}
    emptied = read(outcome="one", calls="1", **call_fields(0, "ping", host="a", hosst=""))
    assert emptied.outcome.calls[0].arguments == {"host": "a"}
    other_tool = {**call_fields(0, "clock", host="a"), "call.0.was": ["ping"]}
    assert read(outcome="one", calls="1", **other_tool).outcome.calls[0].arguments == {}


def test_a_new_scenario_follows_the_filter():
    found = scenario_form.blank(ScenarioFilter(tool="ping", os="linux", mode="act", split="test"), TOOLSET, "s-1")
    assert (found.os, found.mode, found.split, found.outcome.label) == ("linux", "act", "test", "ping")
    assert scenario_form.blank(ScenarioFilter(tool="NO_TOOL"), TOOLSET, "s-2").outcome.is_no_tool


def test_the_train_form_is_read_and_problems_are_at_their_fields():
    typed = {name: train_form.setting_text(value) for name, value in TrainSettings().to_dict().items()}
    given = {**typed, "epochs": "3", "toolset": "small", "base": "other", "other": " a/b ", "name": "n"}
    order, problems = train_form.train_order(fields(**given))
    assert not problems
    assert (order.base, order.name, order.settings) == ("a/b", "n", TrainSettings(epochs=3))
    order, problems = train_form.train_order(fields(**{**given, "epochs": "2.5", "rank": "big"}))
    assert {problem.field for problem in problems} == {"epochs", "rank"}
    assert order.typed["rank"] == "big"

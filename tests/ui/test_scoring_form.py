"""What counts as right, read from the editor's form and shown in it again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.strategies import JSON, RULES
from tests.small_workspace import CLOCK, PING, make_scenario
from workbench.records import ExpectedCall, Outcome, Rule, Toolset, canonical_json
from workbench.scenarios.validate import check_scenario
from workbench.ui import argument_fields, scenario_form, scoring_form

TOOLSET = Toolset("small", (PING, CLOCK))
SCHEMAS = [
    {"type": "string"},
    {"type": "string", "enum": ["a", "b"]},
    {"type": "integer"},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    {"type": "object"},
    {},
]


def read(before: ExpectedCall, **typed: str) -> ExpectedCall:
    """The call that the form says; ``typed`` has parts of the argument host, such as ``rule``."""
    names = {"outcome": "one", "calls": "1", "call.0.name": "ping", "call.0.was": "ping", "call.0.arg.host": "a"}
    names |= {f"call.0.{part}.host": text for part, text in {"judged": "1", **typed}.items()}
    scenario = make_scenario(0, outcome=Outcome((before,)))
    form = {name: [value] for name, value in names.items()}
    return scenario_form.scenario(form, TOOLSET, scenario).outcome.calls[0]


PLAIN = ExpectedCall("ping", {"host": "a"})


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ({}, None),
        ({"rule": ""}, None),
        ({"rule": "nonsense"}, None),
        ({"rule": "exact"}, Rule()),
        ({"rule": "case-fold"}, Rule("case-fold")),
        ({"rule": "path", "pattern": "left over"}, Rule("path")),
        ({"rule": "tolerance", "absolute": "0.5"}, Rule("tolerance", absolute=0.5)),
        ({"rule": "tolerance", "absolute": "1", "relative": "0.1"}, Rule("tolerance", 1, 0.1)),
        ({"rule": "set"}, Rule("set")),
        ({"rule": "set", "items": "path"}, Rule("set", items=Rule("path"))),
        ({"rule": "regex", "pattern": " a|b "}, Rule("regex", pattern="a|b")),
    ],
)
def test_rules_are_read(typed: dict[str, str], rule: Rule | None) -> None:
    assert read(PLAIN, **typed) == replace(PLAIN, rules={"host": rule} if rule else {})


def test_accepted_values_stand_on_lines_and_may_be_taken_away() -> None:
    assert read(PLAIN, accept="b\r\n\r\nc d\r\n").accept == {"host": ("b", "c d")}
    assert read(PLAIN, accept='["two\\nlines"]').accept == {"host": ("two\nlines",)}
    full = replace(PLAIN, accept={"host": ("b",)}, optional=frozenset(["host"]), rules={"host": Rule("path")})
    assert read(full) == PLAIN
    assert read(full, accept="b", optional="yes", rule="path") == full


def test_what_was_not_in_the_form_is_kept() -> None:
    full = replace(PLAIN, accept={"host": ("b",)}, optional=frozenset(["host"]), rules={"host": Rule("path")})
    assert read(full, judged="") == full


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"rule": "regex", "pattern": "("}, "expected[0].rules.host.pattern"),
        ({"rule": "regex", "pattern": ""}, "expected[0].rules.host.pattern"),
        ({"rule": "regex", "pattern": "b"}, "expected[0].rules.host.pattern"),
        ({"rule": "tolerance", "absolute": "much"}, "expected[0].rules.host.absolute"),
        ({"rule": "tolerance", "relative": "-1"}, "expected[0].rules.host.relative"),
        ({"rule": "tolerance"}, "expected[0].rules.host"),
        ({"rule": "set"}, "expected[0].rules.host"),
        ({"optional": "yes"}, "expected[0].optional"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(typed: dict[str, str], field: str) -> None:
    scenario = make_scenario(0, outcome=Outcome((read(PLAIN, **typed),)))
    assert field in [problem.field for problem in check_scenario(scenario, TOOLSET)]


@given(RULES)
def test_a_rule_that_is_shown_is_read_back(rule: Rule) -> None:
    shown = scoring_form.rule_fields(rule, None, "text")
    again = scoring_form.read_rule(lambda name: str(shown.get(name, "")), rule)
    wanted = replace(rule, items=None) if rule.items == Rule() else rule
    assert again == replace(wanted, pattern=wanted.pattern.strip())
    assert shown["rule"] in [value for value, _ in shown["rules"]]
    assert shown["items"] in [value for value, _ in shown["item_rules"]]


@given(st.sampled_from(SCHEMAS), st.lists(JSON, max_size=3))
def test_accepted_values_that_nobody_touched_stay(schema: dict[str, object], values: list[object]) -> None:
    text = argument_fields.accepted_text(schema, values)
    assert canonical_json(list(scenario_form._accepted(schema, text, values))) == canonical_json(values)


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=3))
def test_accepted_texts_are_read_back_from_their_field(values: list[str]) -> None:
    text = argument_fields.accepted_text({"type": "string"}, values)
    assert argument_fields.accepted_values({"type": "string"}, text) == tuple(values)

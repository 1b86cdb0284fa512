"""The strict scorer against its tables, and what its scores must not depend on."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios import scoring_tables as tables
from workbench.dialects import DIALECT_NAMES, get_dialect
from workbench.dialects.base import Dialect
from workbench.records import ExpectedCall, Outcome, Parsed, Rule, Score, ToolCall, Toolset
from workbench.scenarios.rules import matches
from workbench.scenarios.scoring import score

TOOLSET = Toolset.from_dict({"name": "net", "tools": tables.TOOLS})
FLAGS = {"T": "tool_correct", "E": "exact", "S": "schema_valid"}


def parsed(reply: Any) -> Parsed:
    if isinstance(reply, str):
        return Parsed("text", text="NO_TOOL") if reply == tables.TEXT else Parsed("malformed", reason="cut off")
    return Parsed("calls", tuple(ToolCall.from_dict(call) for call in reply))


def said(found: Score) -> str:
    return "".join(letter if getattr(found, name) else "-" for letter, name in FLAGS.items())


def rows(found: Score) -> list[str]:
    return [f"{row.call}.{row.name}={row.verdict}" for row in found.arguments]


@pytest.mark.parametrize(("expected", "got", "right"), tables.EXACT)
def test_values_are_compared_as_json(expected: Any, got: Any, right: bool) -> None:
    assert matches(Rule(), expected, got, {}) is right
    outcome = Outcome((ExpectedCall("ping", {"x": expected}),))
    found = score("s", outcome, Parsed("calls", (ToolCall("ping", {"x": got}),)), TOOLSET)
    assert found.exact is right
    assert [row.verdict for row in found.arguments] == ["match" if right else "differs"]


@pytest.mark.parametrize(("rule", "expected", "got", "right"), tables.RULED)
def test_rules(rule: Any, expected: Any, got: Any, right: bool) -> None:
    assert matches(Rule.from_value(rule), expected, got, {}) is right
    call = ExpectedCall("ping", {"x": expected}, rules={"x": Rule.from_value(rule)})
    found = score("s", Outcome((call,)), Parsed("calls", (ToolCall("ping", {"x": got}),)), TOOLSET)
    assert [row.verdict for row in found.arguments] == ["match" if right else "differs"]


@pytest.mark.parametrize(
    ("expected", "reply", "flags", "verdicts"),
    [case[1:] for case in tables.CALLS],
    ids=[case[0] for case in tables.CALLS],
)
def test_calls(expected: Any, reply: Any, flags: str, verdicts: str) -> None:
    found = score("s", Outcome.from_value(expected), parsed(reply), TOOLSET)
    assert said(found) == flags
    told = rows(found)
    assert [row for row in told if row in verdicts.split()] == verdicts.split()
    left = [row for row in told if row not in verdicts.split()]
    assert left in ([], ["0.host=match"]), "only a host that is right may go without saying"


@pytest.mark.parametrize(("expected", "reply", "flags", "verdicts"), tables.ORDERED)
def test_ordered_calls(expected: Any, reply: Any, flags: str, verdicts: str) -> None:
    found = score("s", Outcome.from_value(expected, ordered=True), parsed(reply), TOOLSET)
    assert (said(found), rows(found)) == (flags, verdicts.split())


def test_rows_tell_what_was_expected_and_what_came() -> None:
    expected = tables.expect("a", options={"ttl": 5, "label": "x"}, timeout=2)
    reply = [tables.ping("a", options={"label": "y", "z": None}, colour="red")]
    found = score("s", Outcome.from_value([expected]), parsed(reply), TOOLSET)
    assert [(row.name, row.verdict, row.expected, row.got) for row in found.arguments] == [
        ("host", "match", "a", "a"),
        ("options.ttl", "missing", 5, 64),
        ("options.label", "differs", "x", "y"),
        ("options.z", "unexpected", None, None),
        ("timeout", "missing", 2, None),
        ("colour", "unexpected", None, "red"),
    ]


# What scores must not depend on

HOSTS = st.sampled_from(["a", "A", "b", "/x/", "/x"])
VALUES = st.fixed_dictionaries(
    {"host": HOSTS},
    optional={
        "count": st.sampled_from([4, 4.0, 5, "4"]),
        "timeout": st.sampled_from([1, 1.4, 2]),
        "options": st.fixed_dictionaries({}, optional={"ttl": st.sampled_from([64, 5]), "label": HOSTS}),
        "strange": st.just(1),
    },
)
CALLS = st.lists(
    st.builds(lambda values: ToolCall("ping", values), VALUES)
    | st.builds(lambda text: ToolCall("note", {"text": text}), HOSTS),
    max_size=5,
)
RULE = st.sampled_from([Rule("case-fold"), Rule("path"), Rule("tolerance", absolute=0.5), Rule("regex", pattern="a|b")])


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    calls = []
    for call in draw(CALLS):
        names = st.sampled_from(sorted(call.arguments))
        calls.append(
            ExpectedCall(
                call.name,
                call.arguments,
                accept=draw(st.dictionaries(names, st.lists(HOSTS, max_size=1).map(tuple), max_size=1)),
                optional=draw(st.frozensets(names, max_size=1)),
                rules=draw(st.dictionaries(names, RULE, max_size=2)),
            )
        )
    return Outcome(tuple(calls), draw(st.booleans()))


def turned(value: Any, rng: random.Random) -> Any:
    """The same JSON with its keys in another order."""
    if isinstance(value, dict):
        items = [(key, turned(inner, rng)) for key, inner in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [turned(inner, rng) for inner in value] if isinstance(value, list) else value


@given(outcomes(), CALLS, st.randoms(use_true_random=False))
def test_order_of_arguments_does_not_matter(outcome: Outcome, calls: list[ToolCall], rng: random.Random) -> None:
    other = tuple(ToolCall(call.name, turned(dict(call.arguments), rng)) for call in calls)
    assert score("s", outcome, Parsed("calls", other), TOOLSET) == score(
        "s", outcome, Parsed("calls", tuple(calls)), TOOLSET
    )


@given(outcomes(), CALLS, st.randoms(use_true_random=False))
def test_order_of_calls_does_not_matter_unless_ordered(
    outcome: Outcome, calls: list[ToolCall], rng: random.Random
) -> None:
    free, other = replace(outcome, ordered=False), list(calls)
    rng.shuffle(other)
    one, two = (score("s", free, Parsed("calls", tuple(some)), TOOLSET) for some in (calls, other))
    assert one == two


@given(outcomes(), st.randoms(use_true_random=False))
def test_the_expected_calls_are_exact_in_any_order(outcome: Outcome, rng: random.Random) -> None:
    calls = [call.call for call in outcome.calls]
    assert score("s", outcome, Parsed("calls", tuple(calls)), TOOLSET).exact
    rng.shuffle(calls)
    found = score("s", replace(outcome, ordered=False), Parsed("calls", tuple(calls)), TOOLSET)
    assert found.exact and found.tool_correct and {row.verdict for row in found.arguments} <= {"match"}


@given(outcomes(), CALLS)
def test_exact_says_what_its_rows_say(outcome: Outcome, calls: list[ToolCall]) -> None:
    found = score("s", outcome, Parsed("calls", tuple(calls)), TOOLSET)
    assert found.exact == (found.tool_correct and all(row.verdict == "match" for row in found.arguments))
    assert Score.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("dialect", [get_dialect(name) for name in DIALECT_NAMES], ids=DIALECT_NAMES)
@settings(max_examples=40)
@given(outcomes(), CALLS, st.sampled_from(["", " ", "\n", "\n\n  ", "\t"]), st.sampled_from(["", " ", "\n"]))
def test_blanks_around_the_reply_do_not_matter(
    dialect: Dialect, outcome: Outcome, calls: list[ToolCall], before: str, behind: str
) -> None:
    raw = dialect.render_reply(calls, "" if calls else "NO_TOOL")
    one, two = (score("s", outcome, dialect.parse(text), TOOLSET) for text in (raw, f"{before}{raw}{behind}"))
    assert one == two


def test_there_are_enough_cases_made_by_hand() -> None:
    strict = [*tables.EXACT, *tables.RULED, *tables.CALLS, *tables.ORDERED]
    assert len(strict) >= 300 and len({repr(case) for case in strict}) == len(strict)


@given(st.lists(st.tuples(outcomes(), CALLS), max_size=6), st.randoms(use_true_random=False))
def test_neither_company_nor_order_of_scenarios_matters(pairs: list[Any], rng: random.Random) -> None:
    def scores(order: list[int]) -> dict[int, Score]:
        return {i: score(str(i), pairs[i][0], Parsed("calls", tuple(pairs[i][1])), TOOLSET) for i in order}

    order = list(range(len(pairs)))
    alone = {i: scores([i])[i] for i in order}
    rng.shuffle(order)
    assert scores(order) == alone


def test_thirty_calls_find_their_partners() -> None:
    hosts = [f"h{i}" for i in range(30)]
    outcome = Outcome(tuple(ExpectedCall("ping", {"host": host}, accept={"host": ("any",)}) for host in hosts))
    calls = [ToolCall("ping", {"host": host}) for host in [*reversed(hosts[1:]), "any"]]
    assert score("s", outcome, Parsed("calls", tuple(calls)), TOOLSET).exact
    calls[3] = ToolCall("ping", {"host": "nobody"})
    found = score("s", outcome, Parsed("calls", tuple(calls)), TOOLSET)
    assert [row.verdict for row in found.arguments].count("differs") == 1

"""Rates, intervals and slices."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.evaluation.statistics import Rate, percentile, summarise, wilson
from workbench.records import ArgumentScore, ExpectedCall, Outcome, Parsed, Reply, Scenario, Score


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilson_holds_the_rate(a: int, b: int) -> None:
    n = a + b
    found = wilson(a, n)
    assert 0 <= found.low <= found.high <= 1
    if n:
        assert found.low <= a / n <= found.high


def test_wilson_refuses_impossible_counts() -> None:
    for counts in ((2, 1), (-1, 3)):
        with pytest.raises(ValueError):
            wilson(*counts)


def test_wilson_of_nothing_says_nothing() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    assert Rate(0, 0).value is None


def test_percentile() -> None:
    assert percentile([], 0.5) is None
    assert percentile([7], 0.95) == 7
    assert percentile([1, 2, 3, 4], 0.5) == 2.5
    assert percentile([4, 1, 3, 2], 1) == 4


def case(
    name: str, expected: tuple[str, ...], parsed: Parsed, right: bool, os: str = ""
) -> tuple[Score, Reply, Scenario]:
    outcome = Outcome(tuple(ExpectedCall(tool) for tool in expected))
    return (
        Score(name, right, right, parsed.kind != "malformed"),
        Reply(name, "", parsed, 10.0, 5, 5),
        Scenario(name, "t", "do it", outcome, os=os),
    )


TEXT, CALLS, BROKEN = Parsed("text", text="NO_TOOL"), Parsed("calls"), Parsed("malformed", reason="x")


def test_summary_counts_each_thing_where_it_belongs() -> None:
    cases = [
        case("a", ("ping",), CALLS, True),
        case("b", ("ping",), TEXT, False),
        case("c", ("note",), BROKEN, False),
        case("d", (), TEXT, True),
        case("e", (), CALLS, False),
    ]
    scores, replies, scenarios = zip(*cases, strict=True)
    found = summarise(scores, reversed(replies), scenarios)
    assert found.n == 5
    assert found.tool_accuracy == Rate(2, 5)
    assert found.exact_calls == Rate(2, 5)
    assert found.malformed == Rate(1, 5)
    assert found.schema_valid == Rate(4, 5)
    assert found.no_tool_precision == Rate(1, 2)
    assert found.no_tool_recall == Rate(1, 2)
    assert found.latency_p50 == 10.0
    data = found.to_dict()
    assert data["tool_accuracy"]["value"] == 0.4
    assert set(data["malformed"]) == {"value", "successes", "n", "low", "high"}


def test_only_answered_scenarios_count() -> None:
    scores, replies, scenarios = zip(case("a", (), TEXT, True), case("b", (), TEXT, True), strict=True)
    assert summarise(scores[:1], replies, scenarios).n == 1
    assert summarise([], [], []).tool_accuracy.value is None


def test_over_calls_misses_and_arguments() -> None:
    cases = [
        case("a", ("ping",), CALLS, True),
        case("b", ("ping",), TEXT, False),
        case("d", (), TEXT, True),
        case("e", (), CALLS, False),
        case("f", (), CALLS, False),
    ]
    marks = tuple(
        ArgumentScore(0, name, verdict)
        for name, verdict in zip("abcd", ("match", "differs", "missing", "unexpected"), strict=True)
    )
    scores, replies, scenarios = zip(*cases, strict=True)
    found = summarise((replace(scores[0], arguments=marks), *scores[1:]), replies, scenarios)
    assert found.over_calls == Rate(2, 3) and found.misses == Rate(1, 2)
    assert found.argument_precision == Rate(1, 3) and found.argument_recall == Rate(1, 3)
    assert found.argument_f1 == pytest.approx(1 / 3)
    assert found.to_dict()["argument_f1"] == pytest.approx(1 / 3)


@given(st.permutations([case(str(i), ("ping",) * (i % 2), (TEXT, CALLS, BROKEN)[i % 3], i % 4 == 0) for i in range(9)]))
def test_the_order_of_scenarios_does_not_matter(cases) -> None:
    scores, replies, scenarios = zip(*cases, strict=True)
    ordered = sorted(cases, key=lambda one: one[2].id)
    assert summarise(scores, replies, scenarios) == summarise(*zip(*ordered, strict=True))

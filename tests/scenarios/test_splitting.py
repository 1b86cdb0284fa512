"""Splits are stable, and requests that say the same fall on the same side."""

from __future__ import annotations

from collections import Counter

import pytest

from workbench.records import ExpectedCall, Outcome, Scenario
from workbench.scenarios.coverage import CoverageCell, count, tools_of
from workbench.scenarios.splitting import normalise, split_of

WORDS = "file disk note log port host name user mail song cloud paper green table river stone".split()


PINNED = {"ping the router": "test", "free some space": "train", "thanks a lot": "train", "hi": "train", "???": "train"}


def scenario(request: str, **rest: object) -> Scenario:
    return Scenario("id", "desk", request, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ping 10.0.0.1!", "ping 192.168.1.20"),
        ("kill it", "Kill  it..."),
        ("open port 80", "open port 8080?"),
        ("snake_case", "snake case"),
        ("\uff30ing", "ping"),
    ],
)
def test_near_duplicates_share_a_split(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert split_of(scenario(one)) == split_of(scenario(other))


def test_splits_never_move() -> None:
    # Pinned by value: a change here would reshuffle everybody's data.
    assert {request: split_of(scenario(request)) for request in PINNED} == PINNED


def test_shares_are_70_10_20() -> None:
    requests = [f"{a} {b} {c} {d}" for a in WORDS for b in WORDS for c in WORDS for d in WORDS[:2]]
    shares = Counter(split_of(scenario(request)) for request in requests)
    assert {split: round(n / len(requests), 1) for split, n in shares.items()} == {
        "train": 0.7,
        "validation": 0.1,
        "test": 0.2,
    }


def test_a_pinned_split_wins() -> None:
    assert {split_of(scenario("x", split=split)) for split in ("train", "validation", "test")} == {
        "train",
        "validation",
        "test",
    }


def test_several_calls_count_under_each_tool_once() -> None:
    calls = tuple(ExpectedCall(name) for name in ("a", "b", "a"))
    both = scenario("x", outcome=Outcome(calls), os="linux", split="test")
    assert tools_of(both) == ("a", "b") and tools_of(scenario("x")) == ("NO_TOOL",)
    assert count([both, scenario("y", split="train")]) == [
        CoverageCell("NO_TOOL", "", "", "train", "draft", 1),
        CoverageCell("a", "linux", "", "test", "draft", 1),
        CoverageCell("b", "linux", "", "test", "draft", 1),
    ]

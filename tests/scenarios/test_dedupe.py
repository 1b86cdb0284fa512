"""Clusters, conflicts and leaks; what is held out stays held out."""

from __future__ import annotations

import pytest

from workbench.records import ExpectedCall, Outcome, Scenario, ToolCall, Turn
from workbench.scenarios.dedupe import Duplicates, Entry, find_duplicates, outcome_key, settled_split

PING, CLOCK = Outcome((ExpectedCall("ping", {"host": "a"}),)), Outcome((ExpectedCall("clock"),))


def entry(id: str, request: str, outcome: Outcome = CLOCK, split="train", **changes) -> Entry:
    return Entry.of(Scenario(id, "t", request, outcome, split=split, **changes))


def found(*entries: Entry, **options) -> Duplicates:
    return find_duplicates(entries, **options)


def test_nothing_alike():
    none = found(entry("a", "what time is it"), entry("b", "call my mother"))
    assert (none.total, none.clusters, none.duplicate_ratio) == (2, (), 0.0)
    assert found().duplicate_ratio == 0.0


def test_exact_near_and_through_others():
    one = found(
        entry("c", "tell me the time please nwo"),
        entry("b", "tell me the time please now"),
        entry("x", "ring my mother"),
        entry("a", "Tell me the time,  please now!"),
    )
    (cluster,) = one.clusters
    assert cluster.ids == ("a", "b", "c") and cluster.id == "a" and cluster.kinds == ("near",)
    assert one.duplicate_ratio == 0.5
    assert one.cluster_of["c"] is cluster and "x" not in one.cluster_of
    assert found(entry("a", "hi there"), entry("b", "Hi there!")).clusters[0].kinds == ("exact",)


def test_a_conflict_is_the_same_question_with_another_answer():
    same = found(entry("a", "check host a"), entry("b", "Check  host a.", PING))
    assert same.clusters[0].conflicts == (("a", "b"),)
    assert same.conflicts == same.clusters and same.counts["conflicts"] == 1
    other_context = found(entry("a", "check host a", os="linux"), entry("b", "check host a", PING, os="macos"))
    assert other_context.clusters and not other_context.conflicts
    other_word = found(entry("a", "check the host a"), entry("b", "check the hoste a", PING))
    assert other_word.clusters and not other_word.conflicts


def test_earlier_turns_are_part_of_the_question():
    before = (Turn("user", "shall I delete it"), Turn("assistant", "", (ToolCall("clock"),)))
    assert not found(entry("a", "yes"), entry("b", "yes", PING, history=before)).clusters
    both = found(entry("a", "yes", history=before), entry("b", "yes", PING, history=before))
    assert both.conflicts


@pytest.mark.parametrize(
    ("splits", "leak"),
    [
        (("train", "test"), True),
        (("train", "validation"), True),
        (("validation", "test"), False),
        (("test",) * 2, False),
    ],
)
def test_a_leak_is_something_held_out_that_is_trained_on(splits, leak):
    (cluster,) = found(
        entry("a", "what time is it", split=splits[0]), entry("b", "waht time is it", split=splits[1])
    ).clusters
    assert cluster.is_leak is leak is ("leaks" in cluster.kinds)


def test_conflicts_then_leaks_then_the_largest():
    order = found(
        *(entry(f"m{i}", "open the big door") for i in range(4)),
        entry("l1", "close the small window"),
        entry("l2", "close the small window", split="test"),
        entry("z1", "check the host"),
        entry("z2", "check the host", PING),
    )
    assert [cluster.id for cluster in order.clusters] == ["z1", "l1", "m0"]
    assert order.clusters[1].held_out() == {"test": ("l2",), "train": ("l1",)}


def test_meaning_counts_only_with_the_same_calls():
    entries = entry("a", "what time is it"), entry("b", "tell me the hour"), entry("c", "is the host up", PING)
    pairs = [("a", "b"), ("a", "c"), ("a", "gone")]
    (cluster,) = found(*entries, meaning=pairs).clusters
    assert cluster.ids == ("a", "b") and cluster.kinds == ("meaning",)
    near = found(entry("a", "what time is it"), entry("b", "what time si it"), meaning=[("a", "b")])
    assert near.clusters[0].kinds == ("near",)


def test_the_order_of_calls_counts_only_where_it_must():
    both, turned = PING.calls + CLOCK.calls, CLOCK.calls + PING.calls
    assert outcome_key(Outcome(both)) == outcome_key(Outcome(turned))
    assert outcome_key(Outcome(both, ordered=True)) != outcome_key(Outcome(turned, ordered=True))
    assert outcome_key(Outcome()) != outcome_key(CLOCK)


@pytest.mark.parametrize(
    ("pinned", "settled", "expected"),
    [
        ((), (), "validation"),
        ((), ("train",), "train"),
        ((), ("train", "test"), "test"),
        (("train",), ("test",), "test"),
        (("train",), (), "train"),
        (("validation",), ("train",), "validation"),
    ],
)
def test_what_is_held_out_stays_held_out(pinned, settled, expected):
    assert settled_split(pinned, settled, "validation") == expected

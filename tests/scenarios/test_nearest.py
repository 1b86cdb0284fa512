"""Retrieved examples: near, never the scenario's own answer; and what copying gives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.records import ExpectedCall, Outcome, Scenario, SnapshotRow, ToolCall, Turn
from workbench.scenarios.lexical import is_near, plain
from workbench.scenarios.nearest import Neighbours, copied_calls

WORDS = ["ping", "pong", "the", "host", "hosts", "now", "nwo", "please", "7", "8", "show", "files", "Files!"]


def row(id: str, request: str, split: str = "train", **more) -> SnapshotRow:
    return SnapshotRow(Scenario(id, "net", request, **more), 1, split)


def ids(scenarios) -> list[str]:
    return [scenario.id for scenario in scenarios]


def test_the_nearest_words_come_first_and_the_same_context_counts():
    rows = [
        row("a", "what time is it in Paris"),
        row("b", "ping the mail server", os="linux"),
        row("c", "ping the mail relay server", os="macos"),
        row("d", "ping the mail relay server", os="linux"),
        row("v", "ping the web server", "validation"),
        row("t", "ping the web server of mine", "test", os="linux"),
    ]
    found = Neighbours(rows).nearest(rows[-1].scenario, 9)
    assert ids(found) == ["b", "d", "c"]
    assert ids(Neighbours(rows[::-1]).nearest(rows[-1].scenario, 2)) == ["b", "d"]
    assert Neighbours(rows).nearest(Scenario("x", "net", "ÄÖÜ"), 3) == []


def test_what_is_tied_through_another_split_is_a_twin_too():
    chain = ["tell me the time now please dear", "tell me the time nwo please dear", "tell me the tiem nwo please dear"]
    rows = [row("t", chain[0], "test"), row("v", chain[1], "validation"), row("a", chain[2]), row("b", "tell me")]
    assert ids(Neighbours(rows).nearest(rows[0].scenario, 5)) == ["b"]


def test_earlier_turns_are_left_out_on_demand():
    rows = [row("a", "and now the other host", history=(Turn("user", "ping x"),)), row("b", "now the host")]
    asked = Scenario("t", "net", "and then the other host please")
    assert ids(Neighbours(rows).nearest(asked, 5)) == ["a", "b"]
    assert ids(Neighbours(rows).nearest(asked, 5, fresh=True)) == ["b"]


REQUESTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


@settings(deadline=None)
@given(
    st.lists(st.tuples(REQUESTS, st.sampled_from(["train", "train", "validation", "test"])), min_size=1, max_size=20),
    st.integers(1, 8),
    st.data(),
)
def test_no_scenario_ever_sees_itself_or_a_near_twin(drawn, count, data):
    rows = [row(f"s{i}", request, split) for i, (request, split) in enumerate(drawn)]
    neighbours = Neighbours(rows)
    asked = data.draw(st.sampled_from(rows)).scenario
    found = neighbours.nearest(asked, count)
    cluster, grown = {asked.id}, True
    while grown:
        members = [one.scenario for one in rows if one.scenario.id in cluster]
        near = {
            one.scenario.id
            for one in rows
            if any(is_near(plain(one.scenario.request), plain(member.request)) for member in members)
        }
        grown, cluster = not near <= cluster, cluster | near
    assert not cluster & {*ids(found)}
    train = {one.scenario.id for one in rows if one.split == "train"}
    assert len(found) <= count and {*ids(found)} <= train and len({*ids(found)}) == len(found)
    shuffled = data.draw(st.permutations(rows))
    assert ids(Neighbours(shuffled).nearest(asked, count)) == ids(found)


@pytest.mark.parametrize(
    ("theirs", "arguments", "ours", "copied"),
    [
        ("ping alpha.example now", {"host": "alpha.example"}, "ping beta.example now", {"host": "beta.example"}),
        ("ping alpha.", {"host": "alpha"}, "Ping beta!", {"host": "beta"}),
        ("ping a 5 times", {"host": "a", "count": 5}, "ping b 12 times", {"host": "b", "count": 12}),
        ("open My Notes in vim", {"file": "My Notes"}, "open Tax Return 2024 in vim", {"file": "Tax Return 2024"}),
        ("ping a 5 times", {"count": 5}, "ping b many times", {"count": 5}),
        (
            "ping a",
            {"host": "a", "verbose": True, "note": None},
            "ping b",
            {"host": "b", "verbose": True, "note": None},
        ),
        ("ping a and b", {"hosts": ["a", "b"]}, "ping x and y", {"hosts": ["x", "y"]}),
        ("set it to half", {"level": 0.5}, "set it to full", {"level": 0.5}),
        ("wait 0.5 seconds", {"s": 0.5}, "wait 1.5 seconds", {"s": 1.5}),
        ("ping a", {"host": "a"}, "nothing alike here at all", {"host": "a"}),
        ("ping", {"host": ""}, "ping b", {"host": ""}),
    ],
)
def test_what_was_copied_from_the_request_is_copied_again(theirs, arguments, ours, copied):
    neighbour = Scenario("n", "net", theirs, Outcome((ExpectedCall("ping", arguments),)))
    assert copied_calls(ours, neighbour) == (ToolCall("ping", copied),)


def test_where_nothing_must_happen_nothing_is_called():
    assert copied_calls("how are you", Scenario("n", "net", "how do you do")) == ()

"""What is asked of a teacher, and that nothing of its answer is mended."""

import json
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.small_workspace import TOOLSET, make_scenario
from workbench.records import ExpectedCall, Outcome, Scenario
from workbench.scenarios.generate.novelty import Entry, Seen
from workbench.scenarios.generate.teacher import STYLES, Ask, Gap, asks, gaps, messages, read

PING = Ask(0, Gap("ping", "macos", "act", "terse"), 3)
GOOD = {"request": "ping  nas.lan for me", "expected": [{"name": "ping", "arguments": {"host": "nas.lan"}}]}


def answer(*rows) -> str:
    return json.dumps({"scenarios": list(rows)})


def test_a_good_answer_becomes_drafts():
    harvest = read(answer(GOOD), PING, TOOLSET, "big")
    assert harvest.rejects == ()
    (draft,) = harvest.drafts
    assert draft.request == "ping nas.lan for me" and draft.outcome.calls[0].arguments == {"host": "nas.lan"}
    assert (draft.os, draft.shell, draft.mode, draft.status) == ("macos", "zsh", "act", "draft")
    assert (draft.source, draft.tags, draft.split) == ("generate:teacher:big", ("terse",), None)
    assert read(f"```json\n{answer(GOOD)}\n```", PING, TOOLSET, "big") == harvest


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**GOOD, "expected": [{"name": "pong", "arguments": {}}]}, "no tool 'pong'"),
        ({**GOOD, "expected": [{"name": "ping", "arguments": {"host": "nas.lan", "count": 0}}]}, "at least 1"),
        ({**GOOD, "expected": [{"name": "ping", "arguments": {}}]}, "is missing"),
        ({**GOOD, "expected": [{"name": "ping", "arguments": {"host": "nas.lan", "speed": 1}}]}, "no argument 'speed'"),
        ({**GOOD, "expected": "NO_TOOL"}, "asked was for ping"),
        ({**GOOD, "expected": [{"name": "ping", "arguments": {"host": "elsewhere"}}]}, "does not say 'elsewhere'"),
        ({**GOOD, "expected": "none"}, "must be a list"),
        ({**GOOD, "request": "  "}, "empty"),
        ({**GOOD, "request": "x" * 5000}, "longer than"),
        ({**GOOD, "request": 5}, "no object with"),
        ({**GOOD, "mood": "good"}, "was not asked for"),
        ("ping nas.lan", "no object with"),
        (None, "no object with"),
        ({**GOOD, "expected": [{"name": "ping", "arguments": {"host": "nas.lan \ud800"}}]}, "surrogate"),
    ],
)
def test_a_bad_row_is_a_reject_and_harms_no_other(row, reason):
    harvest = read(answer(row, GOOD), PING, TOOLSET, "big")
    assert len(harvest.drafts) == 1
    assert len(harvest.rejects) == 1 and reason in harvest.rejects[0].reason


@pytest.mark.parametrize(
    "text", ["", "I would rather not.", "[]", "5", '{"scenarios": {}}', '{"scenarios": [', "[" * 100_000]
)
def test_an_answer_of_another_form_is_one_reject(text):
    harvest = read(text, PING, TOOLSET, "big")
    assert harvest.drafts == () and len(harvest.rejects) == 1 and len(harvest.rejects[0].text) <= 300


def test_deep_nesting_is_a_reject():
    deep = (
        '{"scenarios": [{"request": "ping x", "expected": [{"name": "ping", "arguments": {"host": '
        + "[" * 400
        + "]" * 400
        + "}}]}]}"
    )
    harvest = read(deep, PING, TOOLSET, "big")
    assert harvest.drafts == () and len(harvest.rejects) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["request", "expected", "name", "arguments", "host"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=3))
def test_whatever_comes_back_is_sorted_into_drafts_and_rejects(rows):
    harvest = read(answer(*rows), PING, TOOLSET, "big")
    assert len(harvest.drafts) + len(harvest.rejects) == len(rows)


def test_the_question_says_the_gap_and_shows_the_tools():
    system, user = messages(PING, TOOLSET, [make_scenario(0), make_scenario(3), make_scenario(2)], 0)
    assert '"name": "ping"' in system["content"] and '"minimum": 1' in system["content"]
    for part in ("3 scenarios", "call ping", "macos", "zsh", "'act'", "terse", "please ping host0"):
        assert part in user["content"]
    assert "host2" not in user["content"]
    nothing = messages(Ask(0, Gap("NO_TOOL"), 2), TOOLSET, [], 0)[1]["content"]
    assert "NO_TOOL" in nothing and "near misses" in nothing


def test_a_paraphrase_keeps_the_values():
    source = make_scenario(0, split="validation", tags=("net",))
    ask = Ask(0, Gap("ping", source.os, source.mode, "paraphrase", "", source.id), 2)
    system, user = messages(ask, TOOLSET, [source], 0)
    assert '"host0"' in system["content"] and source.request in user["content"]
    harvest = read('{"requests": ["is host0 alive?", "is it alive?", 5]}', ask, TOOLSET, "big", source)
    (draft,) = harvest.drafts
    assert draft.outcome == source.outcome and draft.split == "validation" and draft.tags == ("net", "paraphrase")
    assert ["does not say 'host0'" in reject.reason for reject in harvest.rejects] == [True, False]


def test_gaps_and_asks():
    found = gaps(["ping", "NO_TOOL"], ["linux", "macos"], ["act"])
    assert len(found) == 4 and {gap.style for gap in found} == set(STYLES[:4])
    first = list(islice(asks(found, 5, 1), 12))
    assert [ask.number for ask in first] == list(range(12)) and first == list(islice(asks(found, 5, 1), 12))
    assert {ask.gap.tool for ask in first[:4]} == {"ping", "NO_TOOL"}
    assert len({ask.gap.style for ask in first if ask.gap.tool == "ping" and ask.gap.os == "linux"}) == 3
    assert list(asks([], 5, 1)) == []


def scenario(request: str, id: str = "", split=None, label: str = "ping") -> Scenario:
    outcome = Outcome((ExpectedCall(label, {}),))
    return Scenario(id or request, "small", request, outcome, "linux", split=split)


def test_what_counts_as_new():
    there = [scenario("please ping the file server", "a", "train"), scenario("is the mail server up?", "b", "test")]
    seen = Seen(map(Entry.of, there), near=True)
    assert "same request" in seen.why_not(scenario("please  ping the file server"))
    assert "too much like a" in seen.why_not(scenario("please ping the file servers!"))
    assert seen.why_not(scenario("please ping the file servers!", label="clock")) == ""
    assert seen.why_not(scenario("can you reach the printer")) == ""
    assert "there already" in seen.why_not(scenario("can you reach the printer"))
    assert "same request" in seen.why_not(scenario("can you reach the printer", "other"))
    far = Seen(map(Entry.of, there), near=False)
    assert far.why_not(scenario("please ping the file servers!", split="train")) == ""
    assert "too much like b" in far.why_not(scenario("is the mail server up today?"[:23] + "?", "c", "train"))
    assert "b has the same request" in far.why_not(scenario("Is the mail server UP", "d", "train"))
    assert far.why_not(scenario("Is the mail server UP", "e", "test")) == ""

"""Counting and filtering in the database: the same as counting by hand, at every threshold."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_workspace import TOOLSET, make_scenario, open_small
from workbench.evaluation.statistics import Tally, tally
from workbench.records import ArgumentScore, ExpectedCall, Outcome, Parsed, Reply, Run, Score, ToolCall
from workbench.store import answers, runs, scenarios, snapshots
from workbench.store.answers import OTHER, AnswerFilter, View

N = 24
PARSED = (
    Parsed("text", text="NO_TOOL"),
    Parsed("malformed", reason="cut off"),
    Parsed("calls", (ToolCall("ping", {"host": "a"}),)),
    Parsed("calls", (ToolCall("clock"), ToolCall("ping"))),
)
VERDICTS = st.lists(st.sampled_from(["match", "differs", "missing", "unexpected"]), max_size=4)
ANSWER = st.tuples(st.sampled_from(PARSED), st.booleans(), st.booleans(), VERDICTS, st.none() | st.floats(0, 1))


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A store with a snapshot whose test split has 24 scenarios, some with two calls and with tags."""
    with open_small(tmp_path_factory.mktemp("answers")) as store:
        two = Outcome((ExpectedCall("ping", {"host": "a"}), ExpectedCall("clock")))
        more = [make_scenario(100 + i, split="test", tags=("x", "y")[: i % 3]) for i in range(N - 4)]
        scenarios.save(store, [replace(more[0], outcome=two), *more[1:]], "import", "test")
        snapshot = snapshots.create(store, "small")
        yield store, snapshot, snapshots.load(store, snapshot).split("test")


def record(frozen, run_id, given):
    """A run with these answers; returns its replies and scores."""
    store, snapshot, cases = frozen
    if not runs.get(store, run_id):
        runs.add(store, Run(run_id, "evaluate", "done", snapshot, run_id, {"split": "test"}, "2026-01-01"))
    pairs = []
    for case, (parsed, tool, exact, verdicts, confidence) in zip(cases, given, strict=True):
        marks = tuple(
            ArgumentScore(0, f"a{i}", verdict, None if verdict == "unexpected" else 1)
            for i, verdict in enumerate(verdicts if parsed.kind != "text" else ())
        )
        score = Score(case.id, tool or exact, exact, parsed.kind != "malformed", marks)
        pairs.append((Reply(case.id, "raw", parsed, 2.0, 1, 1, confidence), score))
    runs.put_replies(store, run_id, *zip(*pairs, strict=True))
    with store.write() as cursor:
        cursor.execute("DELETE FROM answers WHERE run_id = ?", [run_id])
    answers.prepare(store, run_id)
    return pairs


def doubt(reply, score, case, threshold):
    """What a threshold makes of one answer, spelled out."""
    if reply.parsed.kind != "calls" or reply.confidence is None or int(reply.confidence * 100) >= threshold:
        return reply, score
    right = case.outcome.is_no_tool
    missing = tuple(replace(mark, verdict="missing") for mark in score.arguments if mark.expected is not None)
    return replace(reply, parsed=PARSED[0]), replace(
        score, tool_correct=right, exact=right, schema_valid=True, arguments=missing
    )


@settings(max_examples=20)
@given(st.lists(ANSWER, min_size=N, max_size=N), st.sampled_from([0, 30, 100]))
def test_counts_are_those_of_the_records(frozen, given, threshold):
    store, _, cases = frozen
    pairs = record(frozen, "a", given)
    judged = [(*doubt(reply, score, case, threshold), case) for (reply, score), case in zip(pairs, cases, strict=True)]
    by_tool = {}
    for reply, score, case in judged:
        for tool in {call.name for call in case.outcome.calls} or {"NO_TOOL"}:
            by_tool[tool] = by_tool.get(tool, Tally()) + tally(score, reply, case)
    rows = answers.tallies(store, View(("a",), threshold), "tool")
    assert {row["key"]: Tally(**{k: row[k] for k in Tally.__dataclass_fields__}) for row in rows} == by_tool
    exact = {case.id for _, score, case in judged if score.exact}
    wrong = answers.find(store, View(("a",), threshold), AnswerFilter(failed=True), limit=N)
    assert set(wrong) == {case.id for case in cases} - exact


@settings(max_examples=10)
@given(st.lists(ANSWER, min_size=N, max_size=N), st.lists(ANSWER, min_size=N, max_size=N))
def test_buckets_and_cells_add_up(frozen, first, second):
    store, _, _ = frozen
    record(frozen, "a", first)
    record(frozen, "b", second)
    view = View(("a", "b"))
    counts = answers.pairs(store, view, "b")
    for bucket, name in (("fixed", "fixed"), ("broken", "broken"), ("both wrong", "both_wrong")):
        filter = AnswerFilter(bucket=bucket, base="a", candidate="b")
        assert answers.found(store, view, filter) == counts[name]
    assert sum(counts.values()) == N
    cells = answers.confusion(store, view, "a")
    assert sum(cell["n"] for cell in cells) == N
    for cell in cells:
        filter = AnswerFilter(of="a", expected=cell["expected"], got=cell["got"])
        assert answers.found(store, view, filter) == cell["n"]


def test_pages_filters_and_slices(frozen):
    store, snapshot, cases = frozen
    right = [(PARSED[0], True, True, [], None)] * N
    record(frozen, "a", right)
    record(frozen, "b", [(PARSED[1], False, False, [], None), *right[1:]])
    view = View(("a", "b"))
    assert answers.find(store, view, AnswerFilter(), 10, 3) == [case.id for case in cases[10:13]]
    assert answers.find(store, view, AnswerFilter(differing=True)) == [cases[0].id]
    assert answers.find(store, view, AnswerFilter(verdict="malformed")) == [cases[0].id]
    assert answers.found(store, view, AnswerFilter(by="tag", key="y")) == sum("y" in case.tags for case in cases)
    assert answers.found(store, view, AnswerFilter(text="HOST10")) == sum("host10" in case.request for case in cases)
    assert answers.values(store, view, "tag") == ["x", "y"]
    assert OTHER not in {cell["expected"] for cell in answers.confusion(store, view, "a")}
    assert [case.id for case in answers.scenarios(store, snapshot, ["s8", "s100"])] == ["s100", "s8"]
    assert answers.cases(store, snapshot, "test") == N and len(TOOLSET.tools) == 2


def test_rare_labels_share_a_cell(frozen, monkeypatch):
    store, _, cases = frozen
    record(frozen, "a", [(PARSED[0], True, True, [], None)] * N)
    monkeypatch.setattr(answers, "MOST_LABELS", 1)
    cells = answers.confusion(store, View(("a",)), "a")
    assert OTHER in {cell["expected"] for cell in cells} and sum(cell["n"] for cell in cells) == len(cases)

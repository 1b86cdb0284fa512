"""The inbox: what needs a person comes first; verdicts make drafts; what is near a held-out scenario stays out."""

from dataclasses import replace

import pytest

from tests.served_decisions import record
from workbench.actions import capture, curate, inbox
from workbench.actions.inbox import Filter, HeldOutError
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome
from workbench.store import Store, traffic
from workbench.store import inbox as inbox_store
from workbench.store.capture import Capture

PING = [("ping", {"host": "example.org"})]


def ids(store: Store, **filter: str) -> list[str]:
    return [one.recorded.id for one in inbox.entries(store, Filter(**filter))]


def test_the_most_needed_comes_first(store: Store):
    record(store, "calm", "say nothing at all", at="2026-01-05")
    record(store, "unsure", "hm what", confidence=0.2, at="2026-01-01")
    record(store, "two", "is it late", at="2026-01-02")
    record(store, "two-b", "is it late", [("clock", {})], model="run:b", at="2026-01-01")
    record(store, "broken", "wreck", malformed="cut", at="2026-01-04")
    record(store, "bad", "reach example.org", PING, at="2026-01-03")
    traffic.give_feedback(store, "bad", "bad", {"comment": "no", "expected": None})
    found = inbox.entries(store, Filter())
    assert [one.recorded.id for one in found] == ["bad", "two", "broken", "unsure", "calm"]
    assert [one.reasons[:1] for one in found] == [("bad",), ("second",), ("unreadable",), ("unsure",), ()]
    assert [(model, said.calls[0].name) for _, model, said in found[1].others] == [("run:b", "clock")]


def test_the_nearest_approved_scenario_disagrees(store: Store):
    # s0 says: please ping host0 -> ping. Another tool differs, another host in other words does not.
    record(store, "wrong", "please ping  host0 now", [("clock", {})])
    record(store, "right", "please ping hosts", [("ping", {"host": "hosts"})])
    found = {one.recorded.id: one for one in inbox.entries(store, Filter())}
    assert found["wrong"].finding.differs == "tool" and "nearest" in found["wrong"].reasons
    assert found["right"].finding.nearest and found["right"].finding.likeness > 0.6


def test_filters(store: Store):
    record(store, "a", "alpha", confidence=0.1)
    record(store, "b", "beta", model="run:x")
    assert ids(store, reason="unsure") == ["a"]
    assert ids(store, model="run:x") == ["b"]
    assert ids(store, text="BET") == ["b"]
    assert ids(store, toolset="small", state="rejected") == []
    for wrong in ({"state": "lost"}, {"reason": "mood"}, {"toolset": "none"}):
        with pytest.raises(WorkbenchError):
            ids(store, **wrong)


def test_accept_makes_a_draft_with_provenance_and_undo_takes_both_back(store: Store):
    body = {"context": {"os": "linux", "mode": "act"}}
    record(store, "c1", "reach example.org", PING, body=body)
    done = inbox.accept(store, "c1", "ann")
    draft = curate.get(store, done.scenario)
    assert (draft.status, draft.source, draft.os, draft.mode) == ("draft", "traffic:c1", "linux", "act")
    assert draft.outcome.calls == (ExpectedCall("ping", {"host": "example.org"}),)
    assert ids(store) == [] and ids(store, state="accepted") == ["c1"]
    assert inbox_store.counts(store, "small")["accepted"] == 1
    with pytest.raises(WorkbenchError, match="accepted already"):
        inbox.reject(store, "c1")
    curate.undo(store, "ann", done.change)
    assert ids(store) == ["c1"]
    with pytest.raises(WorkbenchError):
        curate.get(store, done.scenario)
    curate.redo(store, "ann", done.change)
    assert ids(store, state="accepted") == ["c1"] and curate.get(store, done.scenario)


def test_a_verdict_counts_for_the_question_until_it_is_asked_again(store: Store):
    for n, model in enumerate(("starter", "run:b")):
        record(store, f"c{n}", "thanks", model=model, at=f"2026-01-0{n + 1}")
    inbox.reject(store, "c0")
    assert ids(store) == []
    record(store, "c9", "thanks")
    assert ids(store) == ["c9"] and inbox_store.waiting(store) == 1


def test_correct_keeps_the_provenance(store: Store):
    record(store, "c1", "reach example.org", [("clock", {})])
    fixed = inbox.draft(store, "c1")
    outcome = Outcome((ExpectedCall("ping", {"host": "example.org"}),))
    done = inbox.correct(store, "c1", replace(fixed, outcome=outcome, id="mine", source="me"))
    kept = curate.get(store, done.scenario)
    assert kept.outcome == outcome and kept.source == "traffic:c1" and kept.id == fixed.id
    assert ids(store, state="corrected") == ["c1"]


def test_what_is_near_a_test_scenario_is_never_trained_on_silently(store: Store):
    # s8 is in the test split.
    record(store, "c1", "Please ping host8!", [("ping", {"host": "host8"})])
    (entry,) = inbox.entries(store, Filter())
    assert entry.finding.held_out == ("s8",) and "held-out" in entry.reasons
    with pytest.raises(HeldOutError, match="test scenario 's8'"):
        inbox.accept(store, "c1")
    with pytest.raises(HeldOutError):
        inbox.correct(store, "c1", inbox.draft(store, "c1"))
    assert ids(store) == ["c1"]
    done = inbox.accept(store, "c1", near_held_out=True)
    kept = curate.get(store, done.scenario)
    assert (kept.split, kept.tags) == ("test", (inbox.NEAR_TAG,))


def test_what_no_scenario_can_say_is_refused(store: Store):
    call = {"id": "x", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    talk = [
        {"role": "user", "content": "what time is it"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "x", "content": '{"time": "9"}'},
    ]
    record(store, "c1", "", body={"messages": talk})
    record(store, "c2", "wreck", malformed="cut")
    with pytest.raises(WorkbenchError, match="tool's result"):
        inbox.accept(store, "c1")
    with pytest.raises(WorkbenchError, match="could not be read"):
        inbox.accept(store, "c2")
    with pytest.raises(WorkbenchError, match="No decision"):
        inbox.accept(store, "nobody")
    later = [*talk, {"role": "assistant", "content": "nine"}, {"role": "user", "content": "ping example.org"}]
    record(store, "c3", "", PING, body={"messages": later})
    kept = curate.get(store, inbox.accept(store, "c3").scenario)
    assert kept.request == "ping example.org" and [turn.role for turn in kept.history] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert kept.history[2].result == {"time": "9"}


def test_capture_settings(store: Store):
    ids_ = [f"chatcmpl-{i}" for i in range(400)]
    assert all(capture.wanted(store, one) for one in ids_)
    capture.save(store, Capture(share=0.25))
    chosen = [one for one in ids_ if capture.wanted(store, one)]
    assert 60 < len(chosen) < 140 and chosen == [one for one in ids_ if capture.wanted(store, one)]
    capture.save(store, Capture(active=False))
    assert not any(capture.wanted(store, one) for one in ids_)
    record(store, "old", "x", at="2020-01-01")
    record(store, "new", "y")
    capture.save(store, Capture(keep_days=30))
    assert ids(store) == ["new"]
    for wrong in (Capture(share=1.5), Capture(keep_days=0)):
        with pytest.raises(WorkbenchError):
            capture.save(store, wrong)

"""The queue's order, verdicts as changes, two reviewers and their agreement."""

import pytest

from tests.small_workspace import make_scenario
from workbench.actions import curate, review, targets
from workbench.actions.curate import ProblemsError
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome

BROKEN = Outcome((ExpectedCall("ping", {}),))


def draft(store, number, **changes):
    curate.save_scenario(store, make_scenario(number, status="draft", **changes))


def ids(store, reviewer="ann"):
    return list(review.queue(store, "small", reviewer).ids)


def test_gaps_come_first_then_those_without_a_problem_then_the_oldest(store):
    draft(store, 30, outcome=BROKEN)
    draft(store, 31)
    draft(store, 32)
    draft(store, 33, os="bsd")
    draft(store, 34, os="windows", tags=("night",))
    targets.set_targets(store, "small", ["os windows >= 1", "each category >= 2"])
    found = review.queue(store, "small", "ann")
    assert list(found.ids) == ["s34", "s33", "s31", "s32", "s30"]
    assert found.needs["s34"] == ("the first clock on windows", "windows: 0 of 1", "night: 0 of 2")
    assert found.needs["s33"] == ("the first ping on bsd",) and "s31" not in found.needs


def test_a_verdict_is_a_change_with_the_reviewer_as_its_author(store):
    draft(store, 30)
    decision = review.judge(store, "s30", "approve", "ann")
    assert decision.status == curate.get(store, "s30").status == "approved"
    newest = curate.history(store, "s30")[0]
    assert (newest.author, newest.kind) == ("ann", "approve") and ids(store) == []
    curate.undo(store, "ann", decision.change)
    assert ids(store) == ["s30"]
    curate.redo(store, "ann")
    assert curate.get(store, "s30").status == "approved"


def test_what_cannot_be_judged(store):
    draft(store, 30, outcome=BROKEN)
    with pytest.raises(ProblemsError, match=r"arguments\.host: is missing"):
        review.judge(store, "s30", "approve", "ann")
    assert review.judge(store, "s30", "reject", "ann").status == "rejected"
    for id, verdict, name, match in [
        ("s30", "approve", "ann", "rejected already"),
        ("s31", "approve", "ann", "no scenario"),
        ("s30", "maybe", "ann", "not a verdict"),
        ("s30", "approve", " ", "reviewer's name"),
    ]:
        with pytest.raises(WorkbenchError, match=match):
            review.judge(store, id, verdict, name)
    with pytest.raises(WorkbenchError, match="3 reviewers"):
        review.set_reviewers(store, "small", 3)


def test_two_must_agree(store):
    review.set_reviewers(store, "small", 2)
    for i in (30, 31, 32):
        draft(store, i)
    assert review.judge(store, "s30", "approve", "ann").status == "draft"
    assert review.judge(store, "s30", "approve", "ann").status == "draft", "one person is not two"
    assert (ids(store, "ann"), ids(store, "bob")) == (["s31", "s32"], ["s30", "s31", "s32"])
    assert review.item(store, "s30").verdicts == (), "the second judges without knowing what the first said"
    assert review.judge(store, "s30", "approve", "bob").status == "approved"

    review.judge(store, "s31", "approve", "ann")
    assert review.judge(store, "s31", "reject", "bob").status == "draft"
    assert list(review.disagreements(store, "small")) == ["s31"] and ids(store, "bob") == ["s32"]
    assert [one.verdict for one in review.item(store, "s31").verdicts] == ["approve", "reject"]
    assert review.judge(store, "s31", "reject", "ann").status == "rejected"
    assert review.disagreements(store, "small") == {}

    review.judge(store, "s32", "reject", "ann")
    review.judge(store, "s32", "reject", "bob")
    (pair,) = review.agreements(store, "small")
    assert (pair.reviewers, pair.n, pair.agreed) == (("ann", "bob"), 3, 2)
    assert pair.kappa == pytest.approx(0.4)


def test_a_verdict_that_was_undone_or_that_an_edit_outdated_does_not_count(store):
    review.set_reviewers(store, "small", 2)
    draft(store, 30)
    review.judge(store, "s30", "approve", "ann")
    curate.undo(store, "ann")
    assert review.judge(store, "s30", "approve", "bob").status == "draft"
    draft(store, 30, request="something else")
    assert review.judge(store, "s30", "approve", "ann").status == "draft"
    assert ids(store, "bob") == ["s30"]
    assert review.judge(store, "s30", "approve", "bob").status == "approved"


def test_what_a_reviewer_sees(store):
    draft(store, 30, request="please ping host7 now")
    item = review.item(store, "s30")
    assert item.similar is not None and item.similar[0].request == "please ping host7" and 0.7 < item.similar[1] < 0.9
    assert (item.author, item.revisions, item.problems) == ("local", 1, ())

"""History, review, targets and gates as HTML: text from outside stays text, gaps lead to the editor."""

from tests.small_workspace import TOOLSET, make_scenario
from tests.ui.test_views import EVIL, read
from workbench.actions.check import CheckReport, Violation
from workbench.actions.coverage import Coverage
from workbench.actions.history import ScenarioChange, Step
from workbench.actions.review import Agreement, Item
from workbench.actions.targets import Standing
from workbench.errors import Problem
from workbench.records import ExpectedCall, Outcome, Turn
from workbench.scenarios.arguments import ArgumentCase
from workbench.scenarios.differences import FieldChange, RowChange
from workbench.scenarios.targets import Counts, Target, progress
from workbench.store.changes import Change
from workbench.store.reviews import Verdict
from workbench.store.scenarios import Revision
from workbench.store.snapshots import SnapshotInfo
from workbench.ui import views
from workbench.ui.forms import Past

AT = "2026-01-01T10:00:00+00:00"
FIELDS = (FieldChange(EVIL, EVIL, {"a": EVIL}), FieldChange("os", None, EVIL))


def change(id, kind="edit", **fields):
    return Change(
        **({"id": id, "kind": kind, "author": "ann", "at": AT, "note": "", "undoes": None, "scenarios": 3} | fields)
    )


def test_each_change_has_the_one_button_that_fits():
    found = [
        change(5, "undo", undoes=4),
        change(4, holds=False),
        change(3, EVIL, author=EVIL, note=EVIL),
        change(1, "shipped"),
    ]
    did = [ScenarioChange(EVIL, "changed", EVIL, FIELDS)]
    page = read(views.past_changes(found, Past(change=3), did, found[2], found[1], refused=(3, 2)))
    buttons = {(one["data-event"], one["data-change"]) for one in page.all("button") if one.get("data-change")}
    assert {pair for pair in buttons if pair[0] != "open"} == {("bring", "4"), ("take", "3")}
    assert "Undo the other 2" in page.text and EVIL in page.text
    assert not page.all("button", **{"data-event": "older"})[0]["data-below"].strip("0")


def test_revisions_and_snapshots_take_text_as_text():
    steps = [Step(Revision(make_scenario(0, request=EVIL), 2, EVIL, AT, EVIL, False), FIELDS)]
    assert EVIL in read(views.past_scenario(steps, Past(scenario=EVIL))).text
    infos = [SnapshotInfo(name, EVIL, AT, EVIL, 1, 2, 3) for name in ("a", "b")]
    rows = [RowChange(EVIL, "changed", EVIL, FIELDS), RowChange("x", "added", "y")]
    page = read(views.past_snapshots(infos, Past(view="snapshots", old="a", new="b"), rows))
    assert "1 changed" in page.text and "1 added" in page.text and EVIL in page.text
    assert "Only one snapshot" in read(views.past_snapshots(infos[:1], Past(), None)).text


def test_a_draft_argument_by_argument():
    calls = (ExpectedCall("ping", {"host": EVIL, EVIL: 1}, {"host": ("b",)}), ExpectedCall(EVIL))
    scenario = make_scenario(0, request=EVIL, outcome=Outcome(calls), tags=(EVIL,), history=(Turn("user", EVIL),))
    problems = (Problem("is odd", "expected[0].arguments.host"), Problem(EVIL, "history[0]"))
    verdicts = (Verdict("s0", EVIL, "approve", 1, 1, True),)
    item = Item(scenario, problems, EVIL, AT, 2, (make_scenario(1, request=EVIL), 0.93), verdicts)
    page = read(views.review_item(item, TOOLSET, [EVIL]))
    for shown in (EVIL, "Is odd.", 'or "b"', "left out", "minimum 1", "93%", "2 revisions", f"history[0]: {EVIL}"):
        assert shown in page.text
    assert page.all("template", **{"data-barred": None}), "a draft with problems cannot be approved"
    clean = read(views.review_item(Item(make_scenario(2), (), "local", AT, 1, None, ()), TOOLSET))
    assert not clean.all("template") and "No tool must be called" in clean.text and "by you" in clean.text


def test_who_reviews_and_how_far_they_agree():
    pairs = [Agreement(("ann", EVIL), 5, 4, 0.5), Agreement(("a", "b"), 2, 2, None)]
    differing = [(make_scenario(0, request=EVIL), (Verdict("s0", "ann", "reject", 1, 1, True),))]
    page = read(views.review_setup([TOOLSET], "small", EVIL, 2, pairs, differing))
    assert "4 of 5 alike, Cohen's κ 0.50" in page.text and "not defined" in page.text and "ann says reject" in page.text
    assert page.all("option", value="2")[0].keys() >= {"selected"}


def test_a_gap_of_a_target_has_its_buttons():
    targets = (Target("os", 5), Target("category", 1, EVIL))
    rows = progress(targets, Counts(9, {"os": {"linux": 9, "bsd": 1}}))
    standing = Standing("small", targets, tuple(rows), 9)
    found = Coverage("small", ("ping", "NO_TOOL"), (), (), (), 0)
    page = read(views.coverage(found, {}, [TOOLSET], standing=standing))
    assert page.all("a", href="/scenarios?toolset=small&open=new&os=bsd")
    assert page.all("a", href="/generate?toolset=small&os=bsd") and "1 of 3 met" in page.text and EVIL in page.text
    assert not page.all("a", href="/scenarios?toolset=small&open=new&os=linux")


def test_gates_and_arguments():
    violations = (Violation("schema", Problem(EVIL, "os"), EVIL), Violation("targets", Problem("is thin")))
    report = CheckReport("small", 9, {"schema": "what", "targets": "what"}, violations)
    cases = [ArgumentCase("ping", "host", EVIL, 0, EVIL), ArgumentCase("ping", "host", "given", 3)]
    page = read(views.gates(report, cases, "small"))
    assert "2 violations" in page.text and "Is thin." in page.text and "1 of 2 cases" in page.text
    assert page.all("a", **{"class": "case none"})[0]["href"].startswith(
        "/scenarios?toolset=small&tool=ping&open=new&given="
    )
    assert "all passed" in read(views.gates(CheckReport("small", 9, {}, ()), [], "small")).text
    assert "Check now" in read(views.gates(None, [], "small", 50_000)).text

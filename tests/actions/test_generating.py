"""Drafts by rule on a real store: one change, undone at once, nothing twice, no test scenario in train."""

import json

import pytest

from tests.small_workspace import make_scenario
from workbench.actions import curate, generating
from workbench.actions.curate import ProblemsError
from workbench.actions.orders import Order
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, Scenario
from workbench.scenarios.splitting import split_of
from workbench.store.scenarios import ScenarioFilter, save

DRAFTS = ScenarioFilter(status="draft")
TEMPLATE = """
[[template]]
name = "one"
request = "{word} the {thing}"
expected = "NO_TOOL"
[slot]
word = ["paint", "lift", "praise"]
thing = ["boat", "cat", "moon", "idea"]
"""


def order(way: str, **changes) -> Order:
    return Order.from_dict({"way": way, "toolset": "small", **changes})


def test_schema_drafts_come_as_one_change_and_go_with_one_undo(store):
    batch = generating.generate(store, order("schema", oses=["linux"], modes=["act"]), "mara")
    found = curate.find(store, DRAFTS)
    assert {d.id for d in found} == {d.id for d in batch.drafts} and len(found) > 4
    assert {d.source for d in found} == {"generate:schema"} and {d.os for d in found} == {"linux"}
    change = curate.undoable(store)
    assert (change.id, change.kind, change.author, change.scenarios) == (batch.change, "generate", "mara", len(found))
    # A train scenario's host stands in for a made-up word.
    assert any(call.arguments.get("host") == "host0" for d in found for call in d.outcome.calls)
    curate.undo(store)
    assert curate.count(store, DRAFTS) == 0 and curate.count(store, ScenarioFilter()) == 12


def test_a_larger_count_adds_only_what_is_missing(store):
    first = generating.generate(store, order("template", template=TEMPLATE, count=5))
    again = generating.generate(store, order("template", template=TEMPLATE, count=5))
    more = generating.generate(store, order("template", template=TEMPLATE, count=9))
    assert (len(first.drafts), len(again.drafts), again.change, len(more.drafts)) == (5, 0, 0, 4)
    assert {left.reason for left in more.left} == {"is there already"}
    everything = generating.generate(store, order("template", template=TEMPLATE, count=50))
    assert curate.count(store, DRAFTS) == 12 and everything.notes == ("There are 12 in all, not 50.",)


def test_an_approved_draft_is_not_overwritten(store):
    (draft,) = generating.generate(store, order("template", template=TEMPLATE, count=1)).drafts
    curate.set_status(store, [draft.id], "approved")
    generating.generate(store, order("template", template=TEMPLATE, count=1))
    assert curate.get(store, draft.id).status == "approved"


def test_a_preview_shows_and_adds_nothing(store):
    shown = generating.preview(store, order("typos", count=6))
    assert 0 < len(shown.drafts) <= 6 and shown.change == 0 and curate.count(store, DRAFTS) == 0
    assert shown.drafts == generating.generate(store, order("typos", count=6)).drafts


@pytest.mark.parametrize("split", ["train", "test"])
def test_variants_stay_in_the_split_of_their_source(store, split):
    batch = generating.generate(store, order("typos", split=split, count=20))
    assert batch.drafts
    for draft in batch.drafts:
        source = curate.get(store, draft.source.split(":")[2])
        assert split_of(source) == split == draft.split and draft.outcome == source.outcome


def test_nothing_like_a_test_scenario_enters_train(store):
    test = Scenario("t1", "small", "PAINT the boat", Outcome(), status="approved", split="test")
    near = Scenario("t2", "small", "praise the old ideas", Outcome(), status="approved", split="test")
    save(store, [test, near], "import", "test")
    text = TEMPLATE.replace('expected = "NO_TOOL"', 'expected = "NO_TOOL"\nsplit = "train"').replace(
        '"idea"', '"old idea"'
    )
    batch = generating.generate(store, order("template", template=text))
    reasons = {left.request: left.reason for left in batch.left}
    assert "t1" in reasons.pop("paint the boat") and "t2" in reasons.pop("praise the old idea") and not reasons
    assert len(batch.drafts) == 10


def test_the_stream_gives_the_same_drafts_as_lines(store):
    lines = list(generating.stream(store, order("template", template=TEMPLATE, count=5)))
    drafts = generating.preview(store, order("template", template=TEMPLATE, count=5)).drafts
    assert [Scenario.from_dict(json.loads(line)) for line in lines] == list(drafts)
    assert curate.count(store, DRAFTS) == 0


def test_vectors_are_calls_of_the_tools(store):
    found = json.loads("".join(generating.vectors(store, "small", ["ping"])))
    assert {"tool": "ping", "arguments": {"host": "example", "count": 1}} in found
    assert {row["tool"] for row in found} == {"ping"}


def test_tools_systems_and_modes_narrow(store):
    assert {d.outcome.label for d in generating.preview(store, order("schema", tools=["clock"])).drafts} == {"clock"}
    assert {d.os for d in generating.preview(store, order("typos", oses=["macos"])).drafts} == {"macos"}
    none = generating.preview(store, order("typos", oses=["bsd"]))
    assert none.drafts == () and "no approved train scenario" in none.notes[0]


def test_rewritten_scenarios_are_not_rewritten_again(store):
    source = make_scenario(0, id="v", request="pls ping  host0 quick", source="generate:typos:s0")
    save(store, [source], "import", "test")
    assert all(d.source.split(":")[2] != "v" for d in generating.preview(store, order("typos", count=500)).drafts)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"way": "schema", "tools": ["pong"]}, "tools"),
        ({"way": "schema", "oses": ["dos"]}, "oses"),
        ({"way": "schema", "count": 0}, "count"),
        ({"way": "typos", "changes": ["magic"]}, "changes"),
        ({"way": "typos", "changes": []}, "changes"),
        ({"way": "template"}, "template"),
        ({"way": "template", "template": TEMPLATE.replace("{word}", "{wort}")}, "template[0].request"),
    ],
)
def test_an_order_that_makes_no_sense_says_where(store, data, field):
    with pytest.raises(ProblemsError) as caught:
        generating.generate(store, Order.from_dict({"toolset": "small", **data}))
    assert caught.value.problems[0].field == field


@pytest.mark.parametrize(
    "data", [{"way": "magic"}, {"count": "5"}, {"tools": "ping"}, {"seed": True}, {"colour": 1}, {"endpoint": []}]
)
def test_an_order_of_the_wrong_form_is_refused(data):
    with pytest.raises(WorkbenchError):
        Order.from_dict(data)


def test_too_many_and_a_teacher_are_refused(store):
    with pytest.raises(WorkbenchError, match="at most"):
        generating.generate(store, order("schema", count=10**6))
    with pytest.raises(WorkbenchError, match="run of its own"):
        generating.generate(store, order("teacher"))


def test_history_stays_with_a_variant(store):
    turns = make_scenario(0).to_dict() | {
        "id": "h",
        "history": [{"role": "user", "content": "hi"}],
        "request": "could we ping host0 again quickly",
    }
    save(store, [Scenario.from_dict(turns)], "import", "test")
    drafts = generating.preview(store, order("typos", count=200)).drafts
    assert all(d.history for d in drafts if d.source.endswith(":h")) and any(d.source.endswith(":h") for d in drafts)
    assert ExpectedCall("ping", {"host": "host0"}) in drafts[0].outcome.calls or drafts[0].outcome.calls != ()

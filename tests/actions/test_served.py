"""What is served: chosen by a person, or by the rule "only if not worse"; evaluations by stub workers."""

from dataclasses import replace

import pytest

from tests.small_workspace import make_scenario
from workbench.actions import auto_train, run_list, run_progress, runs, served, starting
from workbench.actions.chat import listed_models, read_ask
from workbench.actions.served_verbs import ServedVerbs
from workbench.errors import WorkbenchError
from workbench.evaluation.pairing import Pairs, differences
from workbench.records import Tool, Toolset
from workbench.runfolder import write_json
from workbench.store import served as served_store
from workbench.store.auto_train import AutoRule
from workbench.store.scenarios import save
from workbench.store.toolsets import save_toolset
from workbench.training.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("stub_workers")
RULE = AutoRule("small", True, 1, settings={"epochs": 1})


def settle(store) -> None:
    """As the app does until nothing is under way."""
    known = -1
    while known != (known := len(runs.runs(store))):
        auto_train.keep_up(store)
        for run in runs.sync(store):
            if not run.finished:
                run_progress.wait(store, run.id)


def grow(store, *numbers: int) -> None:
    save(store, [make_scenario(i) for i in numbers], "import", "test")


def newest(store) -> str:
    return f"run:{runs.runs(store, 'train')[0].id}"


def test_the_starter_until_somebody_chooses(store):
    assert served.served(store, "small").model == "starter" and served.served_model(store, "small").id == "starter"
    assert served.proposal(store, "small") is None
    run = run_progress.wait(store, starting.start_training(store, "small", settings=TrainSettings(epochs=1)).id)
    chosen = served.serve(store, "small", f"run:{run.id}", "ann", " it is good ")
    assert (chosen.model, chosen.author, chosen.reason) == (f"run:{run.id}", "ann", "it is good") and chosen.since
    assert served.serve(store, "small", f"run:{run.id}", "bob") == chosen
    with pytest.raises(WorkbenchError, match="is served for the toolset 'small'"):
        run_list.delete(store, [run.id])
    served.serve(store, "small", "starter", "ann")
    assert [one.model for one in served_store.history(store, "small")] == ["starter", f"run:{run.id}"]
    assert [one.model for one in served_store.present(store)] == ["starter"]
    run_list.delete(store, [run.id])


def test_what_cannot_be_served(store):
    save_toolset(store, Toolset("other", (Tool("wave", "Wave.", {"type": "object", "properties": {}}),)), "test")
    run = run_progress.wait(store, starting.start_training(store, "small", settings=TrainSettings(epochs=1)).id)
    for model, toolset, said in (
        ("nearest", "small", "cannot be served"),
        ("starter+k2", "small", "cannot be served"),
        ("run:none", "small", "no training run"),
        (f"run:{run.id}", "other", "was trained for the toolset 'small'"),
        ("starter", "none", "no toolset 'none'"),
    ):
        with pytest.raises(WorkbenchError, match=said):
            served.serve(store, toolset, model)
    with pytest.raises(WorkbenchError, match="No model is proposed"):
        served.swap(store, "small")


def test_a_person_takes_what_is_proposed(store):
    auto_train.set_rule(store, RULE)
    auto_train.keep_up(store)
    run_progress.wait(store, newest(store).removeprefix("run:"))
    waiting = served.proposal(store, "small")
    assert waiting is not None and waiting.state == "waiting" and not waiting.not_worse
    with pytest.raises(WorkbenchError, match="no verdict"):
        served.swap(store, "small")
    settle(store)
    found = served.proposal(store, "small")
    assert found is not None and found.state == "ready" and found.not_worse, found
    assert found.difference.pairs == Pairs(2, 2, 0, 0) and "not distinguishable" in found.reason
    assert served.served(store, "small").model == "starter"
    swapped = served.swap(store, "small", "ann")
    assert (swapped.model, swapped.reason) == (newest(store), found.reason)
    assert served.proposal(store, "small") is None
    # The person's word stands until something newer was trained.
    served.serve(store, "small", "starter", "ann")
    assert served.proposal(store, "small") is None


def test_the_rule_serves_what_is_not_worse_and_nothing_else(store, monkeypatch):
    auto_train.set_rule(store, replace(RULE, swap="not_worse"))
    settle(store)
    first = newest(store)
    assert served.served(store, "small").author == "auto-train" and served.served(store, "small").model == first
    judged = []

    def worse(*names):
        judged.append(names)
        return real(*names)[0], differences([Pairs(50, 4, broken, 40)])[0]

    real = served.against
    monkeypatch.setattr(served, "against", worse)
    for number, broken in ((20, 30), (24, 5)):  # beyond chance, and not
        grow(store, number)
        settle(store)
        found = served.proposal(store, "small")
        assert found is not None and found.model == newest(store) != first
        assert found.difference.standing == ("worse" if broken == 30 else "not distinguishable")
        assert found.state == "ready" and not found.not_worse and served.served(store, "small").model == first
    monkeypatch.setattr(served, "against", real)
    auto_train.keep_up(store)
    assert served.served(store, "small").model == newest(store)
    # The one that was served answered the test scenarios of the new one's snapshot.
    snapshot = runs.runs(store, "train")[0].snapshot
    assert {run.model for run in runs.runs(store, "evaluate") if run.snapshot == snapshot} >= {first, newest(store)}


def test_a_proposal_without_a_verdict_says_why(store, monkeypatch):
    auto_train.set_rule(store, replace(RULE, swap="not_worse"))
    monkeypatch.setattr(served, "swap_if_not_worse", lambda *_: None)
    settle(store)
    for run in runs.runs(store, "evaluate"):
        served.run_store.update(store, run.id, state="failed")
    found = served.proposal(store, "small")
    assert found is not None and found.state == "impossible" and "failed" in found.reason and not found.not_worse
    assert served.evaluate_proposal(store, "small") == []
    run_list.delete(store, [run.id for run in runs.runs(store, "evaluate")])
    assert served.proposal(store, "small").state == "waiting" and served.evaluate_proposal(store, "small") == []


def test_a_rule_that_is_none(store):
    with pytest.raises(WorkbenchError, match="no rule 'always'"):
        auto_train.set_rule(store, replace(RULE, swap="always"))


def test_requests_may_ask_for_what_is_served(store):
    run = run_progress.wait(store, starting.start_training(store, "small", settings=TrainSettings(epochs=1)).id)
    body = {"model": "served", "messages": [{"role": "user", "content": "hi"}]}
    assert read_ask(store, body).model.id == "starter"
    ServedVerbs(store).serve(f"run:{run.id}", "small", "better")
    assert read_ask(store, body).model.id == f"run:{run.id}" and listed_models(store)[0][0] == "served"
    adapter = store.workspace.run_folder(run.id) / "adapter"
    (adapter / "adapter_config.json").unlink()
    assert "served" not in dict(listed_models(store))
    write_json(adapter / "adapter_config.json", {})
    assert "served" in dict(listed_models(store))

"""The panel of what is served, with stub workers: begin, read the verdict, swap."""

from pathlib import Path

import gradio as gr
import pytest

from tests.small_workspace import open_small
from workbench.actions import auto_train, run_progress, runs, served
from workbench.store import Store
from workbench.store.auto_train import AutoRule
from workbench.ui.loop import Loop
from workbench.workspace import Workspace


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for kind in ("train", "evaluate"):
        monkeypatch.setitem(runs.WORKERS, kind, "tests.stub_worker")
    monkeypatch.setattr(run_progress, "POLL_SECONDS", 0.05)
    with open_small(tmp_path) as store:
        yield store


def settle(store) -> None:
    """As the app does until nothing is under way."""
    auto_train.keep_up(store)
    while busy := [run for run in runs.sync(store) if not run.finished]:
        run_progress.wait(store, busy[0].id)
        auto_train.keep_up(store)


def test_the_loop_by_buttons(store):
    panel = Loop(store, "")
    assert "small is answered by" in panel.html() and "12 approved scenarios are new, 50 are enough" in panel.html()
    html, message = panel.due()
    assert "Not enough is new." in message
    auto_train.set_rule(store, AutoRule("small", False, 5, settings={"epochs": 1}))
    html, message = panel.due()
    assert "Training has begun." in message and "disabled" in html and "small auto 1" in html
    run_progress.wait(store, runs.runs(store, "train")[0].id)
    settle(store)
    proposal = served.proposal(store, "small")
    assert proposal is not None and proposal.state == "ready"
    html = panel.html()
    assert "Serve it instead" in html and "could take its place" in html and "/compare?" in html
    late = gr.EventData(None, {"model": "run:another"})
    assert "Another model is proposed by now" in panel.swap(late, None)[1]
    html, message = panel.swap(gr.EventData(None, {"model": proposal.model}), None)
    assert "answers now" in message and "Serve it instead" not in html
    assert served.served(store, "small").model == proposal.model


def test_nothing_without_a_toolset(tmp_path: Path):
    with Store.open(Workspace(tmp_path / "empty")) as blank:
        assert Loop(blank, "").html() == ""

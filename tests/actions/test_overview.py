"""The first page's counts and steps come from what is really there."""

from dataclasses import replace

from workbench.actions import comparing, curate, run_progress, starting
from workbench.actions.overview import overview
from workbench.store import Store
from workbench.training.settings import TrainSettings


def test_a_new_workspace(store: Store):
    found = overview(store)
    assert (found.approved, found.drafts, found.tools, found.toolsets) == (12, 0, 2, 1)
    assert found.splits == {"train": 6, "validation": 2, "test": 4}
    assert (found.covered, found.pairs, found.filled) == (2, 6, 6)
    assert (found.authored, found.trained, found.compared, found.latest) == (False, 0, False, None)


def test_steps_are_ticked_off_by_what_was_done(store: Store, stub_workers: None):
    curate.save_scenario(store, replace(curate.get(store, "s0"), status="draft"))
    found = overview(store)
    assert found.authored and found.drafts == 1
    trained = starting.start_training(store, "small", settings=TrainSettings(epochs=1))
    run_progress.wait(store, trained.id)
    found = overview(store)
    assert found.trained == 1 and found.latest and found.latest.run.id == trained.id and not found.compared
    for run in comparing.ensure_evaluations(store, ["starter", f"run:{trained.id}"], trained.snapshot):
        run_progress.wait(store, run.id)
    assert overview(store).compared

"""A pre-flight with a real model in a process of its own: blocked rows, estimate, and how far off it was."""

import time
from dataclasses import replace

import pytest

from tests.small_models import make_gemma
from tests.small_workspace import TOOLSET, make_scenario
from workbench.actions import preflight, recipes, run_progress, runs, starting
from workbench.actions.curate import ProblemsError
from workbench.actions.run_verbs import run_to_dict
from workbench.cli.output import run_lines
from workbench.errors import WorkbenchError
from workbench.records import ExpectedCall, Outcome, Run
from workbench.runfolder import RunFolder
from workbench.store.scenarios import save
from workbench.training.settings import TrainSettings
from workbench.ui.views.preflight import foretold

QUICK = TrainSettings(epochs=2, batch_size=4, rank=4, precision="fp32", threads=1, validation_scenarios=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_gemma(tmp_path_factory.mktemp("gemma"), window=64))


def finish(store, key: str) -> preflight.Preflight:
    deadline = time.monotonic() + 200
    while not (found := preflight.get(store, key)).finished:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_a_whole_preflight_and_the_run_after_it(store, base: str) -> None:
    bad = Outcome((ExpectedCall("ping", {"host": 5}),))
    save(store, [make_scenario(20, id="odd", outcome=bad, split="train")], "import", "test")
    begun = preflight.start(store, "small", base, QUICK)
    assert begun.state == "running" and preflight.start(store, "small", base, QUICK).key == begun.key
    found = finish(store, begun.key)
    assert found.state == "done", found.message
    assert [one["scenario_id"] for one in found.blocked] == ["odd"] and found.summary["blocked"] == 1
    assert "host" in found.blocked[0]["reasons"][0]
    assert found.summary["scenarios"] == 9 and found.summary["total_steps"] == 4
    assert found.summary["seconds"] > found.summary["startup_seconds"] > 0 and found.summary["memory_mb"] > 100
    assert not RunFolder(store.workspace.runs / "preflight" / begun.key).adapter.exists()
    first, second = preflight.sights(store, begun.key, 0, 2)
    assert (first["scenario_id"], second["reasons"]) == ("odd", [])
    text = "".join(piece[0] for piece in second["pieces"])
    assert text.startswith("<bos>") and "declaration:ping" in text
    assert any(trained for _, _, trained in second["pieces"])
    assert preflight.latest(store).key == begun.key and runs.runs(store) == []

    save(store, [make_scenario(20, id="odd", status="draft")], "edit", "test")
    again = finish(store, preflight.start(store, "small", base, QUICK).key)
    assert again.key != begun.key and again.blocked == ()
    run = starting.start_training(store, "small", base, QUICK)
    assert run.config["estimate"] == {name: again.summary[name] for name in ("seconds", "memory_mb")}
    ended = run_progress.wait(store, run.id)
    off = preflight.how_far_off(ended)
    assert off["seconds"]["really"] == ended.summary["train_seconds"] and off["memory_mb"]["foretold"] > 100
    assert foretold(off).startswith("Pre-flight: ") and foretold(off).count("foretold") == 2
    assert off["seconds"] == run_to_dict(ended)["foretold"]["seconds"]
    assert "against the pre-flight" in run_lines([run_to_dict(ended)])[1]


def test_nonsense_is_refused_before_anything_begins(store, base: str) -> None:
    with pytest.raises(ProblemsError, match="learning rate of 2"):
        preflight.start(store, "small", base, TrainSettings(learning_rate=2))
    with pytest.raises(WorkbenchError, match="no toolset 'other'"):
        preflight.start(store, "other", base, QUICK)
    with pytest.raises(WorkbenchError, match="no such pre-flight"):
        preflight.get(store, "0123")
    with pytest.raises(WorkbenchError, match="not a run id"):
        preflight.get(store, "../app")
    assert preflight.latest(store) is None


def test_the_key_follows_the_content(store, base: str) -> None:
    model, rows = recipes.resolve(store, base), [(make_scenario(i), "train") for i in range(3)]
    key = preflight.content_key(model, TOOLSET, QUICK, rows)
    assert key == preflight.content_key(model, TOOLSET, QUICK, rows[::-1])
    assert key == preflight.content_key(model, TOOLSET, QUICK, [*rows, (make_scenario(9), "test")])
    assert key != preflight.content_key(model, TOOLSET, QUICK, rows[:2])
    assert key != preflight.content_key(model, TOOLSET, TrainSettings(), rows)
    assert preflight.estimate(store, model, TOOLSET, QUICK, rows) == {}


def test_only_the_newest_folders_stay(store, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "KEPT", 2)
    monkeypatch.setattr(preflight, "launch", lambda folder, module: (folder / "status.json").write_text(
        '{"state": "done", "heartbeat": 1}'))  # fmt: skip
    keys = [preflight.start(store, "small", base, TrainSettings(seed=seed)).key for seed in range(4)]
    left = {path.name for path in (store.workspace.runs / "preflight").iterdir()}
    assert len(left) == 2 and keys[-1] in left


def test_a_recipe_takes_the_preset_and_what_is_given(store) -> None:
    found = recipes.recipe(store, "small", "a/b", "thorough", {"rank": 3})
    assert found.rank == 3 and found.early_stop_patience > 0
    assert recipes.recipe(store, "small", "starter").b_rate_factor > 1
    with pytest.raises(WorkbenchError, match="no preset"):
        recipes.recipe(store, "small", "a/b", "best")


def test_a_form_begins_with_the_balanced_preset(store) -> None:
    assert recipes.first_settings(store, "small", "starter") == recipes.recipe(store, "small", "starter", "balanced")
    gone = str(store.workspace.root / "no-such-folder")
    assert recipes.first_settings(store, "small", gone) == TrainSettings()


def test_how_far_off_it_was() -> None:
    run = Run("r", "train", "done", "s", "starter", {"estimate": {"seconds": 100, "memory_mb": 2048}}, "now")
    took = replace(run, summary={"train_seconds": 110, "peak_memory_mb": 2048})
    said = foretold(preflight.how_far_off(took))
    assert "10% more" in said and "2.0 GB foretold, which was right" in said
    for other in (run, replace(took, config={}), replace(took, state="failed")):
        assert preflight.how_far_off(other) == {} and foretold({}) == ""

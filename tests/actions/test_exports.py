"""Exports through the store: a real worker, a real adapter on a tiny model, the files as models again."""

import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.small_models import make_gemma
from tests.training.artefacts.test_artefacts_worker import tuned
from workbench.actions import comparing, exports, models, run_progress, runs
from workbench.actions.artefact_verbs import ArtefactVerbs
from workbench.actions.curate import ProblemsError
from workbench.errors import WorkbenchError
from workbench.records import Model, Run
from workbench.runfolder import RunFolder, write_json
from workbench.store import Store
from workbench.store import runs as run_store
from workbench.store.database import now
from workbench.training.artefacts.settings import ExportSettings
from workbench.training.settings import TrainSettings


@pytest.fixture
def trained(store: Store, tmp_path: Path) -> Run:
    """A training run that has finished, with an adapter of random weights."""
    base = make_gemma(tmp_path / "base", layer_types=["full_attention"] * 2)
    snapshot = runs.make_snapshot(store, "small")
    config = {
        "model": {"id": str(base), "label": "base", "base": str(base), "adapter": "", "dialect": "auto"},
        "settings": TrainSettings().to_dict(),
        "toolset": {"name": "small"},
    }
    run = Run("train-1", "train", "done", snapshot, str(base), config, now(), name="mine")
    folder = store.workspace.run_folder(run.id)
    folder.mkdir()
    tuned(folder / "adapter", base)
    run_store.add(store, run)
    return run


def test_export_to_the_end_and_evaluate_the_file(store: Store, trained: Run, tmp_path: Path) -> None:
    settings = ExportSettings("gguf-f16", limit=1.0, max_new_tokens=8, threads=1)
    ended = run_progress.wait(store, exports.start(store, trained.id, settings).id)
    assert ended.state == "done", ended.message
    found = exports.artefact(store, ended.id)
    assert found.verdict == "matches" and found.path and found.run.model == "run:train-1"
    assert [one.run.id for one in exports.artefacts(store, "run:train-1")] == [ended.id]
    assert exports.artefacts(store, "run:other") == []
    card = (found.path / "README.md").read_text()
    assert "mine" in card and trained.snapshot in card and "not evaluated before" in card
    model = models.resolve(store, f"run:{ended.id}")
    assert model.base.endswith("mine-f16.gguf") and model in models.list_models(store)
    assert models.resolve(store, model.base).base == model.base
    packed = exports.pack(store, ended.id, tmp_path)
    with zipfile.ZipFile(packed) as file:
        assert set(file.namelist()) == {"mine-f16.gguf", "Modelfile", "README.md"}
    evaluation = run_progress.wait(store, comparing.ensure_evaluations(store, [model.id], trained.snapshot)[0].id)
    assert evaluation.state == "done" and evaluation.summary["n"] == 4, evaluation.message


def fake_export(store: Store, trained: Run, **summary: object) -> Run:
    """An export as its worker leaves it behind, without files."""
    model = Model("run:train-1", "mine", "x", "y")
    config = {"settings": ExportSettings().to_dict(), "model": {"base": "x", "dialect": "auto"}, "about": {}}
    run = Run("export-1", "export", "done", trained.snapshot, model.id, config, now(), name="mine", summary=summary)
    store.workspace.run_folder(run.id).mkdir()
    run_store.add(store, run)
    return run


def test_one_that_does_not_match_is_marked(store: Store, trained: Run) -> None:
    parity = {
        "n": 4,
        "flips": 2,
        "limit": 0.01,
        "share": 0.5,
        "matches": False,
        "kinds": {},
        "split": "test",
        "how": "",
    }
    run = fake_export(store, trained, parity=parity, bytes=3)
    folder = RunFolder(store.workspace.run_folder(run.id))
    write_json(folder.path / "flips.jsonl", {})
    (folder.path / "flips.jsonl").write_text('{"kind": "tool"}\n')
    shown = ArtefactVerbs(store).show(run.id)
    assert shown["verdict"] == "does not match" and shown["flips"] == [{"kind": "tool"}] and shown["path"] == ""
    with pytest.raises(WorkbenchError, match="has no files"):
        exports.pack(store, run.id, folder.path)
    with pytest.raises(WorkbenchError, match="no training run"):
        exports.start(store, run.id)


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        ("train-1", ExportSettings("floppy"), "no format 'floppy'"),
        ("train-1", ExportSettings(limit=2), "limit: is out of range"),
        ("train-1", ExportSettings(split="nowhere"), "no split 'nowhere'"),
        ("nobody", ExportSettings(), "no training run 'nobody'"),
    ],
)
def test_what_cannot_be_exported(
    store: Store, trained: Run, model: str, settings: ExportSettings, message: str
) -> None:
    with pytest.raises(WorkbenchError, match=message) as caught:
        exports.start(store, model, settings)
    assert caught.value.hint and (model == "nobody" or isinstance(caught.value, ProblemsError))
    assert runs.runs(store, "export") == []


def test_settings_are_read_strictly() -> None:
    assert ExportSettings.from_dict({"format": "int8"}).format == "int8"
    for wrong in ({"colour": 1}, {"limit": "low"}, {"batch_size": True}):
        with pytest.raises(WorkbenchError):
            ExportSettings.from_dict(wrong)


def test_a_folder_with_an_adapter_is_a_model(store: Store, trained: Run) -> None:
    folder = store.workspace.run_folder(trained.id) / "adapter"
    model = models.resolve(store, str(folder))
    assert model.adapter == str(folder) and model.base == trained.model
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(WorkbenchError, match="names no base"):
        models.resolve(store, str(folder))


def test_the_api_starts_lists_and_hands_out(store: Store, trained: Run) -> None:
    from fastapi import FastAPI

    from workbench.api import install

    app = FastAPI()
    install(app, store)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/api/artefacts", json={"model": trained.id, "settings": {"format": "floppy"}})
        assert answer.status_code == 400 and "floppy" in answer.json()["error"]["message"]
        run = fake_export(store, trained)
        assert [one["run"] for one in client.get("/api/artefacts").json()["artefacts"]] == [run.id]
        assert client.get(f"/api/artefacts/{run.id}/zip").status_code == 400
        folder = models.artefact_folder(store, run.id)
        folder.mkdir()
        (folder / "README.md").write_text("# It")
        answer = client.get(f"/api/artefacts/{run.id}/zip")
        assert answer.status_code == 200 and b"# It" in answer.content
        assert client.get(f"/api/artefacts/{run.id}").json()["path"] == str(folder)

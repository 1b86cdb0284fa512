"""Models by id: variants, endpoints, files, the baseline; evaluated through the command line by real workers."""

import json
from pathlib import Path

import pytest

from tests.chat_server import completion, send_json, serve
from tests.small_workspace import open_small
from workbench import cli
from workbench.actions import endpoints, models, runs, starting
from workbench.actions.curate import ProblemsError
from workbench.actions.models import ModelName, variant
from workbench.errors import WorkbenchError
from workbench.inference import gguf_file
from workbench.inference.gguf import open_gguf
from workbench.records import Model
from workbench.store import Store


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("starter", ModelName("starter")),
        ("starter+k4", ModelName("starter", shots=4)),
        ("run:x+int8+k12", ModelName("run:x", True, 12)),
        ("a/b+int8", ModelName("a/b", True)),
        ("endpoint:c++", ModelName("endpoint:c++")),
        ("starter+k0", ModelName("starter+k0")),
        ("starter+k4+int8", ModelName("starter+k4", True)),
    ],
)
def test_ids_of_variants_are_read_and_written(id: str, name: ModelName):
    assert ModelName.read(id) == name and str(name) == id


def test_a_variant_is_only_asked_of_what_can_have_it():
    assert variant("starter", 4, True) == "starter+int8+k4" and variant("starter+k4", int8=True) == "starter+int8+k4"
    assert variant("endpoint:x", 2, True) == "endpoint:x+k2" and variant("nearest", 2, True) == "nearest"
    assert variant("/m.gguf", 2, True) == "/m.gguf+k2"


def test_a_folder_whose_name_looks_like_a_variant_is_a_folder(tmp_path: Path):
    (tmp_path / "mine+k4").mkdir()
    (tmp_path / "mine+k4" / "config.json").write_text("{}")
    assert ModelName.read(str(tmp_path / "mine+k4")).shots == 0


def test_models_of_all_kinds_are_found(store: Store):
    endpoints.save(store, {"name": "lab", "base_url": "http://127.0.0.1:9/v1", "model": "tiny"})
    lab = models.resolve(store, "endpoint:lab+k2")
    assert (lab.id, lab.kind, lab.shots, lab.label) == ("endpoint:lab+k2", "endpoint", 2, "lab (k = 2)")
    assert {"nearest", "endpoint:lab"} <= {model.id for model in models.list_models(store)}
    assert models.resolve(store, "starter+int8").int8
    before = models.fingerprint(lab)
    endpoints.save(store, {"name": "lab", "base_url": "http://127.0.0.1:9/v1", "model": "other"})
    assert before and models.fingerprint(models.resolve(store, "endpoint:lab+k2")) != before
    endpoints.delete(store, "lab")
    with pytest.raises(WorkbenchError, match="no endpoint 'lab'"):
        models.resolve(store, "endpoint:lab")


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("nearest+k4", "no prompt"),
        ("nearest+int8", "rounded"),
        ("starter+k65", "too many"),
        ("nope", "no model 'nope'"),
        ("/nowhere/x.gguf", "cannot be read"),
    ],
)
def test_what_cannot_be_is_said(store: Store, id: str, said: str):
    with pytest.raises(WorkbenchError, match=said):
        models.resolve(store, id)


def test_a_gguf_file_is_known_by_how_it_begins(store: Store, tmp_path: Path):
    path = tmp_path / "m.GGUF"
    path.write_bytes(b"GGUF....")
    assert models.resolve(store, str(path)).kind == "gguf"
    assert models.variant(str(path), shots=2, int8=True) == f"{path}+k2"
    with pytest.raises(WorkbenchError, match="rounded"):
        models.resolve(store, f"{path}+int8")
    path.write_bytes(b"PK..")
    with pytest.raises(WorkbenchError, match="not a GGUF file"):
        models.resolve(store, str(path))


def test_llama_cpp_without_its_library_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gguf_file, "PACKAGE", "llama_cpp_that_is_not_there")
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF....")
    with pytest.raises(WorkbenchError, match="needs llama-cpp-python") as error:
        open_gguf(Model("m", "m", str(path), kind="gguf"))
    assert "pip install" in error.value.hint


def test_paths_of_adapters_and_files_are_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned" / "adapter_config.json").write_text("{}")
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    for name in ("tuned", "tuned+int8", "m.gguf", "m.gguf+k2"):
        assert str(models.ModelName.read(name).with_whole_path()) == str(tmp_path / name)


def test_what_is_wrong_with_an_endpoint_is_said_at_its_field(store: Store):
    with pytest.raises(ProblemsError) as error:
        endpoints.save(store, {"name": "a+b", "base_url": "here", "model": "m", "key_env": "sk-123", "price_in": -1})
    assert [one.field for one in error.value.problems] == ["name", "base_url", "key_env", "price_in"]
    with pytest.raises(WorkbenchError, match="'key' is no part"):
        endpoints.save(store, {"base_url": "http://x/v1", "model": "m", "key": "sk-1"})


def test_without_its_key_nothing_is_started(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    endpoints.save(store, {"name": "x", "base_url": "http://127.0.0.1:9/v1", "model": "m", "key_env": "NO_SUCH_KEY"})
    with pytest.raises(ProblemsError, match="NO_SUCH_KEY"):
        starting.start_evaluation(store, "endpoint:x", runs.make_snapshot(store, "small"))
    assert runs.runs(store) == []


@pytest.mark.parametrize("base", ["nearest", "starter+k2", "starter+int8"])
def test_a_variant_is_not_trained(store: Store, base: str):
    with pytest.raises(WorkbenchError, match="cannot be trained"):
        starting.start_training(store, "small", base)


def test_an_endpoint_and_the_baseline_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    open_small(tmp_path).close()

    def answer(handler, body):
        send_json(handler, completion("NO_TOOL"))

    with serve(answer) as server:
        base = ["evaluate", "--workspace", str(tmp_path), "--toolset", "small", "--split", "test", "--json"]
        line = [*base, "--endpoint", server.base_url, "--endpoint-model", "tiny", "--shots", "2", "--price-in", "1"]
        assert cli.main([*line, "--baseline", "nearest"]) == 0
    remote, nearest = json.loads(capsys.readouterr().out)["runs"]
    place = server.base_url.removeprefix("http://")
    assert (remote["model"], nearest["model"]) == (f"endpoint:tiny@{place}+k2", "nearest")
    assert remote["state"] == nearest["state"] == "done"
    assert remote["summary"]["n"] == 4 and remote["summary"]["cost"] == pytest.approx(400 / 1e6)
    assert remote["summary"]["failures"] == {} and remote["summary"]["no_tool_recall"]["value"] == 1.0
    assert len(server.requests) == 4 and len(server.requests[0]["messages"]) > 2
    assert cli.main(["endpoints", "--workspace", str(tmp_path), "--json"]) == 0
    (saved,) = json.loads(capsys.readouterr().out)["endpoints"]
    assert saved["id"] == f"endpoint:tiny@{place}" and saved["price_in"] == 1.0
    assert cli.main(["endpoints", "--workspace", str(tmp_path), "--delete", saved["name"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"endpoints": []}
    with pytest.raises(SystemExit):
        cli.main([*base, "--baseline", "other"])
    assert cli.main(base) == 1

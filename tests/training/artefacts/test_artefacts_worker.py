"""Real exports of tiny models in every format, each put to the same scenarios as the model that it comes from."""

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tests.small_models import make_gemma
from workbench.errors import WorkbenchError
from workbench.evaluation.answerers import open_answerer
from workbench.evaluation.job import Job
from workbench.inference import gguf_file
from workbench.inference.engine import load, load_base, load_weights, quiet_peft
from workbench.inference.quantise import WEIGHTS, is_int8, quantise_int8, save_int8
from workbench.inference.replies import reply_to
from workbench.records import Model, Scenario, Tool, Toolset
from workbench.runfolder import RunFolder, append_rows, read_rows, write_json
from workbench.runfolder.reporting import Ending, Reporter
from workbench.training.artefacts import worker
from workbench.training.artefacts.settings import ARTEFACT, FLIPS, FORMATS
from workbench.workspace import STARTER

HOST = {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]}
TOOLSET = Toolset("net", (Tool("ping", "Test whether a host answers.", HOST),))
CASES = [Scenario(f"s{i}", "net", f"ping the host {name}") for i, name in enumerate(("a", "find", "to"))]
ABOUT = {
    "name": "my router #1",
    "base": "some/base",
    "toolset": "net",
    "tools": 1,
    "snapshot": "feed",
    "settings": {"rank": 4},
    "scores": [],
}


def tuned(folder: Path, base: Path, strength: float = 1.0) -> Model:
    """A model with an adapter of random weights."""
    weights, _ = load_base(str(base))
    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    with quiet_peft(), torch.no_grad():
        model = get_peft_model(weights, config)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.mul_(strength)
        model.save_pretrained(str(folder))
    return Model("run:x", "my router #1", str(base), str(folder))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("small")
    kinds = [*["sliding_attention"] * 5, "full_attention"]
    return tuned(folder / "adapter", make_gemma(folder / "base", layer_types=kinds, window=64))


def make_folder(path: Path, model: Model, format: str, **settings: Any) -> RunFolder:
    path.mkdir()
    config = {
        "run_id": path.name,
        "kind": "export",
        "model": dataclasses.asdict(model),
        "toolset": TOOLSET.to_dict(),
        "settings": {"format": format, "max_new_tokens": 12, "threads": 1, **settings},
        "about": ABOUT,
    }
    folder = RunFolder(path)
    write_json(folder.config, config)
    append_rows(folder.cases, ({"scenario": scenario.to_dict()} for scenario in CASES))
    return folder


def run_here(folder: RunFolder) -> Ending:
    with Reporter(folder) as reporter:
        return worker.export(folder, reporter)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_answers_as_the_model_does(format: str, small: Model, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", small, format, limit=1.0)
    ending = run_here(folder)
    parity, artefact = ending.summary["parity"], folder.path / ARTEFACT
    assert ending.state == "done" and parity["n"] == 3 and parity["matches"]
    if format in ("adapter", "merged-fp32"):
        assert parity["flips"] == 0
    assert len(read_rows(folder.path / FLIPS)) == parity["flips"]
    names = {path.name for path in artefact.iterdir()}
    assert names == {file["name"] for file in ending.summary["files"]} and not any(n.startswith(".") for n in names)
    assert sum(path.stat().st_size for path in artefact.iterdir()) >= ending.summary["bytes"] > 10_000
    card = (artefact / "README.md").read_text()
    assert "my router" in card and "feed" in card and FORMATS[format] in card and "It matches" in card
    if not format.startswith("gguf-"):
        assert "tokenizer.json" in names
    else:
        assert "llama.cpp itself was not run" in card and "<end_of_turn>" in (artefact / "Modelfile").read_text()


def test_the_adapter_is_peft_s_own_and_merged_weights_are_transformers_own(small: Model, tmp_path: Path) -> None:
    merged = make_folder(tmp_path / "merged", small, "merged-bf16")
    run_here(merged)
    found = AutoModelForCausalLM.from_pretrained(merged.path / ARTEFACT, dtype="auto")
    assert found.dtype == torch.bfloat16
    wanted = load_weights(small)[0].state_dict()
    assert all(torch.equal(w.to(torch.bfloat16), found.state_dict()[name]) for name, w in wanted.items())
    adapter = make_folder(tmp_path / "adapter", small, "adapter")
    run_here(adapter)
    again, _ = load_weights(Model("x", "x", small.base, str(adapter.path / ARTEFACT)))
    assert all(torch.equal(w, again.state_dict()[name]) for name, w in wanted.items())


def test_the_starter_as_merged_weights_and_as_gguf(tmp_path: Path) -> None:
    model = tuned(tmp_path / "adapter", STARTER, 0.01)
    for format in ("merged-fp32", "gguf-f16"):
        ending = run_here(make_folder(tmp_path / format, model, format, max_new_tokens=32))
        assert ending.state == "done" and ending.summary["parity"]["flips"] == 0, ending


def test_a_bad_artefact_is_marked(small: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model as it was trained answers with calls of its own; the files answer otherwise."""
    honest, told = reply_to, []

    def first_calls_then_not(loaded: Any, *rest: Any) -> Any:
        told.append(loaded)
        text = "<start_function_call>call:ping{host:<escape>a<escape>}<end_function_call>" if len(told) == 1 else "no"
        from workbench.dialects import get_dialect

        for reply in honest(loaded, *rest):
            yield dataclasses.replace(reply, raw=text, parsed=get_dialect("functiongemma").parse(text))

    monkeypatch.setattr("workbench.inference.replies.reply_to", first_calls_then_not)
    folder = make_folder(tmp_path / "run", small, "merged-fp32")
    ending = run_here(folder)
    parity = ending.summary["parity"]
    assert not parity["matches"] and parity["kinds"]["call/NO_TOOL"] == 3 and parity["fixed"] == 3
    assert ending.message == "Does not match: 3 of 3 answers differ."
    rows = read_rows(folder.path / FLIPS)
    assert [(row["before"], row["after"]) for row in rows] == [("ping", "NO_TOOL")] * 3
    assert "does not match" in (folder.path / ARTEFACT / "README.md").read_text()


def test_a_cancelled_export_leaves_nothing_half_done(small: Model, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", small, "gguf-f16")
    folder.cancel.touch()
    assert run_here(folder).state == "stopped"
    assert [path.name for path in folder.path.iterdir() if ARTEFACT in path.name] == []


def test_a_format_that_cannot_express_the_model_says_so(tmp_path: Path) -> None:
    model = tuned(tmp_path / "adapter", make_gemma(tmp_path / "base"))
    with pytest.raises(WorkbenchError, match="every sixth layer"):
        run_here(make_folder(tmp_path / "run", model, "gguf-f16"))
    assert not (tmp_path / "run" / ARTEFACT).exists()


def test_integers_stay_near_the_weights(small: Model, tmp_path: Path) -> None:
    weights, _ = load_weights(small)
    ids = torch.arange(30)[None] * 5
    with torch.inference_mode():
        before = weights(ids).logits
        after = quantise_int8(weights)(ids).logits
    assert 0 < float((before - after).abs().max()) < 0.1 * float(before.abs().max())


def test_the_files_of_integers_hold_the_quantised_model(small: Model, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", small, "int8", limit=1.0)
    run_here(folder)
    artefact = folder.path / ARTEFACT
    assert is_int8(str(artefact)) and not (artefact / "model.safetensors").exists()
    again = load(Model("x", "x", str(artefact)), torch.float32).model.state_dict()
    wanted = quantise_int8(load_weights(small)[0]).state_dict()
    assert again.keys() == wanted.keys() and all(torch.equal(again[name], wanted[name]) for name in wanted)


def test_a_tied_head_is_kept_once(tmp_path: Path) -> None:
    weights, tokenizer = load_base(str(STARTER))
    save_int8(quantise_int8(weights), tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    again, _ = load_base(str(tmp_path))
    ids = torch.arange(30)[None] * 5
    with torch.inference_mode():
        assert torch.equal(again(ids).logits, weights.eval()(ids).logits)


def test_without_llama_cpp_a_gguf_file_is_answered_all_the_same(
    small: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_file, "PACKAGE", "llama_cpp_that_is_not_there")
    folder = make_folder(tmp_path / "run", small, "gguf-f16", limit=1.0)
    run_here(folder)
    (file,) = (folder.path / ARTEFACT).glob("*.gguf")
    model = Model(str(file), "m", str(file), dialect="functiongemma", kind="gguf")
    job = Job(model, TOOLSET, tuple(CASES), None, (), max_new_tokens=4, threads=1)
    with open_answerer(job, lambda stop: nullcontext()) as answerer:
        assert "Read by transformers" in answerer.notice and answerer.summary["reader"] == "transformers"
        assert {reply.scenario_id for reply in answerer.replies(CASES)} == {case.id for case in CASES}

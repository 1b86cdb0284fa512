"""A real training run of a tiny model, in a process of its own where that matters."""

import dataclasses
import json
import math
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.small_models import make_gemma, make_llama, make_neox, make_qwen
from workbench.dialects import get_dialect
from workbench.errors import WorkbenchError
from workbench.inference.engine import fast_dtype, load, load_base, quiet_peft
from workbench.inference.replies import reply_to
from workbench.jobs import cancel
from workbench.jobs.local import launch
from workbench.jobs.watch import observe
from workbench.records import ExpectedCall, Model, Outcome, Scenario, Tool, Toolset
from workbench.runfolder import RunFolder, append_rows, read_rows, write_json
from workbench.runfolder.reporting import Ending, Reporter
from workbench.runfolder.status import RunStatus
from workbench.training import lora
from workbench.training.examples import make_examples
from workbench.training.job import Job
from workbench.training.loop import Loop
from workbench.training.lora import Trainee
from workbench.training.packing import Batch, make_batches
from workbench.training.schedule import learning_rate
from workbench.training.settings import TrainSettings
from workbench.training.validating import Validator
from workbench.training.worker import train

TOOLSET = Toolset(
    "net",
    (
        Tool(
            "ping", "Test a host.", {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]}
        ),
        Tool(
            "find", "Find files.", {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        ),
    ),
)
HOSTS = "alpha beta gamma delta omega sigma kappa theta".split()
QUICK = TrainSettings(rank=4, learning_rate=0.01, epochs=2, batch_size=4, precision="fp32", threads=1, augment=0.5)


def scenarios() -> list[Scenario]:
    rows = [
        Scenario(f"p{h}", "net", f"ping the host {h}", Outcome((ExpectedCall("ping", {"host": h}),))) for h in HOSTS
    ]
    rows += [Scenario(f"f{h}", "net", f"where is {h}", Outcome((ExpectedCall("find", {"name": h}),))) for h in HOSTS]
    return [*rows, Scenario("n", "net", "thank you")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gemma(tmp_path_factory.mktemp("gemma"), window=64)


def make_folder(path: Path, base: Path | str, settings: TrainSettings = QUICK, **changes: Any) -> RunFolder:
    """A run folder as ``actions`` writes it; every fifth scenario validates."""
    path.mkdir(exist_ok=True)
    config = {
        "run_id": path.name,
        "kind": "train",
        "model": dataclasses.asdict(Model("small", "Small", str(base))),
        "toolset": TOOLSET.to_dict(),
        "settings": {**settings.to_dict(), **changes},
    }
    folder = RunFolder(path)
    write_json(folder.config, config)
    splits = ["validation" if i % 5 == 4 else "train" for i in range(99)]
    append_rows(
        folder.train, ({"scenario": s.to_dict(), "split": split} for s, split in zip(scenarios(), splits, strict=False))
    )
    return folder


def run_here(folder: RunFolder) -> Ending:
    with Reporter(folder) as reporter:
        return train(folder, reporter)


def stop_after(monkeypatch: pytest.MonkeyPatch, folder: RunFolder, step: int) -> None:
    train = Loop._train

    def stopping(loop: Loop, *args: Any) -> None:
        train(loop, *args)
        if loop.step == step:
            folder.cancel.touch()

    monkeypatch.setattr(Loop, "_train", stopping)


def wait_for(folder: RunFolder, *states: str, phase: str = "") -> RunStatus:
    deadline = time.time() + 240
    while (status := observe(folder.path)).state not in states or (phase and status.phase != phase):
        assert not status.finished or status.state in states, status
        assert time.time() < deadline, status
        time.sleep(0.05)
    return status


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, base: Path) -> RunFolder:
    """A run that went through a detached process."""
    folder = make_folder(tmp_path_factory.mktemp("run"), base)
    launch(folder.path, "workbench.training.worker")
    wait_for(folder, "done")
    return folder


def test_metrics_have_every_step(finished: RunFolder) -> None:
    rows = [row for row in read_rows(finished.metrics) if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert [row["epoch"] for row in rows] == [1] * 4 + [2] * 4
    for row in rows:
        assert {"time", "learning_rate", "examples_per_second", "steps_per_second", "memory_mb", "grad_norm"} <= set(
            row
        )
        assert math.isfinite(row["loss"]) and row["grad_norm"] > 0 and row["memory_mb"] > 10


def test_it_learns(finished: RunFolder) -> None:
    losses = [row["loss"] for row in read_rows(finished.metrics) if "loss" in row]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_it_validates_and_says_how_it_ended(finished: RunFolder) -> None:
    rows = [row for row in read_rows(finished.metrics) if "validation_loss" in row]
    assert rows[-1]["step"] == 8 and len(rows) == 3
    assert all(0 <= row["validation_exact"] <= row["validation_tool"] <= 1 for row in rows)
    summary = observe(finished.path).summary
    assert summary["steps"] == summary["total_steps"] == 8
    assert summary["validation_loss"] == next(r["validation_loss"] for r in rows if r["step"] == summary["best_step"])


def test_the_status_tells_the_progress(finished: RunFolder) -> None:
    status = observe(finished.path)
    assert (status.step, status.total_steps, status.eta_s, status.phase) == (8, 8, 0.0, "")


def test_the_adapter_loads_with_plain_peft_and_the_engine_merges_it(finished: RunFolder, base: Path) -> None:
    weights = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with quiet_peft():
        plain = PeftModel.from_pretrained(weights, str(finished.adapter))
    tokenizer = AutoTokenizer.from_pretrained(finished.adapter)
    ids = tokenizer("<bos>ping the host", add_special_tokens=False, return_tensors="pt")["input_ids"]
    merged = load(Model("run", "Run", str(base), str(finished.adapter)), torch.float32)
    merged.model.set_attn_implementation("sdpa")
    with torch.no_grad():
        tuned, again = plain(ids).logits, merged.model(ids).logits
        with plain.disable_adapter():
            untuned = plain(ids).logits
    torch.testing.assert_close(again, tuned, rtol=1e-3, atol=1e-3)
    assert (tuned - untuned).abs().max() > 1e-3
    config = json.loads((finished.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base) and config["r"] == 4


def test_nothing_temporary_is_left(finished: RunFolder) -> None:
    assert not [file for file in finished.path.iterdir() if file.name.startswith(".")]


def test_cancel_keeps_what_was_learned(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base, epochs=1000, validate_every=10_000)
    launch(folder.path, "workbench.training.worker")
    wait_for(folder, "running", phase="training")
    cancel.ask(folder.path)
    status = wait_for(folder, "stopped")
    assert "Stopped" in status.message
    assert (folder.adapter / "adapter_model.safetensors").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_a_disk_that_takes_no_adapter_is_named_and_the_run_goes_on_later(tmp_path: Path, base: Path) -> None:
    """The system really refuses; what was written before stays, and no half file has a final name."""
    import resource

    folder = make_folder(tmp_path / "run", base, epochs=1)
    write_json(folder.config, {**folder.read_config(), "cache": "../cache"})
    limit = 20_000
    pid = launch(folder.path, "workbench.training.worker")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))
    status = wait_for(folder, "failed")
    assert "no file grow so large" in status.message and "resume" in status.message
    rows = read_rows(folder.metrics)
    assert [row["step"] for row in rows if "loss" in row] and all(rows)
    assert not folder.adapter.exists()
    assert not [path for path in folder.path.rglob(".*") if path.suffix == ".tmp"]
    ending = run_here(folder)
    assert ending.state == "done" and (folder.adapter / "adapter_model.safetensors").stat().st_size > limit


def test_a_missing_base_model_fails_with_a_sentence(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", tmp_path / "nowhere")
    launch(folder.path, "workbench.training.worker")
    status = wait_for(folder, "failed")
    assert "There is no folder" in status.message
    assert "Traceback" in folder.log.read_text()


def test_the_same_seed_gives_the_same_losses(tmp_path: Path, base: Path) -> None:
    losses = []
    for name in ("a", "b"):
        folder = make_folder(tmp_path / name, base, epochs=1)
        run_here(folder)
        losses.append([row["loss"] for row in read_rows(folder.metrics) if "loss" in row])
    assert losses[0] == losses[1]


def test_bfloat16_learns_too(tmp_path: Path, base: Path) -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        folder = make_folder(tmp_path / precision, base, precision=precision, augment=0.0)
        run_here(folder)
        losses[precision] = [row["loss"] for row in read_rows(folder.metrics) if "loss" in row]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.1)


def test_the_time_limit_ends_the_run_well(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base, epochs=1000, max_seconds=4)
    ending = run_here(folder)
    assert ending.state == "done" and "time limit" in ending.message
    assert folder.adapter.is_dir() and 0 < ending.summary["steps"] < ending.summary["total_steps"]


def test_early_stop_ends_the_run(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lora.Trainee, "loss", lambda *_: 1.0)
    monkeypatch.setattr(Validator, "answer", lambda *_: (0.5, 0.5))
    ending = run_here(make_folder(tmp_path / "run", base, epochs=50, validate_every=2, early_stop_patience=3))
    assert ending.state == "done" and "no improvement" in ending.message
    assert (ending.summary["steps"], ending.summary["best_step"]) == (8, 2)


def test_divergence_is_explained(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lora, "packed_loss", lambda model, packed: model(
        input_ids=packed.ids, position_ids=packed.positions, plan=packed.plan, use_cache=False
    ).logits.mean() * math.nan)  # fmt: skip
    with pytest.raises(Exception, match="no longer a number") as caught:
        run_here(make_folder(tmp_path / "run", base))
    assert "lower learning rate" in str(caught.value)


def test_without_validation_scenarios_the_last_adapter_is_kept(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base, epochs=1)
    rows = [row for row in read_rows(folder.train) if row["split"] == "train"]
    folder.train.unlink()
    append_rows(folder.train, rows)
    ending = run_here(folder)
    assert ending.state == "done" and "validation_loss" not in ending.summary
    assert folder.adapter.is_dir()


@pytest.mark.parametrize("changes", [{"learning_rate": 2.0}, {"epochs": 0}, {"nonsense": 1}])
def test_bad_settings_are_refused_before_anything_is_loaded(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"learning rate|epochs|nonsense"):
        run_here(make_folder(tmp_path / "run", "unused", **changes))


def test_the_learning_rate_rises_and_falls() -> None:
    settings = TrainSettings(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(settings, step, 100, 0.0) for step in range(100)]
    assert rates[0] == 0.1 and max(rates) == rates[9] == rates[10] == 1.0
    assert rates[11:] == sorted(rates[11:], reverse=True) and 0 < rates[-1] < 0.02


def test_schedules() -> None:
    settings = TrainSettings(learning_rate=1.0, warmup=0.0)
    rates = {
        name: [learning_rate(dataclasses.replace(settings, schedule=name), step, 100, 0.0) for step in (0, 25, 50, 99)]
        for name in ("linear", "cosine", "constant")
    }
    assert rates["constant"] == [1.0] * 4
    assert rates["linear"] == pytest.approx([1.0, 0.75, 0.5, 0.01])
    assert rates["cosine"] == pytest.approx([1.0, 0.853553, 0.5, 0.000247], abs=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"variant": "dora"},
        {"variant": "rslora", "schedule": "cosine"},
        {"checkpointing": "on"},
        {"b_rate_factor": 4.0, "learning_rate": 0.004, "weight_decay": 0.1},
        {"optimizer": "muon"},
    ],
    ids=str,
)
def test_other_recipes_learn_and_their_adapters_load(tmp_path: Path, base: Path, changes: dict[str, Any]) -> None:
    folder = make_folder(tmp_path / "run", base, epochs=4, **changes)
    ending = run_here(folder)
    losses = [row["loss"] for row in read_rows(folder.metrics) if "loss" in row]
    assert ending.state == "done" and sum(losses[-3:]) < 0.8 * sum(losses[:3])
    config = json.loads((folder.adapter / "adapter_config.json").read_text())
    variant = changes.get("variant", "lora")
    assert (config["use_dora"], config["use_rslora"]) == (variant == "dora", variant == "rslora")
    loaded = load(Model("tuned", "Tuned", str(base), str(folder.adapter)), torch.float32)
    assert len(list(reply_to(loaded, scenarios()[:2], TOOLSET, 8))) == 2


def test_checkpointing_changes_nothing_but_memory(tmp_path: Path, base: Path) -> None:
    losses = []
    for switch in ("off", "on"):
        folder = make_folder(tmp_path / switch, base, epochs=1, checkpointing=switch)
        run_here(folder)
        losses.append([row["loss"] for row in read_rows(folder.metrics) if "loss" in row])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_accumulated_batches_are_one_bigger_batch(base: Path) -> None:
    settings = dataclasses.replace(QUICK, choice_weight=4.0, clip=0.0)
    weights = []
    for size in (8, 3):
        trainee = Trainee(*load_base(str(base)), settings)
        for name, master in trainee.masters.items():
            torch.nn.init.normal_(master, std=0.1, generator=torch.Generator().manual_seed(len(name)))
        trainee._publish()
        examples = make_examples(
            scenarios()[:8], TOOLSET, get_dialect("functiongemma"), trainee.loaded.tokenizer, settings.choice_weight
        )
        trainee.step(make_batches(examples, size, random.Random(0)), 0.0)
        weights.append({name: master.grad for name, master in trainee.masters.items()})
    one, many = weights
    assert all((one[name] - many[name]).norm() <= 1e-4 * one[name].norm() for name in one)


def test_b_learns_faster_than_a(base: Path) -> None:
    trainee = Trainee(*load_base(str(base)), dataclasses.replace(QUICK, b_rate_factor=8.0))
    groups = trainee.optimizer.param_groups
    assert [group["rate_factor"] for group in groups] == [1.0, 8.0]
    assert sum(len(group["params"]) for group in groups) == len(trainee.masters)
    examples = make_examples(scenarios()[:4], TOOLSET, get_dialect("functiongemma"), trainee.loaded.tokenizer)
    trainee.step(make_batches(examples, 4, random.Random(0)), 0.001)
    assert [group["lr"] for group in groups] == [0.001, 0.008]


def test_max_steps_end_the_run_whatever_the_epochs(tmp_path: Path, base: Path) -> None:
    folder = make_folder(tmp_path / "run", base, epochs=1, max_steps=7, accumulate=2, validate_every=100)
    ending = run_here(folder)
    assert ending.summary["steps"] == ending.summary["total_steps"] == 7
    rows = [row for row in read_rows(folder.metrics) if "loss" in row]
    assert [row["epoch"] for row in rows] == [1, 1, 2, 2, 3, 3, 4]


def batches_of(trainee: Trainee) -> list[Batch]:
    examples = make_examples(scenarios(), TOOLSET, get_dialect("functiongemma"), trainee.loaded.tokenizer)
    return make_batches(examples, 8, random.Random(0))


@pytest.mark.parametrize("family", [make_gemma, make_neox], ids=["packed", "padded"])
def test_noise_is_on_what_is_trained_and_nowhere_else(tmp_path: Path, family: Callable[[Path], Path]) -> None:
    """Within ``strength / sqrt(tokens * width)`` of the plain embedding in training, the very same else."""
    place = str(family(tmp_path))
    plain, noisy = (
        Trainee(*load_base(place), dataclasses.replace(QUICK, neftune=n, dialect="functiongemma")) for n in (0.0, 5.0)
    )
    batches = batches_of(plain)
    assert noisy.loss(batches) == plain.loss(batches)
    noisy.step(batches[:1], 0.0)
    length, embed = batches[0].mean_length, noisy.loaded.model.get_input_embeddings()
    ids = torch.arange(20, 200)
    wanted = plain.loaded.model.get_input_embeddings()(ids)
    bound = 5.0 / math.sqrt(length * wanted.shape[-1])
    noisy.loaded.model.train()
    noise = embed(ids) - wanted
    assert 0.95 * bound < float(noise.abs().max()) <= 1.001 * bound and not torch.equal(embed(ids), embed(ids))
    plain_loss, noisy_loss = plain.step(batches[:1], 0.0)[0], noisy.step(batches[:1], 0.0)[0]
    assert noisy_loss != plain_loss == plain.step(batches[:1], 0.0)[0]
    noisy.loaded.model.eval()
    assert torch.equal(embed(ids), wanted)


def test_a_second_run_finds_its_tokens(tmp_path: Path, base: Path) -> None:
    found = []
    for name in ("a", "b"):
        folder = make_folder(tmp_path / name, base)
        write_json(folder.config, {**folder.read_config(), "cache": "../cache"})
        found.append((run_here(folder).summary, [row.get("loss") for row in read_rows(folder.metrics)]))
    (first, curve), (second, again) = found
    assert first["tokenized"] > 17 and (second["tokenized"], curve) == (0, again)
    assert second["tokens_from_cache"] == first["tokenized"] + first["tokens_from_cache"]
    plain = make_folder(tmp_path / "c", base)
    assert "tokenized" not in run_here(plain).summary
    assert [row.get("loss") for row in read_rows(plain.metrics)] == curve


def test_metrics_go_to_tensorboard(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = make_folder(tmp_path / "run", base, report_to="tensorboard")
    with monkeypatch.context() as patch:
        stop_after(patch, folder, 3)
        assert run_here(folder).state == "stopped"
    folder.cancel.unlink()
    assert run_here(folder).state == "done"
    events = EventAccumulator(str(folder.path / "tensorboard")).Reload()
    rows = read_rows(folder.metrics)
    for name in ("loss", "validation_exact", "learning_rate"):
        wanted = [(row["step"], pytest.approx(row[name])) for row in rows if name in row]
        assert [(event.step, event.value) for event in events.Scalars(name)] == wanted


def test_tensorboard_that_is_not_there_is_explained(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WorkbenchError, match="pip install tensorboard"):
        run_here(make_folder(tmp_path / "run", base, report_to="tensorboard"))


def test_the_best_checkpoint_has_the_most_exact_calls_and_then_the_lowest_loss(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More right tools or a lower loss do not outweigh an exact call; of equals the earlier one stays."""
    answers = iter([(0.2, 0.9), (0.4, 0.4), (0.4, 0.9), (0.4, 0.9), (0.3, 1.0), (0.4, 0.4)])
    losses = iter([0.1, 0.9, 0.7, 0.7, 0.1, 0.8])
    kept: list[int] = []
    monkeypatch.setattr(lora.Trainee, "loss", lambda *_: next(losses))
    monkeypatch.setattr(Validator, "answer", lambda *_: next(answers))
    save = Loop._save
    monkeypatch.setattr(Loop, "_save", lambda loop: (kept.append(loop.step), save(loop)))
    ending = run_here(make_folder(tmp_path / "run", base, epochs=3, validate_every=2))
    assert kept == [2, 4, 6] and ending.summary["best_step"] == 6
    assert (ending.summary["validation_exact"], ending.summary["validation_loss"]) == (0.4, 0.7)


def test_threads_and_devices_are_taken_as_they_are_chosen(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    try:
        Loop(Job.read(folder := make_folder(tmp_path / "run", base, threads=before + 1)), folder, Reporter(folder))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    if not torch.cuda.is_available():
        with pytest.raises(WorkbenchError, match="no device 'cuda:1'"):
            run_here(make_folder(tmp_path / "gpu", base, device="cuda:1"))
    limits: list[tuple[float, torch.device]] = []
    properties = SimpleNamespace(total_memory=8 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda part, on: limits.append((part, on)))
    gpu = torch.device("cuda", 1)
    for gigabytes in (2.0, 0.0, 99.0):
        lora._limit_memory(gpu, gigabytes)
    lora._limit_memory(torch.device("cpu"), 2.0)
    assert limits == [(0.25, gpu), (1.0, gpu)]


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("auto", None)])
def test_precision_is_the_chosen_one_or_what_the_device_does_well(base: Path, precision: str, dtype: Any) -> None:
    trainee = Trainee(*load_base(str(base)), dataclasses.replace(QUICK, precision=precision))
    wanted = dtype or fast_dtype(torch.device("cpu"))
    assert {p.dtype for p in trainee.loaded.model.parameters()} == {wanted}
    assert {master.dtype for master in trainee.masters.values()} == {torch.float32}


def test_a_base_of_four_bits_learns(tmp_path: Path, base: Path) -> None:
    pytest.importorskip("bitsandbytes")
    make_gemma(tmp_path / "base", hidden=64, window=64)
    folder = make_folder(tmp_path / "run", tmp_path / "base", epochs=6, quantization="nf4", precision="auto")
    assert run_here(folder).state == "done"
    losses = [row["loss"] for row in read_rows(folder.metrics) if "loss" in row]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    assert observe(folder.path).state != "failed"


def test_four_bits_without_bitsandbytes_is_explained(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WorkbenchError, match="pip install bitsandbytes"):
        run_here(make_folder(tmp_path / "run", base, quantization="nf4"))


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, base: Path) -> None:
    missing = "mps" if torch.cuda.is_available() else "cuda:7"
    with pytest.raises(WorkbenchError, match=f"no device '{missing}'"):
        run_here(make_folder(tmp_path / "run", base, device=missing))


def test_the_learning_rate_reaches_zero_at_the_time_limit() -> None:
    settings = TrainSettings(learning_rate=1.0, warmup=0.1, max_seconds=100)
    assert learning_rate(settings, 20, 1000, 100.0) == 0
    assert 0 < learning_rate(settings, 200, 1000, 90.0) < 0.2


@pytest.mark.parametrize(
    ("make", "dialect", "batching"),
    [
        (make_qwen, "qwen3", "shared prefix"),
        (make_llama, "llama3", "shared prefix"),
        (make_neox, "hermes", "padded"),
    ],
    ids=["qwen", "llama", "neox"],
)
def test_other_families_learn_and_answer(tmp_path: Path, make: Any, dialect: str, batching: str) -> None:
    """A few steps; then base and adapter answer, in the dialect that was trained."""
    make(tmp_path / "base")
    chosen = dialect if batching == "padded" else "auto"
    folder = make_folder(tmp_path / "run", tmp_path / "base", epochs=4, dialect=chosen, choice_weight=2.0)
    ending = run_here(folder)
    assert ending.state == "done", ending.message
    assert (ending.summary["dialect"], ending.summary["batching"]) == (dialect, batching)
    assert ("gpt_neox" in ending.summary.get("batching_reason", "")) == (batching == "padded")
    losses = [row["loss"] for row in read_rows(folder.metrics) if "loss" in row]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    model = Model("tuned", "Tuned", str(tmp_path / "base"), str(folder.adapter), chosen)
    loaded = load(model, torch.float32)
    replies = list(reply_to(loaded, scenarios()[:3], TOOLSET, 12))
    assert len(replies) == 3 and all(reply.completion_tokens for reply in replies)
    assert all(reply.parsed == get_dialect(dialect).parse(reply.raw) for reply in replies)

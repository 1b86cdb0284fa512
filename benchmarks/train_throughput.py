"""How fast training goes: our worker's step beside TRL's SFTTrainer. Same model, data, batch and LoRA.

    python benchmarks/train_throughput.py [--tools FILE] [--shape functiongemma|starter] [--batch 16 32] [--json]

Each engine runs in a process of its own, so that its peak memory is its own, and they take turns (``--rounds``), so
that a busy machine disturbs both. SFTTrainer's loss is over completions only and nothing is computed twice; it
accumulates micro-batches of one prompt (``--trl one``: no padding, least memory), pads them to one batch (``padded``)
or packs them into one row (``packed``). The fastest whose gradients are right counts. It learns ``--sample`` prompts a
step, ours a whole batch; figures are per example. Gradients are compared in float32: same weights, same prompts.
``peak_share`` is FLOP/s of matrix products over those of one big product on this machine.

The shape ``functiongemma`` is FunctionGemma-270M with its 262,144 vocabulary entries and random weights, tokenized by
the starter's tokenizer; ``starter`` is the shipped model. Needs ``trl`` (requirements-dev.txt).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer

from benchmarks.evaluate_throughput import DTYPES, make_model, make_toolset
from workbench.dialects import get_dialect
from workbench.inference.engine import quiet_peft, set_up_process
from workbench.records import Scenario, Toolset
from workbench.scenarios.generate import schema
from workbench.scenarios.generate.drafts import contexts
from workbench.training.examples import Example, make_examples
from workbench.training.lora import Trainee, batch_loss, lora_config
from workbench.training.packing import make_batches
from workbench.training.settings import TrainSettings
from workbench.workspace import SHIPPED_DATASETS, STARTER

SAMPLES = {"functiongemma": 2, "starter": 8}
VARIANTS = ("one", "padded", "packed")
EXACT = 1e-3
"""A variant of SFTTrainer whose gradients differ more computes something else and does not count."""
SIDE = 2048

Time = tuple[float, float]
"""Seconds on the wall, and of CPU time in all threads, which a busy machine disturbs less."""

aten = torch.ops.aten


def make_scenarios(toolset: Toolset, tools: str, count: int) -> list[Scenario]:
    """Shipped scenarios, spread evenly over the file; for other tools literal ones, made from their schemas."""
    if not tools:
        lines = (SHIPPED_DATASETS / "desktop" / "scenarios.jsonl").read_text("utf-8").splitlines()
        return [Scenario.from_dict(json.loads(lines[i * len(lines) // count])) for i in range(count)]
    made = list(schema.scenarios(toolset, schema.find_sets(toolset), contexts()))
    return [made[i * len(made) // count] for i in range(count)]


class Bench:
    """What both engines learn, and from which weights."""

    def __init__(self, arguments: argparse.Namespace, batch: int) -> None:
        set_up_process(arguments.threads)
        self.dtype, self.steps, self.sample = arguments.dtype, arguments.steps, arguments.sample
        self.tokenizer = AutoTokenizer.from_pretrained(STARTER)
        self.shape = arguments.shape
        toolset = make_toolset(arguments.tools)
        scenarios = make_scenarios(toolset, arguments.tools, max(batch, arguments.sample))
        self.examples = make_examples(scenarios, toolset, get_dialect("functiongemma"), self.tokenizer)
        self.settings = TrainSettings(precision=self.dtype, threads=arguments.threads, batch_size=batch)

    def ours(self) -> dict[str, Any]:
        trainee = Trainee(make_model(self.shape), self.tokenizer, self.settings)
        wake(trainee.loaded.model)
        for name, master in trainee.masters.items():
            master.copy_(trainee.loaded.model.get_parameter(name))
        (sample,) = make_batches(self.examples[: self.sample], self.sample, random.Random(0))
        batch_loss(trainee.loaded, sample)[0].backward()
        gradients = gradients_of(trainee.loaded.model)
        trainee.loaded.model.zero_grad()
        batches = make_batches(self.examples, len(self.examples), random.Random(0))
        with count_flops() as counter:
            trainee.step(batches, 0.0)
        times = []
        for _ in range(self.steps):
            started = now()
            trainee.step(batches, 0.0)
            times.append(since(started))
        return report(times, len(self.examples), counter.get_total_flops(), gradients, self.dtype)

    def trl(self, variant: str) -> dict[str, Any]:
        """Its own trainer and loop; the first step warms up, is counted and gives the gradients."""
        from peft import get_peft_model
        from transformers import TrainerCallback
        from trl import SFTConfig, SFTTrainer

        from datasets import Dataset

        base = make_model(self.shape).to(DTYPES[self.dtype])
        with quiet_peft():
            model = get_peft_model(base, lora_config(base, self.settings), autocast_adapter_dtype=False)
        wake(model)
        chosen = self.examples[: self.sample]
        longest = max(len(e.prompt_ids) + len(e.completion_ids) for e in chosen)
        together = {"one": 1, "padded": len(chosen), "packed": 1}[variant]
        config = SFTConfig(
            output_dir=tempfile.mkdtemp(prefix="trl-"),
            per_device_train_batch_size=together,
            gradient_accumulation_steps=1 if variant == "packed" else len(chosen) // together,
            max_steps=1 + self.steps,
            max_length=longest * len(chosen) if variant == "packed" else None,
            packing=variant == "packed",
            completion_only_loss=True,
            gradient_checkpointing=False,
            shuffle_dataset=False,
            max_grad_norm=0.0,
            learning_rate=0.0,
            bf16=self.dtype == "bf16",
            use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        )
        times: list[Time] = []
        found: dict[str, Any] = {}

        class Watch(TrainerCallback):
            def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if not state.global_step:
                    found["counter"] = count_flops()
                    found["counter"].__enter__()
                found["began"] = now()

            def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if not state.global_step:
                    found["gradients"] = gradients_of(model)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if "flops" in found:
                    return times.append(since(found["began"]))
                found["counter"].__exit__(None, None, None)
                found["flops"] = found["counter"].get_total_flops()

        rows = [to_row(example) for example in chosen]
        trainer = SFTTrainer(
            model,
            config,
            train_dataset=Dataset.from_list(rows),
            processing_class=self.tokenizer,
            callbacks=[Watch()],
        )
        trainer.train()
        return report(times, len(chosen), found["flops"], found["gradients"], self.dtype)


def to_row(example: Example) -> dict[str, list[int]]:
    mask = [0] * len(example.prompt_ids) + [1] * len(example.completion_ids)
    return {"input_ids": [*example.prompt_ids, *example.completion_ids], "completion_mask": mask}


@torch.no_grad()
def wake(model: Any) -> None:
    """Give every adapter the same weights that do something: with fresh ones half of the gradients are zero."""
    generator = torch.Generator().manual_seed(1)
    for _, parameter in sorted(trained(model)):
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)


def trained(model: Any) -> list[tuple[str, Tensor]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def gradients_of(model: Any) -> dict[str, Tensor]:
    return {name: parameter.grad.detach().float().cpu().clone() for name, parameter in trained(model)}


def count_flops() -> Any:
    """Counts matrix products, those in place and the CPU's fused attention as well."""
    from torch.utils.flop_counter import FlopCounterMode, flop_registry

    cpu, gpu = "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention"
    same = {"addmm_": "addmm", "baddbmm_": "baddbmm", cpu: gpu, f"{cpu}_backward": f"{gpu}_backward"}
    custom = {}
    for name, known in same.items():
        formula = functools.partial(flop_registry[getattr(aten, known)])
        formula._get_raw = True  # type: ignore[attr-defined]
        custom[getattr(aten, name)] = formula
    return FlopCounterMode(display=False, custom_mapping=custom)


def matmul_peak(dtype: str) -> float:
    """FLOP/s of one big matrix product, the best of several."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a, b = (torch.randn(SIDE, SIDE, device=device, dtype=DTYPES[dtype]) for _ in range(2))
    times = []
    for _ in range(6):
        started = now()
        a @ b
        times.append(since(started)[0])
    return 2 * SIDE**3 / min(times)


def now() -> Time:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def since(start: Time) -> Time:
    wall, cpu = now()
    return wall - start[0], cpu - start[1]


def report(
    times: Sequence[Time], examples: int, flops: float, gradients: dict[str, Tensor], dtype: str
) -> dict[str, Any]:
    # Before the big product below, which has buffers of its own.
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated()
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    step = statistics.median(wall for wall, _ in times)
    return {
        "seconds_an_example": step / examples,
        "cpu_seconds_an_example": statistics.median(cpu for _, cpu in times) / examples,
        "examples": examples,
        "flops_an_example": flops / examples,
        "flops_a_second": flops / step,
        "peak_share": flops / step / matmul_peak(dtype),
        "peak_memory_mb": round(peak / 2**20),
        "gradients": gradients,
    }


def child(arguments: argparse.Namespace) -> None:
    """One engine in this process; its figures and gradients go into the folder ``--child``."""
    warnings.filterwarnings("ignore")
    engine, batch = arguments.engine.split(":")
    bench = Bench(arguments, int(batch))
    found = bench.ours() if engine == "ours" else bench.trl(engine)
    save_file(found.pop("gradients"), str(arguments.child / "gradients.safetensors"))
    found["prompt_tokens"] = max(len(example.prompt_ids) for example in bench.examples)
    found["threads"] = torch.get_num_threads()
    (arguments.child / "found.json").write_text(json.dumps(found), "utf-8")


def run_child(arguments: argparse.Namespace, engine: str, dtype: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        command = [sys.executable, __file__, "--child", folder, "--engine", engine, "--dtype", dtype]
        for name in ("tools", "shape", "sample", "steps", "threads"):
            command += [f"--{name}", str(getattr(arguments, name))]
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}  # on both sides threads that wait sleep
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if ended.returncode:
            sys.exit(f"{engine} failed with {ended.returncode}:\n{ended.stderr[-3000:]}")
        found: dict[str, Any] = json.loads((Path(folder) / "found.json").read_text("utf-8"))
        found["gradients"] = load_file(Path(folder) / "gradients.safetensors")
    brief = {name: value for name, value in found.items() if name != "gradients"}
    print(f"{engine} ({dtype}): {json.dumps(brief)}", file=sys.stderr, flush=True)
    return found


def largest_difference(expected: dict[str, Tensor], got: dict[str, Tensor]) -> float:
    """The largest difference of one weight matrix's gradient, relative to that gradient."""
    assert expected.keys() == got.keys() and all(one.norm() > 0 for one in expected.values())
    return max(float((expected[name] - got[name]).norm() / expected[name].norm()) for name in expected)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    first = arguments.batch[0]
    plan = [f"ours:{first}", *(f"{variant}:{first}" for variant in arguments.trl)]
    plan = [*plan * arguments.rounds, *(f"ours:{batch}" for batch in arguments.batch[1:])]
    runs: dict[str, list[dict[str, Any]]] = {}
    for engine in plan:
        runs.setdefault(engine, []).append(run_child(arguments, engine, arguments.dtype))
    engines = {engine: middle(found) for engine, found in runs.items()}
    exact = engines
    if arguments.dtype != "fp32":
        names = (f"ours:{first}", *(f"{variant}:{first}" for variant in arguments.trl))
        exact = {engine: run_child(arguments, engine, "fp32") for engine in names}
    ours = exact[f"ours:{first}"]["gradients"]
    differences = {
        variant: largest_difference(exact[f"{variant}:{first}"]["gradients"], ours) for variant in arguments.trl
    }
    right = [variant for variant in arguments.trl if differences[variant] <= EXACT]
    if not right:
        sys.exit(f"No variant of SFTTrainer has our gradients: {differences}")
    best = min(right, key=lambda variant: engines[f"{variant}:{first}"]["seconds_an_example"])
    theirs = engines[f"{best}:{first}"]
    shown = {name.replace(":", " at batch "): one for name, one in engines.items()}
    return {
        **against(theirs, engines[f"ours:{first}"]),
        "max_rel_grad_diff": differences[best],
        "batch": first,
        "trl_variant": best,
        "trl_differences": differences,
        "other_batches": {str(n): against(theirs, engines[f"ours:{n}"]) for n in arguments.batch[1:]},
        "engines": {name: {k: v for k, v in one.items() if k != "gradients"} for name, one in shown.items()},
    }


def middle(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Median time and highest memory of several processes; what does not vary comes from the first."""
    times = ("seconds_an_example", "cpu_seconds_an_example", "flops_a_second", "peak_share")
    medians = {name: statistics.median(one[name] for one in found) for name in times}
    return {**found[0], **medians, "peak_memory_mb": max(one["peak_memory_mb"] for one in found)}


def against(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, float]:
    return {
        "speedup": round(theirs["seconds_an_example"] / ours["seconds_an_example"], 2),
        "speedup_cpu_time": round(theirs["cpu_seconds_an_example"] / ours["cpu_seconds_an_example"], 2),
        "memory_ratio": round(ours["peak_memory_mb"] / theirs["peak_memory_mb"], 3),
    }


def as_text(found: dict[str, Any]) -> str:
    """A table for people."""
    tokens = max(one["prompt_tokens"] for one in found["engines"].values())
    lines = [f"prompts of {tokens:,} tokens", "", "| engine | examples/s | peak memory MB | GFLOP an example "]
    lines[-1] += "| GFLOP/s | of the matmul peak |"
    lines += ["|---|---|---|---|---|---|"]
    for name, one in found["engines"].items():
        speed, gflop = 1 / one["seconds_an_example"], one["flops_an_example"] / 1e9
        line = f"| {name} | {speed:.3f} | {one['peak_memory_mb']:,} | {gflop:,.0f} "
        lines.append(line + f"| {one['flops_a_second'] / 1e9:,.0f} | {one['peak_share']:.0%} |")
    shown = {str(found["batch"]): found, **found["other_batches"]}
    lines.append("")
    for batch, one in shown.items():
        cpu = f"{one['speedup_cpu_time']} by CPU time"
        lines.append(f"batch {batch}: {one['speedup']} times SFTTrainer's speed ({cpu})")
        lines[-1] += f" at {one['memory_ratio']} of its memory"
    lines.append(f"SFTTrainer's variant: {found['trl_variant']}; all: {found['trl_differences']}")
    lines.append(f"largest relative difference of a gradient: {found['max_rel_grad_diff']:.1e}")
    return "\n".join([*lines, found["command"], json.dumps(found["versions"])])


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", default="", help="OpenAI-style tools as JSON; the shipped toolset without it")
    parser.add_argument("--shape", choices=tuple(SAMPLES), default="functiongemma")
    parser.add_argument("--batch", type=int, nargs="+", default=[16], help="the first is compared, others are shown")
    parser.add_argument("--sample", type=int, default=0, help="examples a step of SFTTrainer; 0 chooses")
    parser.add_argument("--steps", type=int, default=1, help="timed steps of each process")
    parser.add_argument("--rounds", type=int, default=1, help="how often the engines take turns")
    parser.add_argument("--trl", nargs="+", choices=VARIANTS, default=["one"], help="how SFTTrainer is fed")
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="fp32")
    parser.add_argument("--threads", type=int, default=0, help="0 lets torch choose")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--engine", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    arguments.sample = arguments.sample or SAMPLES[arguments.shape]
    return arguments


def main() -> None:
    arguments = parse()
    if arguments.child:
        return child(arguments)
    found = measure(arguments)
    found["command"] = " ".join(["python", *sys.argv])
    found["versions"] = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "peft", "trl")},
        "machine": platform.machine(),
        "threads": max(one["threads"] for one in found["engines"].values()),
    }
    print(json.dumps(found) if arguments.json else as_text(found))


if __name__ == "__main__":
    main()

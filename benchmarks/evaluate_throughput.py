"""How fast evaluation answers: our engine beside plain ``generate``, one by one and in batches, and llama.cpp.

    python benchmarks/evaluate_throughput.py [--tools FILE] [--shape functiongemma|starter] [--n 32] [--json]

All answer the same prompts greedily with the same weights. The shape ``functiongemma`` is FunctionGemma-270M with its
262,144 vocabulary entries and random weights, tokenized by the starter's tokenizer; ``starter`` is the shipped model.
The slow engines answer only the first ``--sample`` prompts; figures are seconds a prompt. ``same_replies`` compares
them with ours token by token, in float32, where no rounding decides between two tokens.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM, Gemma3TextConfig

from workbench.dialects import get_dialect
from workbench.inference.attention import use_shared_prefix
from workbench.inference.engine import LoadedModel, Prompt, answer, ready, set_up_process
from workbench.inference.tokens import encode
from workbench.records import Scenario, Tool, Toolset
from workbench.scenarios.messages import to_messages
from workbench.workspace import SHIPPED_DATASETS, STARTER

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SAMPLES = {"functiongemma": 2, "starter": 8}
Rows = list[list[int]]


@dataclasses.dataclass(frozen=True)
class Timed:
    """Token ids that an engine wrote, prompt by prompt, and what a prompt took in seconds."""

    rows: Rows
    wall: float
    cpu: float


class TokenNames:
    """A tokenizer whose ``decode`` keeps the ids, so that replies are compared token by token."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._tokenizer(*arguments, **options)

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        return " ".join(map(str, ids))


class Bench:
    """One model and its prompts; each engine answers the first ``count`` of them."""

    def __init__(self, arguments: argparse.Namespace, toolset: Toolset) -> None:
        self.limit, self.batch = arguments.new_tokens, arguments.batch
        tokenizer: Any = TokenNames(AutoTokenizer.from_pretrained(STARTER))
        self.loaded: LoadedModel = ready(make_model(arguments.shape), tokenizer)
        self.prompts = make_prompts(toolset, arguments.n)
        self.ids = encode(tokenizer, [prompt.text for prompt in self.prompts])

    def cast(self, dtype: str) -> None:
        self.loaded.model.to(DTYPES[dtype])

    def warm_up(self) -> None:
        """The first calls of a process allocate and choose kernels."""
        self._generate([self.ids[0][:8]])

    def ours(self, count: int) -> Timed:
        use_shared_prefix(self.loaded.model)

        def run() -> Rows:
            found = {a.id: a.raw for a in answer(self.loaded, self.prompts[:count], self.limit, 32)}
            return [list(map(int, found[prompt.id].split())) for prompt in self.prompts[:count]]

        return timed(run)

    def one_by_one(self, count: int) -> Timed:
        return timed(lambda: [self._generate([ids])[0] for ids in self.ids[:count]])

    def batched(self, count: int) -> Timed:
        starts = range(0, count, self.batch)
        return timed(
            lambda: [row for at in starts for row in self._generate(self.ids[at : min(count, at + self.batch)])]
        )

    def llama_cpp(self, gguf: str, threads: int, count: int) -> Timed:
        """llama.cpp keeps the keys of the prompt before and computes only what differs."""
        from llama_cpp import Llama

        longest = max(map(len, self.ids)) + self.limit
        model = Llama(gguf, n_ctx=longest, n_threads=threads or None, logits_all=False, verbose=False)

        def write(ids: list[int]) -> list[int]:
            row: list[int] = []
            for token in model.generate(ids, temp=0.0, repeat_penalty=1.0):
                row.append(token)
                if token in self.loaded.stops or len(row) == self.limit:
                    break
            return row

        return timed(lambda: [write(ids) for ids in self.ids[:count]])

    @torch.inference_mode()
    def _generate(self, rows: Rows) -> Rows:
        self.loaded.model.set_attn_implementation("sdpa")
        longest = max(map(len, rows))
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        filled = self.loaded.model.generate(
            torch.tensor([[0] * (longest - len(row)) + row for row in rows]),
            attention_mask=mask,
            max_new_tokens=self.limit,
            do_sample=False,
            eos_token_id=sorted(self.loaded.stops),
            pad_token_id=0,
        )
        return [self._until_stop(row) for row in filled[:, longest:].tolist()]

    def _until_stop(self, row: list[int]) -> list[int]:
        end = next((at + 1 for at, token in enumerate(row) if token in self.loaded.stops), len(row))
        return row[:end]


def timed(run: Callable[[], Rows]) -> Timed:
    wall, cpu = time.perf_counter(), time.process_time()
    rows = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Timed(rows, wall / len(rows), cpu / len(rows))


def make_model(shape: str) -> Any:
    if shape == "starter":
        return AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32)
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=262_144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
        query_pre_attn_scalar=256,
        sliding_window=512,
        layer_types=["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(18)],
        max_position_embeddings=32_768,
        initializer_range=0.05,
    )
    model = Gemma3ForCausalLM(config).eval()
    # With tied embeddings a random model repeats its last token for ever, and every engine would "agree".
    torch.nn.init.normal_(model.model.norm.weight, mean=-1.0, std=1.0)
    return model


def make_toolset(file: str) -> Toolset:
    """The tools of an OpenAI-style JSON file (a list, or an object with ``tools``), or the shipped toolset."""
    if not file:
        return Toolset.from_dict(json.loads((SHIPPED_DATASETS / "desktop" / "toolset.json").read_text("utf-8")))
    data = json.loads(Path(file).read_text("utf-8-sig"))
    rows = data["tools"] if isinstance(data, dict) else data
    return Toolset("measured", tuple(Tool.from_dict(row, f"{file}[{i}]") for i, row in enumerate(rows)))


def make_prompts(toolset: Toolset, count: int) -> list[Prompt]:
    """Requests of the shipped scenarios, spread evenly over the file."""
    lines = (SHIPPED_DATASETS / "desktop" / "scenarios.jsonl").read_text("utf-8").splitlines()
    dialect = get_dialect("functiongemma")
    scenarios = [Scenario.from_dict(json.loads(lines[i * len(lines) // count])) for i in range(count)]
    return [Prompt(s.id, dialect.render_prompt(to_messages(s, toolset), toolset.tools)) for s in scenarios]


def first_difference(prompts: Sequence[Prompt], expected: Rows, got: Rows) -> dict[str, Any] | None:
    for prompt, a, b in zip(prompts, expected, got, strict=False):
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            return {"prompt": prompt.id, "token": at, "expected": a[at : at + 3], "got": b[at : at + 3]}
    return None


def measure(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    sample = min(arguments.n, arguments.sample or SAMPLES[arguments.shape])
    bench.cast(arguments.dtype)
    bench.warm_up()
    engines = {"ours": bench.ours(arguments.n), "one by one": bench.one_by_one(sample)}
    engines["batched"] = bench.batched(min(arguments.n, max(sample, bench.batch)))
    llama = "not installed" if not importlib.util.find_spec("llama_cpp") else "" if arguments.gguf else "no --gguf"
    if not llama:
        engines["llama.cpp"] = bench.llama_cpp(arguments.gguf, arguments.threads, arguments.n)
    expected, got = engines["one by one"].rows, engines["ours"].rows
    if arguments.dtype != "fp32":
        bench.cast("fp32")
        expected, got = bench.one_by_one(sample).rows, bench.ours(sample).rows
    difference = first_difference(bench.prompts, expected, got)
    ours, slow = engines["ours"], engines["one by one"]
    return {
        "speedup": round(slow.wall / ours.wall, 2),
        "same_replies": difference is None,
        "first_difference": difference,
        "compared": {"prompts": sample, "tokens": sum(map(len, expected)), "different_replies": distinct(expected)},
        "speedup_cpu_time": round(slow.cpu / ours.cpu, 2),
        "seconds_a_prompt": {name: round(engine.wall, 3) for name, engine in engines.items()},
        "cpu_seconds_a_prompt": {name: round(engine.cpu, 3) for name, engine in engines.items()},
        "prompts_measured": {name: len(engine.rows) for name, engine in engines.items()},
        "llama.cpp": llama or "measured",
        "prompt_tokens": max(map(len, bench.ids)),
        "parameters": sum(p.numel() for p in bench.loaded.model.parameters()),
        "peak_memory_mb": round(psutil.Process().memory_info().rss / 2**20),
    }


def distinct(rows: Rows) -> int:
    return len({tuple(row) for row in rows})


def as_text(found: dict[str, Any]) -> str:
    """A table for people."""
    lines = [f"prompts of {found['prompt_tokens']:,} tokens, {found['parameters']:,} parameters", ""]
    lines += ["| engine | seconds a prompt | CPU seconds | prompts |", "|---|---|---|---|"]
    for name, seconds in found["seconds_a_prompt"].items():
        cpu, count = found["cpu_seconds_a_prompt"][name], found["prompts_measured"][name]
        lines.append(f"| {name} | {seconds:.3f} | {cpu:.3f} | {count} |")
    compared = found["compared"]
    verdict = "the same" if found["same_replies"] else f"NOT the same: {found['first_difference']}"
    lines += ["", f"ours beside one by one: {found['speedup']} times as fast ({found['speedup_cpu_time']} by CPU time)"]
    lines += [f"replies: {verdict} ({compared['prompts']} prompts, {compared['tokens']} tokens, float32)"]
    lines += [f"llama.cpp: {found['llama.cpp']}", found["command"], json.dumps(found["versions"])]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", default="", help="OpenAI-style tools as JSON; the shipped toolset without it")
    parser.add_argument("--shape", choices=tuple(SAMPLES), default="functiongemma")
    parser.add_argument("--n", type=int, default=32, help="prompts that our engine answers")
    parser.add_argument("--sample", type=int, default=0, help="prompts that the slow engines answer; 0 chooses")
    parser.add_argument("--batch", type=int, default=4, help="batch size of batched generate")
    parser.add_argument("--new-tokens", type=int, default=24)
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="fp32")
    parser.add_argument("--threads", type=int, default=0, help="0 lets torch choose")
    parser.add_argument("--gguf", default="", help="the same model as GGUF, for llama-cpp-python")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    set_up_process(arguments.threads)
    found = measure(Bench(arguments, make_toolset(arguments.tools)), arguments)
    found["command"] = " ".join(["python", *sys.argv])
    found["versions"] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(found) if arguments.json else as_text(found))


if __name__ == "__main__":
    main()

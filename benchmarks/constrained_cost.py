"""Held to a grammar: are all calls valid, whatever the weights, and what does it cost?

    python benchmarks/constrained_cost.py [--tools FILE] [--calls 1000] [--rows 25] [--temperature 1.5]

Random weights behind the starter's tokenizer draw calls for a file's tools (the shipped toolset without one); each must
name a declared tool with arguments that its schema allows. Then the same greedy text is written with and without a
grammar that forces nothing, so that both do the same passes: what is left is the price of the masks. Exit status 1 when
a call is not valid.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from workbench.grammars import Choice
from workbench.inference.engine import LoadedModel, load, ready
from workbench.inference.picking import Sampling
from workbench.inference.router import Router, Wish
from workbench.records import Message, Model, Toolset
from workbench.scenarios.importing import read_toolset
from workbench.workspace import SHIPPED_DATASETS, STARTER

LIMIT = 4000


def random_weights(seed: int) -> LoadedModel:
    """One layer of the starter's shape: what a grammar allows does not depend on the model's size."""
    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(STARTER)
    config.num_hidden_layers, config.layer_types = 1, config.layer_types[:1]
    model = AutoModelForCausalLM.from_config(config).eval()
    return ready(model, AutoTokenizer.from_pretrained(STARTER))


def draw(router: Router, toolset: Toolset, calls: int, rows: int, temperature: float) -> tuple[int, set[str]]:
    """How many of so many drawn calls are valid, and which tools they name; what is wrong with others is printed."""
    valid, named = 0, set[str]()
    for seed in range(0, calls, rows):
        count = min(rows, calls - seed)
        wish = Wish(Choice("forced", several=False), True, Sampling(temperature, seed=seed), count, LIMIT)
        for found in router.reply([Message("user", f"request {seed}")], toolset.tools, wish):
            named.update(call.name for call in found.calls)
            if len(found.calls) == 1 and not found.problems and not found.malformed:
                valid += 1
            else:
                print(found.malformed, *found.problems, found.raw[:300])
    return valid, named


def cost(router: Router, toolset: Toolset, tokens: int, times: int) -> tuple[float, float]:
    """Milliseconds of a reply of so many tokens, free and held to a grammar that lets the same tokens through."""
    messages = [Message("user", "please say something long")]
    milliseconds: dict[bool, list[float]] = {False: [], True: []}
    # Nothing ends a reply early: its stop tokens are forbidden, so that both modes do as many passes.
    bias = dict.fromkeys(router.loaded.stops, -1e9)
    for _ in range(times + 1):
        for constrained in (False, True):
            wish = Wish(Choice("none"), constrained, Sampling(bias=bias), 1, tokens)
            began = time.perf_counter()
            (found,) = router.reply(messages, toolset.tools, wish)
            milliseconds[constrained].append((time.perf_counter() - began) * 1000 / found.completion_tokens)
    # The first of each computes prefix and grammar. The fastest is the one that other programs disturbed least.
    return min(milliseconds[False][1:]), min(milliseconds[True][1:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, default=SHIPPED_DATASETS / "desktop" / "toolset.json")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--temperature", type=float, default=1.5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--times", type=int, default=8)
    arguments = parser.parse_args()
    toolset = read_toolset(arguments.tools)
    router = Router(random_weights(0), toolset)
    began = time.perf_counter()
    valid, named = draw(router, toolset, arguments.calls, arguments.rows, arguments.temperature)
    seconds = time.perf_counter() - began
    print(f"{valid} of {arguments.calls} calls valid, {len(named)} of {len(toolset.tools)} tools, {seconds:.0f} s")
    router = Router(load(Model("starter", "Starter", str(STARTER))), toolset)
    free, held = cost(router, toolset, arguments.tokens, arguments.times)
    print(f"a token: free {free:.2f} ms, held to a grammar {held:.2f} ms ({100 * (held / free - 1):+.1f}%)")
    return 0 if valid == arguments.calls else 1


if __name__ == "__main__":
    sys.exit(main())

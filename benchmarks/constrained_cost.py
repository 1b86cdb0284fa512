"""Held to a grammar: are all calls valid, whatever the weights, and what does it cost?

    python benchmarks/constrained_cost.py [--tools FILE] [--calls 1000] [--requests 40] [--adapter FOLDER]

Random weights behind the starter's tokenizer draw calls for a file's tools (the shipped toolset without one); each must
name a declared tool with arguments that its schema allows. Then the starter (with ``--adapter``, a tuned one) answers
shipped scenarios with and without the grammar, in turn; where both answers are the same text, their times are added up.
Tokens that the grammar forces skip their pass, so that being held can cost less than nothing. Exit status 1 when a call
is not valid.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from workbench.actions.content import shipped_scenarios, shipped_toolset
from workbench.grammars import Choice
from workbench.inference.engine import LoadedModel, load, ready
from workbench.inference.picking import Sampling
from workbench.inference.router import Router, Wish
from workbench.records import Message, Model, Scenario, Tool, Toolset
from workbench.scenarios.importing import read_toolset
from workbench.scenarios.messages import to_messages
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


def cost(router: Router, scenarios: Sequence[Scenario], tools: Sequence[Tool], times: int) -> dict[str, float]:
    """Milliseconds of replies that are the same free and held to the grammar, the fastest of several each.

    The fastest is the one that other programs disturbed least. The first of each computes prefix and grammar.
    """
    found = {"requests": 0, "same": 0, "tokens": 0, "free": 0.0, "held": 0.0}
    for scenario in scenarios:
        messages = to_messages(scenario, router.toolset)
        taken: dict[bool, list[float]] = {False: [], True: []}
        raw = {}
        for _ in range(times + 1):
            for constrained in (False, True):
                began = time.perf_counter()
                (reply,) = router.reply(messages, tools, Wish(Choice(), constrained))
                taken[constrained].append((time.perf_counter() - began) * 1000)
                raw[constrained] = reply.raw
        found["requests"] += 1
        if raw[False] == raw[True]:
            found["same"] += 1
            found["tokens"] += reply.completion_tokens
            found["free"] += min(taken[False][1:])
            found["held"] += min(taken[True][1:])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, default=SHIPPED_DATASETS / "desktop" / "toolset.json")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--temperature", type=float, default=1.5)
    parser.add_argument("--requests", type=int, default=40, help="shipped scenarios that are answered both ways")
    parser.add_argument("--times", type=int, default=5, help="how often each is answered either way")
    parser.add_argument(
        "--adapter", help="folder of the starter's adapter that answers them; the starter alone without"
    )
    arguments = parser.parse_args()
    toolset = read_toolset(arguments.tools)
    router = Router(random_weights(0), toolset)
    began = time.perf_counter()
    valid, named = draw(router, toolset, arguments.calls, arguments.rows, arguments.temperature)
    seconds = time.perf_counter() - began
    print(f"{valid} of {arguments.calls} calls valid, {len(named)} of {len(toolset.tools)} tools, {seconds:.0f} s")
    shipped = shipped_toolset()
    router = Router(load(Model("model", "Model", str(STARTER), arguments.adapter)), shipped)
    every = shipped_scenarios()
    chosen = [every[i * len(every) // arguments.requests] for i in range(arguments.requests)]
    found = cost(router, chosen, shipped.tools, arguments.times)
    print(f"{found['same']} of {found['requests']} answers the same either way, {found['tokens']} tokens")
    if found["same"]:
        per = {way: found[way] / found["same"] for way in ("free", "held")}
        more = 100 * (per["held"] / per["free"] - 1)
        print(f"an answer: free {per['free']:.1f} ms, held to the grammar {per['held']:.1f} ms ({more:+.1f}%)")
    return 0 if valid == arguments.calls else 1


if __name__ == "__main__":
    sys.exit(main())

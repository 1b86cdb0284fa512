"""How broad is what the starter is pretrained on? Counts over generated rows and written assistants, as JSON.

    python benchmarks/starter_breadth.py [--rows 1000] [--seed 1]

A frame is a request before typing noise, in lower case, with ``_`` for what it is about and for each value. Tokens are
those of the shipped tokenizer.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from transformers import PreTrainedTokenizerFast

from workbench.inference.starter.assistants import load_assistants
from workbench.inference.starter.generator import Difficulty, Row, rows
from workbench.inference.starter.lexicon import Lexicon, load_lexicon
from workbench.inference.starter.packing import LONGEST_CONTINUATION, encode, texts
from workbench.inference.starter.tools import make_tools
from workbench.workspace import STARTER

WIDEST = Difficulty(1, 16, requests=24)


def measure(n_rows: int, seed: int) -> dict[str, Any]:
    """Counts and shares, see the keys; lengths are in tokens, as percentiles 1, 5, 25, 50, 75, 95, 99."""
    made = list(islice(rows(seed, lambda: WIDEST), n_rows))
    frames = Counter(frame for row in made for frame in row.frames)
    scenarios = [scenario for row in made for scenario in row.scenarios]
    sizes = Counter(len(scenario.outcome.calls) for scenario in scenarios)
    prefixes, tails = _lengths(made)
    kinds = Counter(_kinds(made))
    return {
        "requests": len(scenarios),
        "frames": len(frames),
        "frames_seen_once": sum(n == 1 for n in frames.values()),
        "sentences_written": _written(load_lexicon()),
        "domains": _domains(load_lexicon(), seed),
        "written_assistants": len(load_assistants()),
        "written_requests": sum(len(assistant.scenarios) for assistant in load_assistants()),
        "tools_a_row": dict(sorted(Counter(len(row.toolset.tools) for row in made).items())),
        "declaration_tokens": _percentiles(prefixes),
        "request_and_reply_tokens": _percentiles(tails),
        "too_long": round(sum(n > LONGEST_CONTINUATION for n in tails) / len(tails), 4),
        "no_tool": round(sizes[0] / len(scenarios), 4),
        "several_calls": round(sum(n for size, n in sizes.items() if size > 1) / len(scenarios), 4),
        "arguments": {kind: n for kind, n in kinds.most_common()},
    }


def _lengths(made: list[Row]) -> tuple[list[int], list[int]]:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(STARTER)
    prefixes, tails = [], []
    for row in made:
        prefix, pairs = texts(row)
        prefixes.append(len(encode(tokenizer, prefix)))
        tails += [len(encode(tokenizer, prompt + reply)) for prompt, reply in pairs]
    return prefixes, tails


def _percentiles(values: list[int]) -> list[int]:
    cuts = quantiles(values, n=100)
    return [round(cuts[at - 1]) for at in (1, 5, 25, 50, 75, 95, 99)]


def _kinds(made: list[Row]) -> Iterator[str]:
    """For each argument that a call could have had: its type, and whether it was given, and how it stands there."""
    for row in made:
        for scenario in row.scenarios:
            for call in scenario.outcome.calls:
                tool = row.toolset.tool(call.name)
                assert tool
                for name, schema in tool.properties.items():
                    type_ = "enum" if "enum" in schema else str(schema["type"])
                    if name not in call.arguments:
                        yield f"{type_}, left out"
                    elif type_ in ("string", "array", "boolean"):
                        yield type_
                    else:
                        literal = str(call.arguments[name]).lower() in scenario.request.lower()
                        yield f"{type_}, {'as it is' if literal else 'in other words'}"


def _written(lexicon: Lexicon) -> int:
    """Sentence patterns that somebody wrote, alternatives within a pattern not counted."""
    said = sum(len(action[key]) for action in lexicon.actions for key in ("ask", "wish", "about"))
    whole = sum(len(kind[key]) for kind in lexicon.archetypes for key in ("say", "about"))
    return said + whole + sum(map(len, lexicon.scaffolds.values())) + len(lexicon.chitchat)


def _domains(lexicon: Lexicon, seed: int) -> int:
    rng = random.Random(seed)
    return len({tool.domain["domain"] for _ in range(300) for tool in make_tools(rng, lexicon, 8, (0,))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(measure(given.rows, given.seed), indent=1))


if __name__ == "__main__":
    main()

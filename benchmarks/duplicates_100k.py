"""Near-duplicates among many requests, with planted ones, beside datasketch in the same run.

    python benchmarks/duplicates_100k.py [--n 100000] [--no-peer]

Each finder runs in a process of its own, one after the other. Compare the ratio, not the seconds: it holds on any
machine. CPU seconds are those of all threads: what the clock would show on one quiet core. datasketch
gets the same pieces, slots and bands, and its candidates are verified by the same rule.
"""

from __future__ import annotations

import argparse
import platform
import random
import resource
import string
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.records import ExpectedCall, Outcome, Scenario
from workbench.scenarios import lexical
from workbench.scenarios.dedupe import Entry, find_duplicates

PLANTED = 50
"""One request in this many gets a twin of each kind."""
VERBS = (
    "open close find show move copy rename delete send play pause mute start stop print scan list sort lock wake"
).split()
FILLERS = ("", "please ", "could you ", "hey, ", "i want to ", "quickly ", "now ", "can you ")
TAILS = ("", " now", " for me", " as soon as you can", " on the laptop", " in the evening", " thanks", " if you can")
Found = tuple[float, float, float, dict[str, float], int]


def requests(n: int) -> tuple[list[str], dict[str, list[tuple[int, int]]]]:
    """Requests from few templates and 600 words, so that many look alike, and positions of planted twins by kind."""
    chance = random.Random(7)
    nouns = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(4, 9))) for _ in range(600)]
    base = [
        f"{chance.choice(FILLERS)}{chance.choice(VERBS)} the {' '.join(chance.choices(nouns, k=chance.randint(1, 4)))}"
        f"{chance.choice(TAILS)}"
        for _ in range(n - 2 * (n // PLANTED))
    ]
    twins: dict[str, list[tuple[int, int]]] = {"typos": [], "swapped words": []}
    for kind, change in (("typos", typo), ("swapped words", swap)):
        for i in chance.sample(range(len(base)), n // PLANTED):
            twins[kind].append((i, len(base)))
            base.append(change(base[i], chance))
    return base, twins


def typo(text: str, chance: random.Random) -> str:
    """One or two letters changed, dropped, doubled or swapped with the next."""
    for _ in range(chance.choice((1, 1, 2))):
        i = chance.randrange(len(text) - 1)
        letter = chance.choice(string.ascii_lowercase)
        put = chance.choice((letter, "", text[i] * 2, text[i + 1] + text[i]))
        text = text[:i] + put + text[i + (2 if put == text[i + 1] + text[i] else 1) :]
    return text


def swap(text: str, chance: random.Random) -> str:
    words = text.split()
    i, j = chance.sample(range(len(words)), 2)
    words[i], words[j] = words[j], words[i]
    return " ".join(words)


def ours(n: int) -> Found:
    texts, twins = requests(n)
    entries = [
        Entry.of(Scenario(f"s{i:07d}", "t", text, Outcome((ExpectedCall("x"),)))) for i, text in enumerate(texts)
    ]
    before = memory_mb()
    start, cpu = time.perf_counter(), time.process_time()
    found = find_duplicates(entries)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    group = {entry.id: i for i, cluster in enumerate(found.clusters) for entry in cluster.members}
    ids = [entry.id for entry in entries]
    recalls = recall(twins, lambda a, b: group.get(ids[a], -1) == group.get(ids[b], -2))
    return seconds, cpu, memory_mb() - before, recalls, len(found.clusters)


def datasketch(n: int) -> Found:
    from datasketch import MinHash, MinHashLSH

    texts, twins = requests(n)
    before = memory_mb()
    start, cpu = time.perf_counter(), time.process_time()
    plain = [lexical.plain(text) for text in texts]
    index = MinHashLSH(num_perm=80, params=(20, 4))
    pairs = set()
    for i, sketch in enumerate(MinHash.generator([pieces(text) for text in plain], num_perm=80, seed=42)):
        pairs |= {(other, i) for other in index.query(sketch)}
        index.insert(i, sketch)
    kept = {pair for pair in pairs if lexical.is_near(plain[pair[0]], plain[pair[1]])}
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return seconds, cpu, memory_mb() - before, recall(twins, lambda a, b: (a, b) in kept), len(kept)


def pieces(text: str) -> list[bytes]:
    padded = [f" {word} " for word in text.split()]
    return [word[i : i + size].encode() for word in padded for size in (2, 3) for i in range(len(word) - 2)]


def recall(twins: dict[str, list[tuple[int, int]]], together: Callable[[int, int], bool]) -> dict[str, float]:
    return {kind: sum(together(a, b) for a, b in pairs) / len(pairs) for kind, pairs in twins.items()}


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, finder: Callable[[int], Found], n: int) -> float:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        seconds, cpu, memory, recalls, found = alone.submit(finder, n).result()
        peak = alone.submit(memory_mb).result()
    told = ", ".join(f"recall of {kind} {share:.3f}" for kind, share in recalls.items())
    print(
        f"{name:12s}{seconds:9.2f} s (CPU {cpu:.2f} s)  peak {peak:7.0f} MB (+{memory:.0f})  {told}  found {found:,}",
        flush=True,
    )
    return cpu


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000, help="requests, planted ones included")
    parser.add_argument("--no-peer", action="store_true", help="leave datasketch out")
    arguments = parser.parse_args(argv)
    names = ("rensa", "rapidfuzz", "datasketch", "numpy")
    print(f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in names))
    print(f"python benchmarks/duplicates_100k.py --n {arguments.n}: 2 x {arguments.n // PLANTED:,} planted twins")
    cpu = measure("workbench", ours, arguments.n)
    if not arguments.no_peer:
        print(f"datasketch took {measure('datasketch', datasketch, arguments.n) / cpu:.1f} times the CPU time")


if __name__ == "__main__":
    main()

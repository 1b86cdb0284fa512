"""Prefix packing: a batch as one tree ``[prefix | row 1 | row 2 | …]``, the shared prefix computed once.

Each row's positions go on from the prefix; a row sees the prefix and itself; logits are computed only where there is a
target. Loss and gradients are those of the ordinary padded batch, up to rounding. Rows of similar length are padded
to a common length in blocks, so that each block's attention is a few plain matrix products.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from workbench.inference.attention import Block, TreePlan
from workbench.inference.packed import Packed
from workbench.inference.prefixes import group_by_prefix
from workbench.training.examples import Example

ROWS_PER_BLOCK = 8
"""More rows a block mean longer padding, fewer mean smaller matrix products."""

LENGTH_STEP = 8
"""Rows are padded to multiples of this: buffers of few different sizes leave fewer holes in memory."""


@dataclass(frozen=True)
class Batch:
    """Examples that share at least ``prefix`` leading prompt tokens (fewer than the shortest prompt has)."""

    prefix: int
    examples: tuple[Example, ...]


def make_batches(examples: Sequence[Example], batch_size: int, rng: random.Random) -> list[Batch]:
    """Shuffle examples into batches; the examples of a batch share their prefix."""
    batches = []
    for group in group_by_prefix([example.prompt_ids for example in examples]):
        members = [examples[i] for i in group.members]
        rng.shuffle(members)
        for at in range(0, len(members), batch_size):
            batches.append(Batch(group.length, tuple(members[at : at + batch_size])))
    rng.shuffle(batches)
    return batches


def pack(batch: Batch, device: torch.device) -> Packed:
    """Lay a batch out as one tree. A row holds the rest of the prompt and the completion without its last token."""
    start = batch.prefix
    rows = sorted(
        ((e.prompt_ids[start:] + e.completion_ids[:-1], e.completion_ids, e.weights) for e in batch.examples),
        key=lambda row: len(row[0]),
    )
    ids, positions = list(batch.examples[0].prompt_ids[:start]), list(range(start))
    targets: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    blocks = []
    for at in range(0, len(rows), ROWS_PER_BLOCK):
        block = rows[at : at + ROWS_PER_BLOCK]
        length = -(-len(block[-1][0]) // LENGTH_STEP) * LENGTH_STEP
        blocks.append(Block(len(block), length))
        for tokens, completion, counts in block:
            end = len(ids) + len(tokens)
            targets += range(end - len(completion), end)
            labels += completion
            weights += counts or [1.0] * len(completion)
            # Padding stands behind the row, where no token of the row can see it.
            ids += [*tokens, *[0] * (length - len(tokens))]
            positions += range(start, start + length)
    plan = TreePlan(start, tuple(blocks))
    tree = torch.tensor([ids, positions], device=device)
    learned = torch.tensor([targets, labels], device=device)
    counted = torch.tensor(weights, device=device) if set(weights) != {1.0} else None
    return Packed(tree[:1], tree[1:], learned[0], learned[1], plan, counted)

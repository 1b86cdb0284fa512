"""Prefix packing: a batch as trees ``[prefix | row 1 | row 2 | …]``, each shared prefix computed once.

Each row's positions go on from the prefix; a row sees the prefix and itself; logits are computed only where there is a
target. Loss and gradients are those of the ordinary padded batch, up to rounding. Rows of similar length are padded
to a common length in blocks, so that each block's attention is a few plain matrix products.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from workbench.inference.attention import Block, ForestPlan, TreePlan
from workbench.inference.packed import Packed
from workbench.inference.prefixes import group_by_prefix
from workbench.training.examples import Example

ROWS_PER_BLOCK = 8
"""More rows a block mean longer padding, fewer mean smaller matrix products."""

LENGTH_STEP = 8
"""Rows are padded to multiples of this: buffers of few different sizes leave fewer holes in memory."""


@dataclass(frozen=True)
class Group:
    """Examples that share at least ``prefix`` leading prompt tokens (fewer than the shortest prompt has)."""

    prefix: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Batch:
    """What one step learns: groups with a prefix each, most often one."""

    groups: tuple[Group, ...]

    @property
    def examples(self) -> tuple[Example, ...]:
        return tuple(example for group in self.groups for example in group.examples)

    @property
    def weight(self) -> float:
        """What its mean loss counts beside that of other batches: the weights of its targets, 1 each as a rule."""
        return sum(sum(e.weights) if e.weights else len(e.completion_ids) for e in self.examples)

    @property
    def mean_length(self) -> float:
        """Tokens of an example, prompt and completion."""
        return sum(len(e.prompt_ids) + len(e.completion_ids) for e in self.examples) / len(self.examples)


def make_batches(examples: Sequence[Example], batch_size: int, rng: random.Random) -> list[Batch]:
    """Shuffle examples into batches. The examples of a batch share their prefix; what is left of each prefix comes
    together in mixed batches, so that no step learns from a handful only.
    """
    batches: list[Batch] = []
    rest: list[Group] = []
    for found in group_by_prefix([example.prompt_ids for example in examples]):
        members = [examples[i] for i in found.members]
        rng.shuffle(members)
        for at in range(0, len(members), batch_size):
            group = Group(found.length, tuple(members[at : at + batch_size]))
            if len(group.examples) == batch_size:
                batches.append(Batch((group,)))
            else:
                rest.append(group)
    batches += _mix(rest, batch_size)
    rng.shuffle(batches)
    return batches


def pack(batch: Batch, device: torch.device) -> Packed:
    """Lay a batch out in one row of tokens, a tree a group."""
    row = _Row()
    trees = tuple(row.add(group) for group in batch.groups)
    tree = torch.tensor([row.ids, row.positions], device=device)
    learned = torch.tensor([row.targets, row.labels], device=device)
    counted = torch.tensor(row.weights, device=device) if set(row.weights) != {1.0} else None
    plan = trees[0] if len(trees) == 1 else ForestPlan(trees)
    return Packed(tree[:1], tree[1:], learned[0], learned[1], plan, counted)


@dataclass
class _Row:
    """A packed row in the making; see ``Packed``."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, group: Group) -> TreePlan:
        """Append a group's tree. Its rows hold the rest of the prompt and the completion without its last token."""
        start = group.prefix
        self.ids += group.examples[0].prompt_ids[:start]
        self.positions += range(start)
        examples = sorted(group.examples, key=lambda e: len(e.prompt_ids) + len(e.completion_ids))
        blocks = []
        for at in range(0, len(examples), ROWS_PER_BLOCK):
            members = examples[at : at + ROWS_PER_BLOCK]
            last = members[-1]
            longest = len(last.prompt_ids) - start + len(last.completion_ids) - 1
            block = Block(len(members), -(-longest // LENGTH_STEP) * LENGTH_STEP)
            for example in members:
                self._add_example(example, start, block.length)
            blocks.append(block)
        return TreePlan(start, tuple(blocks))

    def _add_example(self, example: Example, start: int, length: int) -> None:
        tokens = example.prompt_ids[start:] + example.completion_ids[:-1]
        end = len(self.ids) + len(tokens)
        self.targets += range(end - len(example.completion_ids), end)
        self.labels += example.completion_ids
        self.weights += example.weights or [1.0] * len(example.completion_ids)
        # Padding stands behind the row, where no token of the row can see it.
        self.ids += [*tokens, *[0] * (length - len(tokens))]
        self.positions += range(start, start + length)


def _mix(groups: Sequence[Group], batch_size: int) -> list[Batch]:
    """Batches of several small groups, none split; those of one prefix stay together."""
    batches: list[list[Group]] = []
    sizes: list[int] = []
    for group in sorted(groups, key=lambda group: -len(group.examples)):
        count = len(group.examples)
        at = next((i for i, size in enumerate(sizes) if size + count <= batch_size), None)
        if at is None:
            batches.append([group])
            sizes.append(count)
        else:
            batches[at].append(group)
            sizes[at] += count
    return [Batch(tuple(mixed)) for mixed in batches]

"""One row of tokens that holds shared prefixes and their continuations, and the loss at its targets.

Whoever lays rows out (training, the starter's pretraining) makes a ``Packed``; logits are computed only where there is
a target. Knows nothing of examples and scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from workbench.inference.attention import Plan


@dataclass(frozen=True)
class Packed:
    """A row as tensors.

    Attributes:
        ids, positions: [1, tokens]; the positions of each continuation go on from the prefix.
        targets: [targets], indices of the tokens whose successor is learned.
        labels: [targets], those successors.
        plan: how the row's tokens see each other.
        weights: [targets], how much each counts; None when all count the same.
    """

    ids: Tensor
    positions: Tensor
    targets: Tensor
    labels: Tensor
    plan: Plan
    weights: Tensor | None = None


def target_logits(model: Any, packed: Packed) -> Tensor:
    """Logits [targets, vocabulary] where there is a target, and nowhere else."""
    output = model(
        input_ids=packed.ids,
        position_ids=packed.positions,
        use_cache=False,
        logits_to_keep=packed.targets,
        plan=packed.plan,
    )
    logits: Tensor = output.logits[0]
    return logits


def packed_loss(model: Any, packed: Packed) -> Tensor:
    """Mean cross-entropy over the targets of a row, weighted where the row has weights."""
    return weighted_loss(target_logits(model, packed), packed.labels, packed.weights)


def weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Mean cross-entropy in float32 of logits [targets, vocabulary], weighted where there are weights [targets]."""
    if weights is None:
        return cross_entropy(logits.float(), labels)
    losses = cross_entropy(logits.float(), labels, reduction="none")
    return (losses * weights).sum() / weights.sum()

"""The ordinary padded batch, for models that cannot share a prefix: one row an example, padding behind it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.inference.packed import weighted_loss
from workbench.training.packing import Batch


@dataclass(frozen=True)
class Padded:
    """A batch as tensors.

    Attributes:
        ids, mask: [rows, longest]; the mask is 1 where there is a token.
        rows, columns: [targets], where in ``ids`` the tokens stand whose successor is learned.
        labels: [targets], those successors.
        weights: [targets], how much each counts; None when all count the same.
    """

    ids: Tensor
    mask: Tensor
    rows: Tensor
    columns: Tensor
    labels: Tensor
    weights: Tensor | None


def pad(batch: Batch, device: torch.device) -> Padded:
    """Lay a batch out in rows. Each holds a prompt and its completion without the last token."""
    texts = [example.prompt_ids + example.completion_ids[:-1] for example in batch.examples]
    longest = max(map(len, texts))
    targets = [
        (row, column, label)
        for row, (example, text) in enumerate(zip(batch.examples, texts, strict=True))
        for column, label in enumerate(example.completion_ids, len(text) - len(example.completion_ids))
    ]
    rows, columns, labels = torch.tensor(targets, device=device).unbind(1)
    weights = [weight for e in batch.examples for weight in e.weights or [1.0] * len(e.completion_ids)]
    return Padded(
        ids=torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts], device=device),
        mask=torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts], device=device),
        rows=rows,
        columns=columns,
        labels=labels,
        weights=torch.tensor(weights, device=device) if set(weights) != {1.0} else None,
    )


def padded_loss(model: Any, padded: Padded) -> Tensor:
    """Mean cross-entropy over the targets; logits only for columns that hold one, where the family allows that."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    options, columns = {}, padded.columns
    if "logits_to_keep" in inspect.signature(base.forward).parameters:
        options["logits_to_keep"], columns = padded.columns.unique(return_inverse=True)
    output = model(input_ids=padded.ids, attention_mask=padded.mask, use_cache=False, **options)
    return weighted_loss(output.logits[padded.rows, columns], padded.labels, padded.weights)

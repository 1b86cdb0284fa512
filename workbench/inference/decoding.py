"""Decoding of a batch of rows: behind a shared prefix, or padded for models that cannot share one.

Token ids in, token ids out. A picker says which tokens rows take. Knows no texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteriaList

from workbench.inference.attention import PrefillPlan, RowsPlan
from workbench.inference.picking import Greedy, Picker

Written = tuple[list[int], float]
"""New tokens of a row, and the sum of their log probabilities."""


@torch.inference_mode()
def prefill(model: Any, tokens: Sequence[int]) -> PrefillPlan:
    """Compute a prefix once."""
    plan = PrefillPlan()
    ids = torch.tensor([tokens], device=model.device)
    model(input_ids=ids, use_cache=False, logits_to_keep=1, plan=plan)
    return plan


@torch.inference_mode()
def decode_behind(
    model: Any,
    prefix: PrefillPlan,
    length: int,
    rows: Sequence[Sequence[int]],
    stops: frozenset[int],
    max_new_tokens: int,
    picker: Picker | None = None,
) -> list[Written]:
    """Continue rows that stand behind a prefix of ``length`` tokens. Rows leave the batch when they are finished."""
    picker = picker or Greedy()
    tokens, pads = _pad_left(rows, model.device)
    plan = RowsPlan(prefix, length, pads)
    written: list[list[int]] = [[] for _ in rows]
    log_probability = [0.0] * len(rows)
    active, count = list(range(len(rows))), 0
    while count < max_new_tokens:
        positions = plan.extend(tokens.shape[1])
        output = model(input_ids=tokens, position_ids=positions, use_cache=False, logits_to_keep=1, plan=plan)
        chosen, scores = picker.pick(active, output.logits[:, -1].float())
        count += 1
        for row, token, score in zip(active, chosen, scores, strict=True):
            written[row].append(token)
            log_probability[row] += score
        going = [at for at, row in enumerate(active) if written[row][-1] not in stops and row not in picker.ended]
        if not going:
            break
        if len(going) < len(active):
            plan.keep(torch.tensor(going, device=model.device))
            active = [active[at] for at in going]
        ahead = picker.ahead(active, max_new_tokens - count)
        count += len(ahead[0])
        for row, more in zip(active, ahead, strict=True):
            written[row] += more
        behind = len(ahead[0]) + 1
        tokens = torch.tensor([written[row][-behind:] for row in active], device=model.device)
    return list(zip(written, log_probability, strict=True))


@torch.inference_mode()
def decode_padded(
    model: Any,
    rows: Sequence[Sequence[int]],
    stops: frozenset[int],
    max_new_tokens: int,
    picker: Picker | None = None,
) -> list[Written]:
    """Continue whole prompts with the family's own ``generate``, whatever its attention or state may be."""
    tokens, pads = _pad_left(rows, model.device)
    mask = (torch.arange(tokens.shape[1], device=model.device) >= pads[:, None]).long()
    picked = _Picked(picker or Greedy(), stops, len(rows))
    config = GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=sorted(stops) or None, pad_token_id=0
    )
    model.generate(
        input_ids=tokens,
        attention_mask=mask,
        generation_config=config,
        logits_processor=LogitsProcessorList([picked]),
        stopping_criteria=StoppingCriteriaList([picked.finished]),
    )
    return list(zip(picked.written, picked.log_probability, strict=True))


class _Picked(LogitsProcessor):
    """Lets the picker choose each row's token, by leaving no other; notes tokens and log probabilities."""

    def __init__(self, picker: Picker, stops: frozenset[int], rows: int) -> None:
        self.picker, self.stops = picker, stops
        self.written: list[list[int]] = [[] for _ in range(rows)]
        self.log_probability = [0.0] * rows
        self.active = list(range(rows))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        only = torch.full_like(scores, -torch.inf)
        only[:, 0] = 0
        if not self.active:
            return only
        chosen, log_probability = self.picker.pick(self.active, scores[self.active].float())
        for row, token, score in zip(self.active, chosen, log_probability, strict=True):
            self.written[row].append(token)
            self.log_probability[row] += score
            only[row] = -torch.inf
            only[row, token] = 0
        self.active = [
            row for row in self.active if self.written[row][-1] not in self.stops and row not in self.picker.ended
        ]
        return only

    def finished(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """For ``generate``: whether all rows have ended."""
        return torch.full((len(input_ids),), not self.active, device=input_ids.device)


def _pad_left(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens [rows, longest] and each row's padding [rows]. The filler is masked, so any token id does."""
    longest = max(map(len, rows))
    pads = [longest - len(row) for row in rows]
    filled = [[0] * pad + list(row) for pad, row in zip(pads, rows, strict=True)]
    return torch.tensor(filled, device=device), torch.tensor(pads, device=device)

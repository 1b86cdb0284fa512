"""Greedy decoding of a batch of rows: behind a shared prefix, or padded for models that cannot share one.

Token ids in, token ids out. Knows no texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from workbench.inference.attention import PrefillPlan, RowsPlan

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
) -> list[Written]:
    """Continue rows that stand behind a prefix of ``length`` tokens. Rows leave the batch when they are finished."""
    tokens, pads = _pad_left(rows, model.device)
    plan = RowsPlan(prefix, length, pads)
    written: list[list[int]] = [[] for _ in rows]
    log_probability = [0.0] * len(rows)
    active = list(range(len(rows)))
    for _ in range(max_new_tokens):
        positions = plan.extend(tokens.shape[1])
        output = model(input_ids=tokens, position_ids=positions, use_cache=False, logits_to_keep=1, plan=plan)
        best, chosen = torch.log_softmax(output.logits[:, -1].float(), -1).max(-1)
        for row, token, score in zip(active, chosen.tolist(), best.tolist(), strict=True):
            written[row].append(token)
            log_probability[row] += score
        going = [at for at, row in enumerate(active) if written[row][-1] not in stops]
        if not going:
            break
        if len(going) < len(active):
            keep = torch.tensor(going, device=model.device)
            plan.keep(keep)
            chosen, active = chosen[keep], [active[at] for at in going]
        tokens = chosen[:, None]
    return list(zip(written, log_probability, strict=True))


@torch.inference_mode()
def decode_padded(
    model: Any, rows: Sequence[Sequence[int]], stops: frozenset[int], max_new_tokens: int
) -> list[Written]:
    """Continue whole prompts with the family's own ``generate``, whatever its attention or state may be."""
    tokens, pads = _pad_left(rows, model.device)
    mask = (torch.arange(tokens.shape[1], device=model.device) >= pads[:, None]).long()
    scores = _BestScores()
    config = GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=sorted(stops) or None, pad_token_id=0
    )
    filled = model.generate(
        input_ids=tokens,
        attention_mask=mask,
        generation_config=config,
        logits_processor=LogitsProcessorList([scores]),
    )
    new = filled[:, tokens.shape[1] :].tolist()
    found = []
    for row, best in zip(new, torch.stack(scores.steps, 1).tolist(), strict=True):
        end = next((at + 1 for at, token in enumerate(row) if token in stops), len(row))
        found.append((row[:end], sum(best[:end])))
    return found


class _BestScores(LogitsProcessor):
    """Notes the log probability of the best token of each row, step by step; changes nothing."""

    def __init__(self) -> None:
        self.steps: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self.steps.append(torch.log_softmax(scores.float(), -1).amax(-1))
        return scores


def _pad_left(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens [rows, longest] and each row's padding [rows]. The filler is masked, so any token id does."""
    longest = max(map(len, rows))
    pads = [longest - len(row) for row in rows]
    filled = [[0] * pad + list(row) for pad, row in zip(pads, rows, strict=True)]
    return torch.tensor(filled, device=device), torch.tensor(pads, device=device)

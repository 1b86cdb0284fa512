"""Rows that are being decoded, each behind a prefix that was computed once: their keys and values, and who sees whom.

The new tokens of all rows go through the model behind each other, ``[1, tokens]``, so that no row waits for another and
nothing is computed for padding; only attention looks at the rows apart. Knows no texts and no choice of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.inference.attention import PrefillPlan, additive, attend_heads, visible

LEAST_SLOTS = 64
"""Own tokens for which there is room from the beginning; it doubles when they do not fit."""


class Rows:
    """Rows behind one prefix of ``length`` tokens, with room for keys and values of their own.

    The slot of an own token is its distance from the end of the prefix. What stands in slots behind a row's last token
    is seen by none of its tokens, so rows of different lengths need no padding.
    """

    def __init__(self, prefix: PrefillPlan, length: int, count: int, device: torch.device) -> None:
        self.prefix, self.length = prefix, length
        self.counts = torch.zeros(count, dtype=torch.long, device=device)
        self._own: dict[int, tuple[Tensor, Tensor]] = {}
        self._masks: dict[int | None, tuple[Tensor, Tensor | None]] = {}

    def __len__(self) -> int:
        return len(self.counts)

    def extend(self, news: Sequence[int]) -> Tensor:
        """Announce the number of new tokens of each row; returns their positions, [tokens]."""
        self._masks.clear()
        lengths = torch.tensor(news, device=self.counts.device)
        self._most, self._all_alike = max(news), min(news) == max(news)
        self._before = self.counts
        self._row = torch.arange(len(news), device=lengths.device).repeat_interleave(lengths)
        firsts = lengths.cumsum(0) - lengths
        self._nth = torch.arange(len(self._row), device=lengths.device) - firsts[self._row]
        self._slot = self._before[self._row] + self._nth
        self.counts = self._before + lengths
        self._slots = int(self.counts.max())
        return self.length + self._slot

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
        """As ``attention.Plan``, for the new tokens of these rows, [1, heads, tokens, head size]."""
        own_key, own_value = self._room(layer, key)
        own_key[:, self._row, self._slot] = key[0]
        own_value[:, self._row, self._slot] = value[0]
        if window not in self._masks:
            self._masks[window] = self._make_masks(window, query.dtype)
        kept = self.prefix.layers[layer].last(window, self.length)
        keys, values = own_key[:, :, : self._slots], own_value[:, :, : self._slots]
        output = attend_heads(self._apart(query[0]), keys, values, kept, *self._masks[window], scale)
        # [rows, heads, most, head size] to [1, heads, tokens, head size], without what only fills up.
        return output.transpose(1, 2)[self._row, self._nth].transpose(0, 1)[None]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; one may be named several times."""
        index = torch.tensor(rows, dtype=torch.long, device=self.counts.device)
        self.counts = self.counts[index]
        self._own = {layer: (key[:, index], value[:, index]) for layer, (key, value) in self._own.items()}

    def join(self, other: Rows) -> None:
        """Take the rows of another one behind the same prefix."""
        assert other.prefix is self.prefix
        self.counts = torch.cat([self.counts, other.counts])
        for layer, (key, value) in self._own.items():
            their_key, their_value = other._own[layer]
            self._own[layer] = (_stacked(key, their_key), _stacked(value, their_value))

    def _apart(self, query: Tensor) -> Tensor:
        """[heads, tokens, head size] as [rows, heads, most tokens of a row, head size]."""
        heads, _, size = query.shape
        if self._all_alike:
            return query.view(heads, len(self), self._most, size).transpose(0, 1)
        apart = query.new_zeros(len(self), self._most, heads, size)
        apart[self._row, self._nth] = query.transpose(0, 1)
        return apart.transpose(1, 2)

    def _room(self, layer: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Where the keys and values of a layer stand, each [key heads, rows, slots, head size]."""
        have = self._own[layer][0].shape[2] if layer in self._own else 0
        if have < self._slots:
            slots = max(LEAST_SLOTS, self._slots, 2 * have)
            fresh = [like.new_zeros(like.shape[1], len(self), slots, like.shape[3]) for _ in "kv"]
            for new, old in zip(fresh, self._own.get(layer, ()), strict=False):
                new[:, :, :have] = old
            self._own[layer] = (fresh[0], fresh[1])
        return self._own[layer]

    def _make_masks(self, window: int | None, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
        device = self.counts.device
        queries = (self._before[:, None] + torch.arange(self._most, device=device))[:, :, None]
        own = visible(queries, torch.arange(self._slots, device=device), window)
        if window is None:
            return additive(own, dtype)[:, None], None
        past = torch.arange(max(0, self.length - window + 1), self.length, device=device)
        return additive(own, dtype)[:, None], additive(visible(self.length + queries, past, window), dtype)[:, None]


def _stacked(key: Tensor, other: Tensor) -> Tensor:
    """Rows of both; the one with fewer slots gets more."""
    slots = max(key.shape[2], other.shape[2])
    both = key.new_zeros(key.shape[0], key.shape[1] + other.shape[1], slots, key.shape[3])
    both[:, : key.shape[1], : key.shape[2]] = key
    both[:, key.shape[1] :, : other.shape[2]] = other
    return both


@dataclass(frozen=True)
class RowsPlan:
    """One forward pass over groups of rows, each behind a prefix of its own; see ``attention.Plan``."""

    groups: Sequence[Rows]
    tokens: Sequence[int]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
        parts = zip(self.groups, *(x.split(list(self.tokens), 2) for x in (query, key, value)), strict=True)
        outputs = [rows.attend(layer, q, k, v, scale, window) for rows, q, k, v in parts]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, 2)


def forward(model: object, groups: Sequence[Rows], news: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """One pass over the new tokens of every row of every group.

    Args:
        news: of each group, of each row, its new tokens; at least one a row.

    Returns:
        [rows of all groups, vocabulary] in float32: what each row may go on with.
    """
    device = groups[0].counts.device
    positions = torch.cat([rows.extend(list(map(len, new))) for rows, new in zip(groups, news, strict=True)])
    every = [row for new in news for row in new]
    last = torch.tensor(list(map(len, every)), device=device).cumsum(0) - 1
    plan = RowsPlan(groups, [sum(map(len, new)) for new in news])
    ids = torch.tensor([[token for row in every for token in row]], device=device)
    output = model(input_ids=ids, position_ids=positions[None], use_cache=False, logits_to_keep=last, plan=plan)  # type: ignore[operator]
    logits: Tensor = output.logits[0].float()
    return logits

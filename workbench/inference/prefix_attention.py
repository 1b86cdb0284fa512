"""Attention over a prefix tree: one shared prefix and many continuations in a single row of tokens.

The row is ``[prefix | block 1 | block 2 | …]``; a block is E continuations padded to L tokens each. A continuation sees
the prefix and itself, never another one. Instead of one mask over the whole row (quadratic in its length) the prefix
attends to itself once and each block in one batched product, which is exact and several times cheaper.

Registered with transformers under ``NAME``; the tree reaches it as the keyword ``tree`` of the model's forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "prefix_tree"


@dataclass(frozen=True)
class Tree:
    """Layout of a row.

    Attributes:
        prefix: tokens of the shared prefix.
        blocks: (continuations, padded tokens each) in order; tokens of the row = prefix + sum of products.
    """

    prefix: int
    blocks: tuple[tuple[int, int], ...]

    def positions(self) -> torch.Tensor:
        """Position of each token of the row, shape (1, tokens): continuations go on from the prefix."""
        parts = [torch.arange(self.prefix)]
        parts += [torch.arange(self.prefix, self.prefix + length).repeat(count) for count, length in self.blocks]
        return torch.cat(parts)[None]


def block_mask(prefix: int, length: int, window: int | None, device: torch.device) -> torch.Tensor:
    """Which keys (prefix, then own tokens) each token of a continuation sees; bool, shape (length, prefix + length)."""
    rows = torch.arange(prefix, prefix + length, device=device)[:, None]
    columns = torch.arange(prefix + length, device=device)[None]
    seen = columns <= rows
    return seen if window is None else seen & (columns > rows - window)


def prefix_tree_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    tree: Tree,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one row; query (1, heads, tokens, d), key and value (1, kv heads, tokens, d).

    Returns:
        (1, tokens, heads, d), and None for the weights, as transformers expects.
    """
    groups = query.shape[1] // key.shape[1]
    key, value = (tensor.repeat_interleave(groups, dim=1) for tensor in (key, value))
    head = (query[:, :, : tree.prefix], key[:, :, : tree.prefix], value[:, :, : tree.prefix])
    window = sliding_window if sliding_window and sliding_window < tree.prefix else None
    if window is None:
        outputs = [scaled_dot_product_attention(*head, is_causal=True, dropout_p=dropout, scale=scaling)]
    else:
        mask = block_mask(0, tree.prefix, window, query.device)
        outputs = [scaled_dot_product_attention(*head, attn_mask=mask, dropout_p=dropout, scale=scaling)]
    start = tree.prefix
    for count, length in tree.blocks:
        stop = start + count * length
        outputs.append(_block(query, key, value, tree.prefix, (start, count, length), sliding_window, dropout, scaling))
        start = stop
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous(), None


def _block(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    prefix: int,
    block: tuple[int, int, int],
    window: int | None,
    dropout: float,
    scaling: float | None,
) -> torch.Tensor:
    start, count, length = block
    heads, width = query.shape[1], query.shape[3]

    def own(tensor: torch.Tensor) -> torch.Tensor:
        part = tensor[0, :, start : start + count * length]
        return part.view(heads, count, length, width).transpose(0, 1)

    def with_prefix(tensor: torch.Tensor) -> torch.Tensor:
        return torch.cat((tensor[:, :, :prefix].expand(count, -1, -1, -1), own(tensor)), dim=2)

    mask = block_mask(prefix, length, window, query.device)
    out = scaled_dot_product_attention(
        own(query), with_prefix(key), with_prefix(value), attn_mask=mask, dropout_p=dropout, scale=scaling
    )
    return out.transpose(0, 1).reshape(1, heads, count * length, width)


def register() -> None:
    """Make the implementation known to transformers; calling it again does no harm."""
    AttentionInterface.register(NAME, prefix_tree_attention)

"""Attention for rows that share one prefix: the prefix is computed once and never copied.

A model whose attention implementation is ``SHARED_PREFIX`` asks the plan that its caller passes along
(``model(…, plan=plan)``) to attend. Visibility is decided by positions, so windows of sliding layers are exact. Knows
nothing of training, decoding or tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

SHARED_PREFIX = "workbench_shared_prefix"
PART = 256
"""Tokens of the prefix that attend together where there is no good fused kernel."""


class Plan(Protocol):
    """How the tokens of one forward pass see each other."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
        """Attention output.

        Args:
            layer: index of the layer.
            query: [batch, heads, tokens, head size]; key and value have the model's fewer key heads.
            window: a token sees itself and the ``window - 1`` positions before it; None: all before it.

        Returns:
            [batch, heads, tokens, head size].
        """


def use_shared_prefix(model: PreTrainedModel) -> None:
    """Switch a model to shared-prefix attention; from now on each call needs a ``plan``."""
    AttentionInterface.register(SHARED_PREFIX, _dispatch)
    model.set_attn_implementation(SHARED_PREFIX)


def attend_prefix(query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
    """Ordinary causal attention of one sequence, [1, heads, tokens, head size]."""
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        return _attend_prefix_in_parts(query, key, value, scale, window)
    repeats = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    length = query.shape[2]
    if window is None or window >= length:
        return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale)
    positions = torch.arange(length, device=query.device)
    mask = visible(positions[:, None], positions, window)
    return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)


def _attend_prefix_in_parts(query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
    """Each part of the sequence sees the parts before it and itself: plain matrix products, see ``attend_rows``."""
    outputs = []
    for start in range(0, query.shape[2], PART):
        q, k, v = (x[:, :, start : start + PART] for x in (query, key, value))
        before = PrefixKeys(key[0, :, :start], value[0, :, :start]).last(window, start)
        own, past = part_masks(start, q.shape[2], window, q)
        outputs.append(attend_rows(q, k, v, before, own, past, scale))
    return torch.cat(outputs, 2)


@dataclass(frozen=True)
class PrefixKeys:
    """One layer's keys and values of a prefix, each [key heads, tokens, head size]; ``first`` is the first position."""

    key: Tensor
    value: Tensor
    first: int = 0

    def last(self, window: int | None, behind: int) -> PrefixKeys:
        """Those that a token at position ``behind`` or later can still see."""
        first = 0 if window is None else max(0, behind - window + 1)
        return PrefixKeys(self.key[:, first:], self.value[:, first:], first)


def attend_rows(
    query: Tensor, key: Tensor, value: Tensor, prefix: PrefixKeys, own: Tensor, before: Tensor | None, scale: float
) -> Tensor:
    """Rows see the shared prefix and themselves.

    On a CPU by plain matrix products: with bfloat16 units they are twice as fast as the fused kernel. On a GPU by the
    kernel that never holds all weights at once.

    Args:
        query: [rows, heads, tokens, head size].
        key, value: [rows, key heads, own tokens, head size].
        own: additive mask over own tokens, broadcastable to [rows, 1, tokens, own tokens].
        before: the same over prefix tokens, or None when all are visible.

    Returns:
        [rows, heads, tokens, head size].
    """
    if query.is_cuda:
        return attend_fused(query, key, value, prefix, own, before, scale)
    own_key, own_value = (x.transpose(0, 1).contiguous() for x in (key, value))
    return attend_heads(query, own_key, own_value, prefix, own, before, scale)


def attend_fused(
    query: Tensor, key: Tensor, value: Tensor, prefix: PrefixKeys, own: Tensor, before: Tensor | None, scale: float
) -> Tensor:
    """``attend_rows`` by PyTorch's fused kernel: with a mask it takes the memory-efficient one. Prefix keys and values
    are repeated for each row, which is little beside the weights that it need not keep."""
    rows, repeats, tokens = len(query), query.shape[1] // key.shape[1], own.shape[-2]
    keys, values = (
        torch.cat([shared.expand(rows, -1, -1, -1), mine], 2).repeat_interleave(repeats, 1)
        for shared, mine in ((prefix.key, key), (prefix.value, value))
    )
    past = own.new_zeros(tokens, prefix.key.shape[1]) if before is None else before
    mask = torch.cat([past.expand(*own.shape[:-2], *past.shape[-2:]), own], -1)
    return scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=scale)


def attend_heads(
    query: Tensor, key: Tensor, value: Tensor, prefix: PrefixKeys, own: Tensor, before: Tensor | None, scale: float
) -> Tensor:
    """The same with key and value as [key heads, rows, own tokens, head size]."""
    rows, heads, tokens, size = query.shape
    shared = key.shape[0]
    # From here on the order is [key heads, rows, heads of the group x tokens], so that all products need only views.
    grouped = (query * scale).view(rows, shared, -1, tokens, size).transpose(0, 1).contiguous().flatten(2, 3)
    output: Tensor = _JointAttention.apply(grouped, key, value, prefix.key, prefix.value, own, before)
    return output.view(shared, rows, -1, tokens, size).transpose(0, 1).reshape(rows, heads, tokens, size)


class _JointAttention(torch.autograd.Function):
    """One softmax over prefix and own tokens. The backward pass is written out: autograd's would transpose the big
    matrices of weights, which costs more than the products.

    Shapes: query [key heads, rows, queries, head size]; own key and value [key heads, rows, own tokens, head size];
    those of the prefix [key heads, prefix tokens, head size].
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, pk: Tensor, pv: Tensor, own: Tensor, before: Any) -> Tensor:
        shared, rows, queries, size = q.shape
        tokens, length, past = own.shape[-2], k.shape[2], pk.shape[1]
        group = queries // tokens
        to_prefix = torch.bmm(q.view(shared, -1, size), pk.transpose(1, 2))
        if before is not None:
            to_prefix.view(shared, rows, group, tokens, past).add_(before)
        to_own = torch.bmm(_rows(q), _rows(k).transpose(1, 2))
        to_own.view(shared, rows, group, tokens, length).add_(own)
        weights = torch.softmax(torch.cat([to_prefix, to_own.view(shared, -1, length)], -1), -1)
        on_prefix = weights[:, :, :past].contiguous()
        on_own = weights[:, :, past:].reshape(-1, queries, length)
        output = torch.bmm(on_prefix, pv).view(-1, queries, size).baddbmm_(on_own, _rows(v)).view(q.shape)
        ctx.save_for_backward(q, k, v, pk, pv, on_prefix, on_own, output)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, pk, pv, on_prefix, on_own, output = ctx.saved_tensors
        g = gradients[0].contiguous()
        shared, size = q.shape[0], q.shape[-1]
        flat_q, flat_g = q.view(shared, -1, size), g.view(shared, -1, size)
        # Softmax's gradient is weights * (gradient - delta); delta is the same for both parts.
        delta = (g * output).sum(-1, keepdim=True, dtype=torch.float32).to(g.dtype)
        d_prefix = torch.bmm(flat_g, pv.transpose(1, 2)).sub_(delta.view(shared, -1, 1)).mul_(on_prefix)
        d_own = torch.bmm(_rows(g), _rows(v).transpose(1, 2)).sub_(_rows(delta)).mul_(on_own)
        d_q = torch.bmm(d_prefix, pk).view(-1, *q.shape[2:]).baddbmm_(d_own, _rows(k)).view(q.shape)
        d_k = torch.bmm(_rows(q).transpose(1, 2), d_own).transpose(1, 2).view(k.shape)
        d_v = torch.bmm(_rows(g).transpose(1, 2), on_own).transpose(1, 2).view(v.shape)
        d_pk = torch.bmm(flat_q.transpose(1, 2), d_prefix).transpose(1, 2)
        d_pv = torch.bmm(flat_g.transpose(1, 2), on_prefix).transpose(1, 2)
        return d_q, d_k, d_v, d_pk, d_pv, None, None


def _rows(tensor: Tensor) -> Tensor:
    """[key heads, rows, …] as [key heads x rows, …]."""
    return tensor.view(-1, *tensor.shape[2:])


def visible(query: Tensor, key: Tensor, window: int | None) -> Tensor:
    """Whether a token at one position sees a token at another; positions broadcast."""
    seen = key <= query
    return seen if window is None else seen & (query - key < window)


def part_masks(start: int, length: int, window: int | None, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """Additive masks of the positions ``start`` to ``start + length`` over themselves and over those before them.

    The second one covers the positions that ``PrefixKeys.last`` keeps; None when all of them are visible.
    """
    own = torch.arange(start, start + length, device=like.device)
    itself = additive(visible(own[:, None], own, window), like.dtype)
    if window is None:
        return itself, None
    past = torch.arange(max(0, start - window + 1), start, device=like.device)
    return itself, additive(visible(own[:, None], past, window), like.dtype)


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A boolean mask as numbers to add: 0 where visible, very negative where not."""
    zeros = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return zeros.masked_fill(~mask, torch.finfo(dtype).min)


@dataclass
class PrefillPlan:
    """One sequence attends to itself; the keys and values of each layer are kept."""

    layers: dict[int, PrefixKeys] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Memory that the keys and values take."""
        return sum(x.numel() * x.element_size() for kept in self.layers.values() for x in (kept.key, kept.value))

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
        self.layers[layer] = PrefixKeys(key[0].contiguous(), value[0].contiguous())
        return attend_prefix(query, key, value, scale, window)


@dataclass(frozen=True)
class Block:
    """Rows of one padded length behind the prefix."""

    rows: int
    length: int

    @property
    def tokens(self) -> int:
        return self.rows * self.length

    def as_rows(self, tensor: Tensor) -> Tensor:
        """[heads, rows x length, head size] as [rows, heads, length, head size]."""
        return tensor.view(tensor.shape[0], self.rows, self.length, -1).transpose(0, 1)


@dataclass
class TreePlan:
    """Training: one row of tokens ``[prefix | rows of block 1 | rows of block 2 | …]``."""

    prefix: int
    blocks: tuple[Block, ...]
    masks: dict[tuple[int, int | None], tuple[Tensor, Tensor | None]] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        return self.prefix + sum(block.tokens for block in self.blocks)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
        sizes = [self.prefix, *(block.tokens for block in self.blocks)]
        (q, *queries), (k, *keys), (v, *values) = (x[0].split(sizes, 1) for x in (query, key, value))
        outputs = [attend_prefix(q[None], k[None], v[None], scale, window)[0]]
        past = PrefixKeys(k, v).last(window, self.prefix)
        for block, q, k, v in zip(self.blocks, queries, keys, values, strict=True):
            own, before = self._masks(block.length, window, q)
            rows_q, rows_k, rows_v = (block.as_rows(x) for x in (q, k, v))
            output = attend_rows(rows_q, rows_k, rows_v, past, own, before, scale)
            outputs.append(output.transpose(0, 1).reshape(q.shape))
        return torch.cat(outputs, 1)[None]

    def _masks(self, length: int, window: int | None, like: Tensor) -> tuple[Tensor, Tensor | None]:
        """Made once a batch: layers of one kind share them."""
        if (length, window) not in self.masks:
            self.masks[length, window] = part_masks(self.prefix, length, window, like)
        return self.masks[length, window]


@dataclass(frozen=True)
class ForestPlan:
    """Training: several trees behind each other in one row of tokens; none sees another."""

    trees: tuple[TreePlan, ...]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None) -> Tensor:
        sizes = [tree.tokens for tree in self.trees]
        parts = zip(self.trees, *(x.split(sizes, 2) for x in (query, key, value)), strict=True)
        return torch.cat([tree.attend(layer, q, k, v, scale, window) for tree, q, k, v in parts], 2)


def _dispatch(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """The function that transformers calls; it wants [batch, tokens, heads, head size] back."""
    plan: Plan = options["plan"]
    # Under autocast the rotary embedding leaves queries and keys in float32 beside values in bfloat16.
    query, key = query.to(value.dtype), key.to(value.dtype)
    scale = options.get("scaling") or query.shape[-1] ** -0.5
    output = plan.attend(module.layer_idx, query, key, value, scale, options.get("sliding_window"))
    return output.transpose(1, 2), None

"""Initial weights that can copy: previous-token heads below, induction heads above.

A model this small spends most of a short pretraining on discovering how to copy what follows an earlier occurrence of
the current token (an induction head: Olsson et al. 2022, "In-context Learning and Induction Heads"). Here the circuit
is wired in from the start and then trained like everything else; all other weights start at random.

Layer 0: heads 0 and 1 look one and two tokens back, by position alone. Layer 1: heads of both key groups look for a
place whose previous token is the current one, and write what stands there.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import Gemma3ForCausalLM

CONSTANT = 0
"""Residual dimension that holds the same value in every token, so that queries and keys can ignore content."""
FAST_PAIRS, SLOW_PAIRS = 6, 14
"""Rotary pairs below FAST_PAIRS tell neighbours apart; those from SLOW_PAIRS on hardly turn within a prompt."""


@torch.no_grad()
def wire_copying(model: Gemma3ForCausalLM) -> None:
    """Set embeddings, norms and the first two attention layers; shapes are read from the model's config."""
    config: Any = model.config
    layers: Any = model.model.layers
    embeddings: Any = model.model.embed_tokens.weight
    width, size = config.hidden_size, config.head_dim
    spread = width**-0.5
    embeddings.normal_(0, spread)
    embeddings[:, CONSTANT] = 4 * spread
    for layer in layers:
        layer.post_attention_layernorm.weight.fill_(-0.7)
        layer.post_feedforward_layernorm.weight.fill_(-0.7)
    read = _orthonormal(size, width)
    write = _orthonormal(2 * size, width)
    _look_back(layers[0], config.rope_parameters["full_attention"]["rope_theta"], size, read, write)
    _induce(layers[1], size, read, write)


def _look_back(layer: Any, theta: float, size: int, read: torch.Tensor, write: torch.Tensor) -> None:
    attention = layer.self_attn
    speeds = theta ** (-torch.arange(size // 2) / (size // 2))
    fast = torch.arange(FAST_PAIRS)
    key = torch.zeros(size)
    key[fast] = 1.0
    attention.k_proj.weight[:size] = 0
    attention.k_proj.weight[:size, CONSTANT] = key
    for head, back in enumerate((1, 2)):
        query = torch.zeros(size)
        query[fast] = torch.cos(-back * speeds[fast])
        query[fast + size // 2] = torch.sin(-back * speeds[fast])
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[rows] = 0
        attention.q_proj.weight[rows, CONSTANT] = query
        attention.o_proj.weight[:, rows] = write[rows].T
    attention.v_proj.weight[:size] = read
    attention.o_proj.weight[:, 2 * size :] *= 0.1
    attention.q_norm.weight.fill_(0.6)
    attention.k_norm.weight.fill_(0.6)
    layer.post_attention_layernorm.weight.fill_(0.0)


def _induce(layer: Any, size: int, read: torch.Tensor, write: torch.Tensor) -> None:
    attention = layer.self_attn
    half = size // 2
    slow = torch.cat((torch.arange(SLOW_PAIRS, half), torch.arange(SLOW_PAIRS + half, size)))
    copied = _orthonormal(2 * size, read.shape[1])
    for group in range(2):
        keys = slice(group * size, (group + 1) * size)
        attention.k_proj.weight[keys] = 0
        attention.k_proj.weight[keys][slow] = write[:size][slow]
        attention.v_proj.weight[keys] = copied[keys]
        head = 2 * group
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[rows] = 0
        attention.q_proj.weight[rows][slow] = read[slow]
        attention.o_proj.weight[:, rows] = copied[keys].T
        other = slice((head + 1) * size, (head + 2) * size)
        attention.o_proj.weight[:, other] *= 0.1
    attention.q_norm.weight.fill_(0.6)
    attention.k_norm.weight.fill_(0.6)
    layer.post_attention_layernorm.weight.fill_(0.0)


def _orthonormal(rows: int, columns: int) -> torch.Tensor:
    """Random orthonormal rows that do not touch the constant dimension."""
    free = torch.linalg.qr(torch.randn(columns - 1, rows)).Q.T
    return torch.cat((free[:, :CONSTANT], torch.zeros(rows, 1), free[:, CONSTANT:]), dim=1)

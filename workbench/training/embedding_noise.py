"""Noise on the embeddings while a model trains, so that it leans less on the very words of its examples.

N. Jain et al., "NEFTune: Noisy Embeddings Improve Instruction Finetuning", arXiv 2310.05914. A prefix that many rows
share is computed once, so its noise is shared as well. Knows no batches and no losses.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class EmbeddingNoise:
    """Adds uniform noise to what the embedding of a model in training mode gives; in evaluation mode it adds none.

    Attributes:
        strength: the noise lies within ``strength / sqrt(tokens * width)``; 0 leaves the model as it is.
        tokens: length of the texts that are embedded next.
    """

    def __init__(self, model: Any, strength: float) -> None:
        self.strength, self.tokens = strength, 1.0
        if strength:
            model.get_input_embeddings().register_forward_hook(self._add)

    def _add(self, embedding: nn.Module, _: Any, output: Tensor) -> Tensor:
        if not embedding.training:
            return output
        most = self.strength / math.sqrt(self.tokens * output.shape[-1])
        return output + torch.empty_like(output).uniform_(-most, most)

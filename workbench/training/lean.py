"""Leaner forward and backward passes for two kinds of layers, used in training only.

The same mathematics with fewer passes over memory: on a CPU, RMS norms and the additions around LoRA otherwise take as
long as the matrix products. A layer that is set up in an unusual way (dropout, bias, DoRA, several adapters) keeps its
own forward. Knows nothing of batches and optimizers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm


def make_lean(model: nn.Module) -> None:
    """Replace the forward of every layer of ``model`` for which there is a leaner one; base weights must be frozen."""
    for module in model.modules():
        if isinstance(module, (Gemma3RMSNorm, LlamaRMSNorm, Qwen3RMSNorm)) and not module.weight.requires_grad:
            module.forward = partial(_norm, module)  # type: ignore[method-assign]
        elif isinstance(module, LoraLinear) and _is_plain(module):
            module.forward = partial(_lora, module)  # type: ignore[method-assign]


class LeanRMSNorm(torch.autograd.Function):
    """``x / rms(x) * weight`` with a frozen weight. The mean is taken in float32, the rest in the type of ``x``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_().to(x.dtype)
        ctx.save_for_backward(x, scale, weight)
        return (x * scale).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None]:
        x, scale, weight = ctx.saved_tensors
        g, normal = gradients[0] * weight, x * scale
        along = (g * normal).sum(-1, keepdim=True, dtype=torch.float32).div_(x.shape[-1]).to(x.dtype)
        return g.sub_(normal.mul_(along)).mul_(scale), None, None


class LeanLora(torch.autograd.Function):
    """``x W' + s (x A') B'`` with a frozen ``W``: the products accumulate in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: Tensor, a: Tensor, b: Tensor, scaling: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        low = rows @ a.t()
        ctx.save_for_backward(rows, low, base, a, b)
        ctx.scaling, ctx.shape = scaling, x.shape
        return (rows @ base.t()).addmm_(low, b.t(), alpha=scaling).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor, None]:
        rows, low, base, a, b = ctx.saved_tensors
        g = gradients[0].reshape(-1, gradients[0].shape[-1])
        g_low = (g @ b).mul_(ctx.scaling)
        # The first layer's input is an embedding that is not trained: nobody asks for its gradient.
        g_x = (g @ base).addmm_(g_low, a).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return g_x, None, g_low.t() @ rows, (g.t() @ low).mul_(ctx.scaling), None


def _norm(module: Gemma3RMSNorm | LlamaRMSNorm | Qwen3RMSNorm, x: Tensor) -> Tensor:
    # Gemma stores how far its weights are from 1.
    gemma = isinstance(module, Gemma3RMSNorm)
    weight, eps = (1.0 + module.weight, module.eps) if gemma else (module.weight, module.variance_epsilon)
    result: Tensor = LeanRMSNorm.apply(x, weight, eps)
    return result


def _lora(module: LoraLinear, x: Tensor) -> Tensor:
    (name,) = module.active_adapters
    a, b = module.lora_A[name].weight, module.lora_B[name].weight
    result: Tensor = LeanLora.apply(x, module.base_layer.weight, a, b, module.scaling[name])
    return result


def _is_plain(module: LoraLinear) -> bool:
    names = module.active_adapters
    return (
        len(names) == 1
        and isinstance(module.base_layer, nn.Linear)
        and module.base_layer.bias is None
        and not module.base_layer.weight.requires_grad
        and isinstance(module.lora_dropout[names[0]], nn.Identity)
        and not module.use_dora[names[0]]
        and not module.merged
    )

"""Linear layers with eight-bit weights, so that people see what quantising costs before they ship it.

Weights are rounded once, symmetrically, with a scale for each output; inputs are rounded for each row as they come
(the dynamic scheme that llama.cpp and ONNX Runtime use on CPUs). Embeddings and the output layer, which shares their
weights in most small models, stay as they are. ``torch.ao.quantization``, which did this, is deprecated; its successor
torchao took six times as long as this on the shared-prefix engine.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

LARGEST = 127


class Int8Linear(nn.Module):
    """Does as the linear layer it was made from, with weights int8[out, in] and a scale float32[out]."""

    weight: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight, scale = rounded(linear.weight.detach().float())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.squeeze(1))
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """float[..., in] to float[..., out]."""
        if inputs.device.type != "cpu":
            # Other devices' integer kernels want shapes that small batches do not have; the weights are rounded alike.
            weight = self.weight.to(inputs.dtype) * self.scale.to(inputs.dtype)[:, None]
            return functional.linear(inputs, weight, self.bias)
        rows, scale = rounded(inputs.reshape(-1, self.in_features).float())
        summed = torch._int_mm(rows, self.weight.t())
        found = (summed.float() * scale * self.scale).to(inputs.dtype)
        found = found if self.bias is None else found + self.bias
        return found.reshape(*inputs.shape[:-1], self.out_features)


def rounded(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows float32[n, m] as int8[n, m] and the scale float32[n, 1] that brings them back."""
    scale = values.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / LARGEST
    return (values / scale).round().to(torch.int8), scale


def quantise(model: nn.Module) -> nn.Module:
    """Replace every linear layer but the output layer, in place."""
    kept = getattr(model, "get_output_embeddings", lambda: None)()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child is not kept:
                setattr(module, name, Int8Linear(child))
    return model

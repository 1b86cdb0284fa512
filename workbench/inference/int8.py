"""Linear layers with eight-bit weights, so that people see what quantising costs before they ship it.

Weights are rounded once, symmetrically, with a scale for each output; inputs are rounded for each row as they come
(the dynamic scheme that llama.cpp and ONNX Runtime use on CPUs). ``torch.ao.quantization``, which did this, is
deprecated; its successor torchao took six times as long as this on the shared-prefix engine.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

LARGEST = 127


class Int8Linear(nn.Module):
    """Does as the linear layer it stands for, with weights int8[out, in] and a scale float[out]."""

    weight: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)

    @classmethod
    def of(cls, linear: nn.Linear) -> Int8Linear:
        """The layer with its weights rounded."""
        weight, scale = rounded(linear.weight.detach().float())
        return cls(weight, scale.squeeze(1), None if linear.bias is None else linear.bias.detach())

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
    """Rows float32[n, m] as int8[n, m], -127 to 127, and the scale float32[n, 1] that brings them back."""
    scale = values.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / LARGEST
    return (values / scale).round().to(torch.int8), scale


def quantise(model: nn.Module) -> nn.Module:
    """Replace every linear layer, in place. Embeddings stay, and so does the output layer, which shares their weights
    in most small models."""
    kept = getattr(model, "get_output_embeddings", lambda: None)()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child is not kept:
                setattr(module, name, Int8Linear.of(child))
    return model

"""Weights in eight bits: near the layer they were made from, and a whole model that still answers alike."""

from pathlib import Path

import torch
from torch import nn

from tests.small_models import make_gemma
from workbench.inference.engine import load
from workbench.inference.int8 import Int8Linear, quantise, rounded
from workbench.records import Model


def test_rounding_is_within_half_a_step():
    values = torch.randn(5, 33, generator=torch.Generator().manual_seed(1))
    whole, scale = rounded(values)
    assert whole.dtype == torch.int8 and (whole * scale - values).abs().le(scale / 2 + 1e-6).all()
    assert (rounded(torch.zeros(2, 3))[0] == 0).all()


def test_a_layer_is_near_the_one_it_was_made_from():
    torch.manual_seed(0)
    for bias in (True, False):
        linear = nn.Linear(64, 40, bias=bias)
        inputs = torch.randn(2, 7, 64)
        expected, found = linear(inputs), Int8Linear.of(linear)(inputs)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        assert (found - expected).norm() / expected.norm() < 0.02
        assert not torch.equal(found, expected)


def test_a_model_is_rounded_but_for_its_output_layer(tmp_path: Path):
    base = str(make_gemma(tmp_path))
    plain, small = (load(Model("m", "M", base, int8=int8), torch.float32) for int8 in (False, True))
    layers = [module for module in small.model.modules() if isinstance(module, Int8Linear)]
    left = [name for name, module in small.model.named_modules() if type(module) is nn.Linear]
    assert len(layers) == 3 * 7 and left == ["lm_head"]
    assert small.shares_prefixes
    assert all(layer.weight.dtype == torch.int8 for layer in layers)
    assert not any(isinstance(module, Int8Linear) for module in plain.model.modules())
    assert quantise(nn.Sequential(nn.ReLU())) is not None

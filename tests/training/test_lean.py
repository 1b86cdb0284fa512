"""Leaner layers compute what the ordinary ones compute, forward and backward."""

import copy
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from tests.small_models import FAMILIES
from workbench.inference.engine import quiet_peft
from workbench.training.lean import make_lean

LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES[request.param](tmp_path_factory.mktemp(request.param))


def make_model(folder: Path, dropout: float = 0.0):
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for name, parameter in base.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    with quiet_peft():
        model = get_peft_model(base, LoraConfig(r=4, lora_dropout=dropout, target_modules=LAYERS))
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_output_and_gradients_are_the_same(folder: Path) -> None:
    torch.manual_seed(0)
    ordinary = make_model(folder)
    lean = copy.deepcopy(ordinary)
    make_lean(lean)
    ids = torch.randint(13, 200, (2, 9))
    losses = [model(input_ids=ids, labels=ids).loss for model in (ordinary, lean)]
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-6, atol=0)
    for loss in losses:
        loss.backward()
    for (name, a), b in zip(ordinary.named_parameters(), lean.parameters(), strict=True):
        if a.requires_grad:
            assert a.grad is not None and b.grad is not None
            assert (a.grad - b.grad).norm() <= 1e-5 * a.grad.norm(), name
        else:
            assert b.grad is None, name


def test_every_layer_is_replaced(folder: Path) -> None:
    model = make_model(folder)
    make_lean(model)
    lean = {name for name, module in model.named_modules() if "forward" in vars(module)}
    leaves = {name.rpartition(".")[2] for name in lean}
    norms = {name for name, module in model.named_modules() if type(module).__name__.endswith("RMSNorm")}
    layers = model.config.num_hidden_layers
    assert {*LAYERS} <= leaves and sum("_proj" in name for name in lean) == 7 * layers
    assert norms == {name for name in lean if "norm" in name} and len(norms) > 2 * layers


def test_layers_with_dropout_keep_their_own_forward(folder: Path) -> None:
    model = make_model(folder, dropout=0.1)
    make_lean(model)
    assert not any("forward" in vars(module) for name, module in model.named_modules() if "_proj" in name)

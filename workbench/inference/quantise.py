"""A whole model in 8-bit integers, embeddings included, and the files that hold it.

The form on disk is ``model.int8.safetensors``: for each quantised layer ``NAME.weight`` (int8, [rows, columns]) and
``NAME.scale`` (float32, [rows]), a weight being ``integer * scale`` of its row; all else in float32. The name differs
from transformers' own, so that no other program takes the integers for weights. Linear layers compute as ``int8`` says.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import embedding
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from workbench.errors import WorkbenchError
from workbench.inference.int8 import Int8Linear, rounded

WEIGHTS = "model.int8.safetensors"


class Int8Embedding(nn.Module):
    """An embedding; ``weight`` int8 [tokens, width], ``scale`` float32 [tokens]. ``factor``: Gemma's, by its width."""

    weight: Tensor
    scale: Tensor
    like: Tensor

    def __init__(self, weight: Tensor, scale: Tensor, factor: float, like: Tensor) -> None:
        super().__init__()
        self.factor = factor
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        # Tells in which precision the model computes: buffers of integers cannot.
        self.register_buffer("like", like, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        rows = embedding(ids, self.weight).to(self.like.dtype) * self.scale[ids].to(self.like.dtype)[..., None]
        return rows * torch.tensor(self.factor, dtype=rows.dtype) if self.factor != 1 else rows


def quantise_int8(model: PreTrainedModel) -> PreTrainedModel:
    """Replace the linear layers and embeddings of a model in place; a tied head goes on sharing its matrix."""
    shared: dict[int, tuple[Tensor, Tensor]] = {}
    for name, module in list(model.named_modules()):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            # Keyed by address: a tied head is the same matrix and must stay so.
            key = module.weight.data_ptr()
            if key not in shared:
                weight, scale = rounded(module.weight.detach().float())
                shared[key] = (weight, scale.squeeze(1))
            model.set_submodule(name, _replacement(module, *shared[key]))
    return model


def save_int8(model: PreTrainedModel, folder: Path) -> None:
    """Write a quantised model: configuration and weights, a tied head once."""
    model.config.save_pretrained(folder)
    if model.generation_config is not None:
        model.generation_config.save_pretrained(folder)
    tied = model.config.tie_word_embeddings
    state = {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if not (tied and name.startswith("lm_head."))
    }
    save_file(state, folder / WEIGHTS, metadata={"format": "workbench int8, one scale a row"})


def is_int8(base: str) -> bool:
    """Whether this is a folder with a model in this form."""
    return (Path(base) / WEIGHTS).is_file()


def load_int8(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model that ``save_int8`` wrote, and its tokenizer. Raises WorkbenchError when its parts do not fit."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    state = load_file(folder / WEIGHTS)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for name, module in list(model.named_modules()):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            source = _source(model, name) if config.tie_word_embeddings else name
            if f"{source}.scale" not in state:
                raise WorkbenchError(f"{folder / WEIGHTS} has no layer {source}.", "Export the model again.")
            model.set_submodule(name, _replacement(module, state[f"{source}.weight"], state[f"{source}.scale"]))
    missing = model.load_state_dict(state, strict=False)
    lost = [name for name in missing.missing_keys if not name.startswith("lm_head.")]
    if lost or missing.unexpected_keys:
        raise WorkbenchError(f"{folder / WEIGHTS} does not fit its config.json.", "Export the model again.")
    return model.eval(), AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _source(model: PreTrainedModel, name: str) -> str:
    """The layer whose matrix this one has: a tied head has that of the embedding."""
    if name != "lm_head":
        return name
    embeddings = model.get_input_embeddings()
    return next(other for other, module in model.named_modules() if module is embeddings)


def _replacement(module: nn.Module, weight: Tensor, scale: Tensor) -> nn.Module:
    if isinstance(module, nn.Linear):
        return Int8Linear(weight, scale, None if module.bias is None else module.bias.detach())
    assert isinstance(module, nn.Embedding)
    factor = float(getattr(module, "scalar_embed_scale", 1.0))
    return Int8Embedding(weight, scale, factor, torch.zeros((), dtype=module.weight.dtype))

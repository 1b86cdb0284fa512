"""A base model with a LoRA adapter in training: weights, optimizer, one step, saving. Knows no run folder."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workbench.inference.engine import LoadedModel, fast_dtype, pick_device, quiet_peft, ready
from workbench.inference.packed import packed_loss
from workbench.training.embedding_noise import EmbeddingNoise
from workbench.training.lean import make_lean
from workbench.training.packing import Batch, pack
from workbench.training.padding import pad, padded_loss
from workbench.training.settings import TrainSettings
from workbench.training.team import Alone, Team


class Trainee:
    """The model computes in its own precision; the optimizer works on float32 copies of the adapter's weights."""

    def __init__(
        self,
        weights: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        settings: TrainSettings,
        team: Team | None = None,
    ) -> None:
        self.settings, self.team = settings, team or Alone()
        device = pick_device(settings.device)
        _limit_memory(device, settings.gpu_memory_gb)
        dtype = _dtype(settings.precision, device)
        with quiet_peft():
            model = get_peft_model(weights, lora_config(weights, settings), autocast_adapter_dtype=False)
        self.masters = {n: p.detach().float().clone().to(device) for n, p in _trainable(model)}
        if settings.quantization == "none":
            model.to(device=device, dtype=dtype)
        else:
            # The base is on its device in 4 bits already and cannot be cast.
            for _, parameter in _trainable(model):
                parameter.data = parameter.data.to(dtype)
            _keep_differentiable(model)
        make_lean(model)
        if settings.checkpointing == "on":
            model.activation_checkpointing_enable({"use_reentrant": False})
        self.loaded: LoadedModel = ready(model, tokenizer, settings.dialect)
        self._trained = dict(_trainable(model))
        self._noise = EmbeddingNoise(model, settings.neftune)
        self.optimizer = self._optimizer()

    def step(self, batches: Sequence[Batch], learning_rate: float) -> tuple[float, float]:
        """Learn batches as if they were one.

        Args:
            learning_rate: A's; B's is ``b_rate_factor`` times as high.

        Returns:
            Loss before the step and norm of its gradient.

        Raises:
            FloatingPointError: the loss is no longer a number.
        """
        value = self.team.gradients(self, batches)
        norm = float(torch.nn.utils.clip_grad_norm_(self.masters.values(), self.settings.clip or math.inf))
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise FloatingPointError
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group["rate_factor"]
        self.optimizer.step()
        self._publish()
        return value, norm

    def add_gradients(self, batches: Sequence[Batch], weight: float) -> float:
        """Leave the gradients of batches at the masters.

        Args:
            weight: of all batches of the step, of which these may be a part.

        Returns:
            Their part of the step's loss.
        """
        self.loaded.model.train()
        value = 0.0
        for batch in batches:
            self._noise.tokens = batch.mean_length
            loss = batch_loss(self.loaded, batch)[0] * (batch.weight / weight)
            loss.backward()
            value += float(loss.detach())
        for name, parameter in self._trained.items():
            self.masters[name].grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        return value

    def _optimizer(self) -> torch.optim.Optimizer:
        groups, decay = self._groups(), self.settings.weight_decay
        if self.settings.optimizer == "muon":
            # With this option a step is as long as AdamW's, so that the same learning rates fit.
            return torch.optim.Muon(groups, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        return torch.optim.AdamW(groups, weight_decay=decay, betas=(0.9, 0.98))

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by how fast they learn."""
        factor = self.settings.b_rate_factor
        fast = [master for name, master in self.masters.items() if factor != 1 and ".lora_B." in name]
        rest = [master for name, master in self.masters.items() if factor == 1 or ".lora_B." not in name]
        groups = [{"params": rest, "rate_factor": 1.0}, {"params": fast, "rate_factor": factor}]
        return [group for group in groups if group["params"]]

    @torch.inference_mode()
    def loss(self, batches: list[Batch]) -> float:
        """Mean loss over the completion tokens of batches, without learning."""
        self.loaded.model.eval()
        total, tokens = 0.0, 0
        for batch in batches:
            loss, count = batch_loss(self.loaded, batch)
            total += float(loss) * count
            tokens += count
        return total / tokens

    def save(self, folder: Path, base: str, weights: Mapping[str, Tensor] | None = None) -> None:
        """Write the adapter in PEFT's format, with the tokenizer, under a temporary name; then rename it into place.

        Args:
            weights: as ``weights`` gives them; None takes those of this moment.
        """
        fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
        model = self.loaded.model
        model.peft_config["default"].base_model_name_or_path = base
        try:
            model.save_pretrained(str(fresh), state_dict=weights or self.weights(), save_embedding_layers=False)
            self.loaded.tokenizer.save_pretrained(str(fresh))
            _replace_folder(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the adapter's weights in float32, by name."""
        return {name: weight.detach().cpu().contiguous().clone() for name, weight in self.masters.items()}

    def optimizer_state(self) -> dict[str, Tensor]:
        """What the optimizer remembers, as ``<number of the weight>/<name>``."""
        states = self.optimizer.state_dict()["state"]
        return {f"{i}/{name}": torch.as_tensor(value) for i, one in states.items() for name, value in one.items()}

    def restore(self, weights: Mapping[str, Tensor], optimizer: Mapping[str, Tensor]) -> None:
        """Go back to what ``weights`` and ``optimizer_state`` gave."""
        self.start_from(weights)
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in optimizer.items():
            number, _, key = name.partition("/")
            states.setdefault(int(number), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})

    @torch.no_grad()
    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights. Raises ValueError when they are not those of such an adapter."""
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in self.masters.items()}:
            raise ValueError("the weights belong to another adapter")
        for name, master in self.masters.items():
            master.copy_(weights[name])
        self._publish()

    @torch.no_grad()
    def _publish(self) -> None:
        """Copy the optimizer's weights into the model."""
        for name, parameter in self._trained.items():
            parameter.copy_(self.masters[name])


def read_adapter(folder: Path, names: Iterable[str]) -> dict[str, Tensor]:
    """The weights of a saved adapter by the names that ``Trainee.weights`` has; PEFT leaves its own name out of them.

    Raises:
        KeyError: the adapter lacks one.
        ValueError: the adapter has others beside them.
    """
    found = load_file(folder / "adapter_model.safetensors")
    kept = {name: found.pop(_saved_name(name)).float() for name in names}
    if found:
        raise ValueError("the adapter has weights that have no place")
    return kept


def _saved_name(name: str) -> str:
    """DoRA's lengths are saved under the name of the layer that held them once."""
    plain = name.replace(".default", "")
    return plain.removesuffix(".weight") if ".lora_magnitude_vector" in plain else plain


def lora_config(weights: PreTrainedModel, settings: TrainSettings) -> LoraConfig:
    """PEFT's configuration of the adapter that the settings ask for."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=_targets(weights, settings.target_modules),
        task_type="CAUSAL_LM",
        use_rslora=settings.variant == "rslora",
        use_dora=settings.variant == "dora",
    )


def batch_loss(loaded: LoadedModel, batch: Batch) -> tuple[Tensor, int]:
    """Mean loss of a batch and the number of its targets: packed where the model can share prefixes, else padded."""
    if loaded.shares_prefixes:
        packed = pack(batch, loaded.device)
        return packed_loss(loaded.model, packed), len(packed.labels)
    padded = pad(batch, loaded.device)
    return padded_loss(loaded.model, padded), len(padded.labels)


def _targets(weights: PreTrainedModel, names: Sequence[str]) -> list[str] | str:
    """The layers with one of these names; in a family that calls its layers otherwise, all linear ones."""
    present = {name.rpartition(".")[2] for name, _ in weights.named_modules()}
    return [name for name in names if name in present] or "all-linear"


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    names: dict[str, Any] = {"bf16": torch.bfloat16, "fp32": torch.float32}
    return names.get(precision) or fast_dtype(device)


def _trainable(model: Any) -> list[tuple[str, Tensor]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _keep_differentiable(model: Any) -> None:
    """bitsandbytes 0.50 repacks 4-bit weights at the first validation on CPUs with AVX512-BF16, for a kernel that has
    no gradient: training would go on with wrong ones."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _limit_memory(device: torch.device, gigabytes: float) -> None:
    if device.type == "cuda" and gigabytes:
        whole = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * 2**30 / whole), device)


def _replace_folder(fresh: Path, folder: Path) -> None:
    """A folder cannot be renamed over another that has files: the old one steps aside first."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    fresh.replace(folder)
    shutil.rmtree(old, ignore_errors=True)

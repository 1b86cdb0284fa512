"""Settings of a training run. Knows no torch, so that every door can show and check them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from workbench.dialects import DIALECT_NAMES
from workbench.errors import Problem, WorkbenchError
from workbench.workspace import STARTER

PRECISIONS = ("auto", "bf16", "fp32")
DIALECTS = ("auto", *DIALECT_NAMES)
VARIANTS = ("lora", "rslora", "dora")
OPTIMIZERS = ("adamw", "muon")
QUANTIZATIONS = ("none", "nf4")
SCHEDULES = ("linear", "cosine", "constant")
SWITCH = ("off", "on")
REPORTS = ("none", "tensorboard")
DEVICES = ("auto", "cpu", "cuda", "mps")
LAUNCHERS = ("local", "ray")
PRESETS = ("quick", "balanced", "thorough")
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
HIGHEST_LEARNING_RATE = 0.05


@dataclass(frozen=True)
class TrainSettings:
    """How a LoRA adapter is trained.

    Attributes:
        rank, alpha, dropout: of the adapter; its weights count ``alpha / rank`` times.
        learning_rate: highest one; it rises over ``warmup`` and then follows the schedule.
        epochs: how often each training scenario is seen.
        batch_size: scenarios a step; a bigger one shares the computed prefix among more.
        warmup: part of all steps, 0 to 1.
        weight_decay: share of each weight that a step takes away, times the learning rate.
        clip: longest gradient; 0 does not clip.
        seed: of weights, order and augmentation.
        precision: ``auto`` takes bfloat16 where the hardware computes in it.
        threads: CPU threads; 0 lets torch decide.
        validate_every: steps between validations; 0 validates six times in the run, three times in a short one.
        checkpoint_every: steps between checkpoints, from which an interrupted run goes on; 0 makes one about every half
            minute.
        early_stop_patience: validations without improvement after which the run ends; 0 never ends early.
        augment: probability, 0 to 1, that a training scenario is shown with word noise and other values.
        choice_weight: how much more than others the tokens count at which a reply decides for a tool or for none.
        target_modules: layers that get an adapter; a model that has none of them gets one in each linear layer.
        max_seconds: time limit of the run from the worker's start; the learning rate reaches 0 there. 0 sets none.
        warm_start: ``run:<id>`` of a training run whose adapter is the beginning, rather than a new one.
        dialect: how calls are written; ``auto`` takes the one whose control tokens the tokenizer knows.
        variant: ``lora``; ``rslora`` scales by the root of the rank; ``dora`` learns directions and lengths apart.
        b_rate_factor: how much faster than A the adapter's B learns (LoRA+, arXiv 2402.12354); 1: alike.
        optimizer: ``adamw``, or ``muon``, which makes each step of a matrix orthogonal (K. Jordan et al., 2024,
            https://kellerjordan.github.io/posts/muon/) and takes the same learning rates.
        quantization: ``nf4`` keeps the base in 4 bits (QLoRA); needs bitsandbytes.
        schedule: ``linear`` and ``cosine`` fall to 0, ``constant`` stays.
        max_steps: ends the run after this many steps, whatever the epochs; 0 lets the epochs decide.
        accumulate: batches whose gradients make one step; the same as a bigger batch in less memory.
        checkpointing: ``on`` computes activations twice instead of keeping them: less memory, a third slower.
        validation_scenarios: at most this many are answered, and measured for the loss, at each validation.
        device: ``auto`` takes CUDA, then MPS, then the CPU; ``cuda:1`` names the second GPU.
        gpu_memory_gb: most memory to take of a CUDA GPU; 0 sets no limit.
        processes: so many share each step, each with ``accumulate`` batches and, with CUDA, a GPU of its own.
        launcher: ``local`` trains on this machine, ``ray`` on a Ray cluster.
        neftune: strength of the noise on the embeddings of what is trained on (NEFTune, arXiv 2310.05914); 0 adds none.
        report_to: ``tensorboard`` writes the metrics into the run's folder ``tensorboard/``, too.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    learning_rate: float = 2e-4
    epochs: int = 4
    batch_size: int = 16
    warmup: float = 0.05
    weight_decay: float = 0.0
    clip: float = 1.0
    seed: int = 0
    precision: str = "auto"
    threads: int = 0
    validate_every: int = 0
    checkpoint_every: int = 0
    early_stop_patience: int = 0
    augment: float = 0.5
    choice_weight: float = 1.0
    target_modules: tuple[str, ...] = TARGETS
    max_seconds: float = 0.0
    dialect: str = "auto"
    warm_start: str = ""
    variant: str = "lora"
    b_rate_factor: float = 1.0
    optimizer: str = "adamw"
    quantization: str = "none"
    schedule: str = "linear"
    max_steps: int = 0
    accumulate: int = 1
    checkpointing: str = "off"
    validation_scenarios: int = 64
    device: str = "auto"
    gpu_memory_gb: float = 0.0
    processes: int = 1
    launcher: str = "local"
    neftune: float = 0.0
    report_to: str = "none"

    def check(self) -> list[Problem]:
        """What makes no sense, each with the field's name and a reason."""
        return [*_range_problems(self), *_choice_problems(self), *_place_problems(self)]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "target_modules": list(self.target_modules)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainSettings:
        """Settings that are not mentioned keep their defaults. Raises WorkbenchError for unknown names and types."""
        known = {f.name: f.default for f in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in known:
                raise WorkbenchError(f"'{name}' is not a training setting.", f"Known settings: {', '.join(known)}.")
            values[name] = _convert(name, value, known[name])
        return cls(**values)


def default_settings(base: str) -> TrainSettings:
    """Good settings for a base model, given as folder or hub id.

    The starter is tiny: it needs a far higher learning rate and more epochs than a model of the hub.
    """
    if not _is_starter(base):
        return TrainSettings()
    return TrainSettings(
        learning_rate=4e-3,
        b_rate_factor=8.0,
        optimizer="muon",
        augment=0.8,
        epochs=10,
        batch_size=24,
        choice_weight=8.0,
        max_seconds=175.0,
    )


_UPDATES = {"quick": 40, "balanced": 200, "thorough": 600}
_MOST_EPOCHS = {"quick": 2, "balanced": 8, "thorough": 20}
_STARTER_SECONDS = {"quick": 60.0, "balanced": 175.0, "thorough": 600.0}


def preset_settings(name: str, base: str, scenarios: int, gpu: bool = False) -> TrainSettings:
    """Settings computed from how much there is to learn and what computes it.

    Args:
        name: ``quick`` to see whether it learns at all, ``balanced``, or ``thorough``, which stops by itself.
        scenarios: number of training scenarios.
        gpu: whether a GPU computes.

    Raises:
        WorkbenchError: there is no such preset.
    """
    if name not in PRESETS:
        raise WorkbenchError(f"There is no preset '{name}'.", f"Choose one of {', '.join(PRESETS)}.")
    starter, base_settings = _is_starter(base), default_settings(base)
    batch = base_settings.batch_size * (2 if gpu else 1)
    while batch > 4 and batch * 4 > scenarios:  # a few scenarios in big batches make too few steps
        batch //= 2
    # The starter's steps are short: it is the time limit that ends its runs.
    wanted = _UPDATES[name] * (3 if starter else 1) * batch / max(1, scenarios)
    rank = {"quick": 8, "balanced": 16, "thorough": 32}[name] if not starter else base_settings.rank
    return replace(
        base_settings,
        batch_size=batch,
        epochs=max(1, min(round(wanted), _MOST_EPOCHS[name] * (2 if starter else 1))),
        rank=rank,
        alpha=2 * rank,
        schedule="cosine" if name == "thorough" and not starter else "linear",
        early_stop_patience=4 if name == "thorough" else 0,
        max_seconds=_STARTER_SECONDS[name] if starter else 0.0,
    )


def _is_starter(base: str) -> bool:
    return Path(base) == STARTER or base == "starter"


_WRECKS = "Higher ones wreck the model within a few steps; try 0.0002, or 0.003 for the starter."
_Rule = tuple[str, float, float, str]
_RULES: tuple[_Rule, ...] = (
    ("rank", 1, 256, "Ranks from 4 to 64 are usual."),
    ("alpha", 1, 1024, "Twice the rank is usual."),
    ("dropout", 0, 0.9, "0 is usual for short runs."),
    ("learning_rate", 1e-7, HIGHEST_LEARNING_RATE, _WRECKS),
    ("epochs", 1, 1000, "2 to 10 are usual."),
    ("batch_size", 1, 1024, "8 to 32 are usual."),
    ("warmup", 0, 0.9, "It is a part of all steps; 0.05 is usual."),
    ("weight_decay", 0, 1, "0 to 0.1 are usual."),
    ("clip", 0, 1000, "1 is usual; 0 does not clip."),
    ("seed", 0, 2**31 - 1, "Any whole number that is not negative."),
    ("threads", 0, 1024, "0 lets the computer decide."),
    ("validate_every", 0, 1_000_000, "0 validates three to six times in a run."),
    ("checkpoint_every", 0, 1_000_000, "0 makes one about every half minute."),
    ("early_stop_patience", 0, 1000, "0 never ends early."),
    ("augment", 0, 1, "It is a probability."),
    ("choice_weight", 0.1, 100, "1 counts all tokens the same; 8 helps very small models to choose."),
    ("max_seconds", 0, 10_000_000, "0 sets no limit."),
    ("b_rate_factor", 0.1, 64, "1 lets both halves learn alike; 4 to 16 are usual with LoRA+."),
    ("max_steps", 0, 10_000_000, "0 lets the epochs decide."),
    ("accumulate", 1, 1024, "1 makes a step of each batch."),
    ("validation_scenarios", 1, 1_000_000, "64 are enough to choose a checkpoint."),
    ("gpu_memory_gb", 0, 10_000, "0 sets no limit."),
    ("processes", 1, 64, "1, or as many as the machine has GPUs."),
    ("neftune", 0, 100, "5 to 15 are usual; 0 adds no noise."),
)  # fmt: skip


def _range_problems(settings: TrainSettings) -> list[Problem]:
    problems = []
    for name, low, high, hint in _RULES:
        value = getattr(settings, name)
        if not low <= value <= high:
            label = name.replace("_", " ")
            problems.append(Problem(f"a {label} of {value:g} is not between {low:g} and {high:g}", name, hint=hint))
    return problems


CHOICES: Mapping[str, tuple[str, ...]] = {
    "precision": PRECISIONS,
    "dialect": DIALECTS,
    "variant": VARIANTS,
    "optimizer": OPTIMIZERS,
    "quantization": QUANTIZATIONS,
    "schedule": SCHEDULES,
    "checkpointing": SWITCH,
    "device": DEVICES,
    "launcher": LAUNCHERS,
    "report_to": REPORTS,
}
"""Settings whose value is one of a few words."""
_NUMBERED = re.compile(r"cuda:\d{1,2}")


def _choice_problems(settings: TrainSettings) -> list[Problem]:
    problems = []
    for name, known in CHOICES.items():
        chosen = getattr(settings, name)
        if chosen in known or (name == "device" and _NUMBERED.fullmatch(chosen)):
            continue
        message = f"there is no {name} '{chosen}'"
        problems.append(Problem(message, name, hint=f"Choose {' or '.join(known)}."))
    rate = settings.learning_rate * settings.b_rate_factor
    if settings.learning_rate <= HIGHEST_LEARNING_RATE < rate:
        message = f"a learning rate of {rate:g} for B ({settings.learning_rate:g} times {settings.b_rate_factor:g})"
        hint = f"Lower one of the two: above {HIGHEST_LEARNING_RATE:g} the model is wrecked within a few steps."
        problems.append(Problem(f"{message} is too high", "b_rate_factor", hint=hint))
    if settings.optimizer == "muon" and settings.variant == "dora":
        hint = "Choose adamw with dora, or another variant."
        problems.append(Problem("muon learns matrices only, and DoRA's lengths are none", "optimizer", hint=hint))
    unknown = [name for name in settings.target_modules if name not in TARGETS]
    if unknown or not settings.target_modules:
        message = f"there is no layer '{unknown[0]}'" if unknown else "no layer gets an adapter"
        problems.append(Problem(message, "target_modules", hint=f"Choose among {', '.join(TARGETS)}."))
    return problems


def _place_problems(settings: TrainSettings) -> list[Problem]:
    """Devices that do not go with the launcher or with several processes."""
    device = settings.device
    if settings.launcher == "ray" and device not in ("cpu", "cuda"):
        message = f"on a Ray cluster the device cannot be '{device}'"
        return [Problem(message, "device", hint="Choose cuda, which reserves a GPU a process there, or cpu.")]
    if settings.processes > 1 and (device == "mps" or _NUMBERED.fullmatch(device)):
        message = f"{settings.processes} processes cannot share the device '{device}'"
        return [Problem(message, "device", hint="Choose cuda, which gives each a GPU of its own, or cpu.")]
    return []


def _convert(name: str, value: Any, default: Any) -> Any:
    """The value in the type of the default; numbers may come as floats from a browser."""
    if isinstance(default, tuple) and isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if isinstance(default, str) and isinstance(value, str):
        return value
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and isinstance(default, float):
        return float(value)
    if number and isinstance(default, int) and value == int(value):
        return int(value)
    wanted = {int: "a whole number", float: "a number", str: "text", tuple: "a list of names"}[type(default)]
    raise WorkbenchError(f"The setting '{name}' must be {wanted}; it is {value!r}.", "Correct it and start again.")

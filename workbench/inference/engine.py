"""Load a model and let it answer prompts, greedily and in batches, each shared prefix computed once.

Knows nothing of scenarios and toolsets: prompts are text in, answers are raw text out.
"""

from __future__ import annotations

import importlib.util
import math
import re
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from workbench.dialects import get_dialect
from workbench.errors import WorkbenchError
from workbench.inference.attention import use_shared_prefix
from workbench.inference.decoding import decode_behind, decode_padded, prefill
from workbench.inference.families import dialect_of, why_not_shared
from workbench.inference.prefixes import PrefixGroup, group_by_prefix
from workbench.inference.tokens import encode
from workbench.records import Model

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to answer.

    Attributes:
        dialect: name of the wire format that it speaks.
        family: ``model_type`` of its configuration.
        stops: token ids that end an answer.
        padded_because: why it works on ordinary padded batches; empty when it computes shared prefixes once.
    """

    model: Any
    tokenizer: PreTrainedTokenizerBase
    dialect: str
    family: str
    device: torch.device
    stops: frozenset[int]
    padded_because: str = ""

    @property
    def shares_prefixes(self) -> bool:
        return not self.padded_because

    @property
    def notice(self) -> str:
        """What people should know while a run goes on; empty when there is nothing to say."""
        return f"Ordinary padded batches: {self.padded_because}." if self.padded_because else ""

    @property
    def batching(self) -> dict[str, str]:
        """For a run's summary: how batches are laid out, and why."""
        found = {"dialect": self.dialect, "batching": "shared prefix" if self.shares_prefixes else "padded"}
        return found | ({"batching_reason": self.padded_because} if self.padded_because else {})


@dataclass(frozen=True)
class Prompt:
    """A text to continue, its special tokens written out; the id comes back with the answer."""

    id: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    Attributes:
        raw: the new text with its special tokens, the stop token included.
        latency_ms: wall-clock milliseconds of the batch that held it, divided by the batch's size.
        confidence: product of the probabilities of the new tokens, 0 to 1.
    """

    id: str
    raw: str
    prompt_tokens: int
    completion_tokens: int
    latency_ms: float
    confidence: float


def set_up_process(threads: int) -> None:
    """For workers: how many CPU cores torch uses (0 leaves its own choice), and no progress bars in the log."""
    if threads > 0:
        torch.set_num_threads(threads)
    transformers.utils.logging.disable_progress_bar()


@contextmanager
def quiet_peft() -> Iterator[None]:
    """peft 0.21 asks transformers 5 for a property that has a new name; nobody here can act on that notice."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        yield


def pick_device(wish: str = "auto") -> torch.device:
    """The device of that name; ``auto`` takes CUDA, else Apple's MPS, else the CPU.

    Raises:
        WorkbenchError: this machine has no such device.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wish == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    device = torch.device(wish)
    there = {"cpu": True, "mps": mps, "cuda": cuda and (device.index or 0) < torch.cuda.device_count()}
    if not there.get(device.type):
        raise WorkbenchError(f"This computer has no device '{wish}'.", "Choose auto, which takes the best there is.")
    return device


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware computes in it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def load(model: Model, dtype: torch.dtype | None = None) -> LoadedModel:
    """Load weights and tokenizer; an adapter is merged into the weights.

    Args:
        dtype: of the weights; None takes the fast one of this machine.

    Raises:
        WorkbenchError: the model cannot be found, read or used, with a hint.
    """
    device = pick_device()
    weights, tokenizer = load_base(model.base)
    if model.adapter:
        weights = _merge(weights, Path(model.adapter))
    placed = torch.nn.Module.to(weights, device=device, dtype=dtype or fast_dtype(device))
    return ready(placed, tokenizer, model.dialect)


def load_base(base: str, four_bits_on: torch.device | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights in float32 and the tokenizer of a local folder or a hub id; safetensors only, no remote code.

    Args:
        four_bits_on: a device on which the linear layers are kept in 4 bits (NF4); the rest is in its fast type.

    Raises:
        WorkbenchError: see ``load``; 4 bits are wanted and bitsandbytes is missing.
    """
    check_place(base)
    how: dict[str, Any] = {"dtype": torch.float32}
    if four_bits_on is not None:
        how = _four_bits(four_bits_on)
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
        weights = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True, trust_remote_code=False, **how)
    except (OSError, ValueError, ImportError) as error:
        raise _cannot_load(base, error) from error
    return weights, tokenizer


def _four_bits(device: torch.device) -> dict[str, Any]:
    """What ``from_pretrained`` needs to keep linear layers in NF4 (QLoRA, arXiv 2305.14314)."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise WorkbenchError(
            "A base in 4 bits needs the library bitsandbytes, which is not installed.",
            "Install it (pip install bitsandbytes), or choose quantization none.",
        )
    dtype = fast_dtype(device)
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
    return {"dtype": dtype, "quantization_config": config, "device_map": {"": device}}


def ready(model: Any, tokenizer: PreTrainedTokenizerBase, dialect: str = "auto") -> LoadedModel:
    """Prepare a model in memory for ``answer``: dialect, stop tokens, and shared-prefix attention where it is exact.

    Args:
        dialect: name of the wire format; ``auto`` lets the tokenizer decide.

    Raises:
        WorkbenchError: no dialect is known for its family and tokenizer.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    found = get_dialect(dialect_of(base.config.model_type, tokenizer, dialect))
    reason = why_not_shared(base.config)
    if reason:
        # ``generate`` fills gaps with the model's own settings; penalties and the like are not what we measure.
        base.generation_config = GenerationConfig()
    else:
        use_shared_prefix(base)
    ids = [tokenizer.convert_tokens_to_ids(stop) for stop in found.stops]
    stops = frozenset(i for i in (*ids, tokenizer.eos_token_id) if isinstance(i, int) and i != tokenizer.unk_token_id)
    return LoadedModel(model, tokenizer, found.name, base.config.model_type, base.device, stops, reason)


def answer(
    loaded: LoadedModel, prompts: Sequence[Prompt], max_new_tokens: int = 128, batch_size: int = 32
) -> Iterator[Answer]:
    """Answer prompts greedily; answers come batch by batch, not in the order of the prompts.

    The answers are those of plain one-by-one generation (up to rounding): padding and sliding windows are masked by
    position.
    """
    if not prompts:
        return
    encoded = encode(loaded.tokenizer, [prompt.text for prompt in prompts])
    whole = [PrefixGroup(0, tuple(range(len(prompts))))]
    for group in group_by_prefix(encoded) if loaded.shares_prefixes else whole:
        yield from _answer_group(loaded, prompts, encoded, group, max_new_tokens, batch_size)


def _answer_group(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    encoded: Sequence[Sequence[int]],
    group: PrefixGroup,
    max_new_tokens: int,
    batch_size: int,
) -> Iterator[Answer]:
    started = time.perf_counter()
    # A shared prefix has at least one token: all prompts of a dialect begin with the same one.
    head = encoded[group.members[0]][: group.length]
    prefix = prefill(loaded.model, head) if loaded.shares_prefixes else None
    prefill_ms = (time.perf_counter() - started) * 1000 / len(group.members)
    members = sorted(group.members, key=lambda i: len(encoded[i]))
    for at in range(0, len(members), batch_size):
        batch = members[at : at + batch_size]
        started = time.perf_counter()
        rows = [encoded[i][group.length :] for i in batch]
        if prefix:
            written = decode_behind(loaded.model, prefix, group.length, rows, loaded.stops, max_new_tokens)
        else:
            written = decode_padded(loaded.model, rows, loaded.stops, max_new_tokens)
        latency = (time.perf_counter() - started) * 1000 / len(batch) + prefill_ms
        for i, (tokens, log_probability) in zip(batch, written, strict=True):
            raw = loaded.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            confidence = math.exp(log_probability)
            yield Answer(prompts[i].id, str(raw), len(encoded[i]), len(tokens), latency, confidence)


def check_place(base: str) -> None:
    """Raise WorkbenchError unless ``base`` is a folder with a model, or could be a hub id."""
    folder = Path(base)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise WorkbenchError(
                f"The folder {base} holds no model: it has no config.json.",
                "Choose the folder that was written by save_pretrained.",
            )
    elif not _HUB_ID.fullmatch(base) or folder.is_absolute():
        raise WorkbenchError(
            f"There is no folder {base}.",
            "Give a folder with a model, or a hub id such as google/functiongemma-270m-it.",
        )


def _merge(weights: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """Base with LoRA weights added in."""
    from peft import PeftModel

    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / name).is_file():
            raise WorkbenchError(
                f"The adapter folder {adapter} has no {name}.", "Has the training run finished? Choose another model."
            )
    try:
        with quiet_peft():
            return PeftModel.from_pretrained(weights, str(adapter)).merge_and_unload()
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WorkbenchError(
            f"The adapter {adapter} does not fit its base model: {reason}", "Choose the base it was trained on."
        ) from error


def _cannot_load(base: str, error: Exception) -> WorkbenchError:
    if isinstance(error, WorkbenchError):
        return error
    text = str(error)
    if "gated" in text.lower() or "401" in text or "403" in text:
        return WorkbenchError(
            f"{base} may only be downloaded with an account that accepted its terms.",
            "Accept the terms on huggingface.co, set HF_TOKEN, then try again; or choose the starter model.",
        )
    if Path(base).is_dir():
        reason = text.strip().splitlines()[0] if text.strip() else type(error).__name__
        return WorkbenchError(
            f"The model in {base} cannot be read: {reason}",
            "It needs config.json, model.safetensors and tokenizer.json; pickled weights are refused.",
        )
    return WorkbenchError(
        f"{base} is neither in the local cache nor can it be downloaded.",
        "Check the name and the network; or choose the starter model, which needs no download.",
    )

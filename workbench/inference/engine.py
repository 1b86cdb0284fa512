"""Load a model and let it answer prompts, greedily and in batches, each shared prefix computed once. On demand its
answers are held to a grammar.

Knows nothing of scenarios and toolsets: prompts are text in, answers are raw text out.
"""

from __future__ import annotations

import copy
import importlib.util
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
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
from workbench.grammars import Grammars, Matcher, Vocabulary
from workbench.inference.attention import use_shared_prefix
from workbench.inference.decoding import Batch, PaddedBatch, Row, decode_behind, decode_padded, prefill
from workbench.inference.families import dialect_of, why_not_shared
from workbench.inference.gguf_file import TORCH, is_gguf
from workbench.inference.gguf_reader import load_gguf, read_gguf
from workbench.inference.int8 import quantise
from workbench.inference.picking import Hand
from workbench.inference.prefixes import PrefixGroup, group_by_prefix
from workbench.inference.quantise import is_int8, load_int8
from workbench.inference.tokens import encode
from workbench.records import Model

SMALL = 50_000_000
"""Parameters up to which a model answers in float32."""
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
    def engine(self) -> str:
        """What computes: see ``gguf_file.engine_of``."""
        return TORCH

    @property
    def dtype(self) -> str:
        """Type of its numbers, such as ``float32``."""
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def vocabulary(self) -> int:
        """Number of logits; may be larger than the tokenizer's vocabulary."""
        return int(self.model.get_output_embeddings().weight.shape[0])

    def batch(self) -> Any:
        """An empty batch, a ``decoding.AnyBatch``."""
        return (Batch if self.shares_prefixes else PaddedBatch)(self.model, self.stops)

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
    """A text to continue, its special tokens written out; the id comes back with the answer.

    Attributes:
        constraint: gives the grammar of one answer; None lets the model write what it likes.
    """

    id: str
    text: str
    constraint: Callable[[], Matcher] | None = None


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    Attributes:
        raw: the new text with its special tokens, the stop token included.
        latency_ms: wall-clock milliseconds of the batch that held it, divided by the batch's size.
        confidence: product of the probabilities of the new tokens among those that were allowed, 0 to 1.
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


def answering_dtype(weights: torch.nn.Module, device: torch.device) -> torch.dtype:
    """float32 for small models, whose speed hardly depends on it, else the fast type.

    Kernels add in another order for another number of rows. In bfloat16 that decides between two tokens now and then,
    so that a reply would depend on what else is answered at the time.
    """
    small = sum(parameter.numel() for parameter in weights.parameters()) <= SMALL
    return torch.float32 if small else fast_dtype(device)


def load(model: Model, dtype: torch.dtype | None = None) -> LoadedModel:
    """Load weights and tokenizer; an adapter is merged into the weights.

    Args:
        dtype: of the weights; None takes that of ``answering_dtype``.

    Raises:
        WorkbenchError: the model cannot be found, read or used, with a hint.
    """
    device = pick_device()
    weights, tokenizer = load_weights(model)
    placed = torch.nn.Module.to(weights, device=device, dtype=dtype or answering_dtype(weights, device))
    return ready(quantise(placed) if model.int8 else placed, tokenizer, model.dialect)


def load_tuned(model: Model, dtype: torch.dtype) -> LoadedModel:
    """The model as it was trained: its adapter beside the base, not merged. Raises WorkbenchError: see ``load``."""
    weights, tokenizer = load_base(model.base)
    tuned = _attach(weights, Path(model.adapter)) if model.adapter else weights
    return ready(torch.nn.Module.to(tuned.eval(), device=pick_device(), dtype=dtype), tokenizer, model.dialect)


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """The tokenizer alone. Raises WorkbenchError: see ``load``."""
    if is_gguf(base):
        return read_gguf(Path(base)).tokenizer()
    check_place(base)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise _cannot_load(base, error) from error
    return tokenizer


def load_weights(model: Model) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights in float32, an adapter merged into them, and the tokenizer. Raises WorkbenchError: see ``load``."""
    weights, tokenizer = load_base(model.base)
    if not model.adapter:
        return weights, tokenizer
    with quiet_peft():
        return _attach(weights, Path(model.adapter)).merge_and_unload(), tokenizer


def load_base(base: str, four_bits_on: torch.device | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights in float32 and the tokenizer of a local folder, a GGUF file or a hub id; no pickle, no remote code.
    Args:
        four_bits_on: a device on which the linear layers are kept in 4 bits (NF4); the rest is in its fast type.

    Raises:
        WorkbenchError: see ``load``; 4 bits are wanted of rounded weights, or without bitsandbytes.
    """
    if four_bits_on is not None and (is_gguf(base) or is_int8(base)):
        raise WorkbenchError(f"{base} is not kept in 4 bits: its weights are rounded already.", "Choose another base.")
    if is_gguf(base):
        return load_gguf(Path(base))
    check_place(base)
    if is_int8(base):
        return load_int8(Path(base))
    tokenizer = load_tokenizer(base)
    how: dict[str, Any] = {"dtype": torch.float32} if four_bits_on is None else _four_bits(four_bits_on)
    try:
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
    stops = stops_of(tokenizer, found.name)
    return LoadedModel(model, tokenizer, found.name, base.config.model_type, base.device, stops, reason)


def stops_of(tokenizer: PreTrainedTokenizerBase, dialect: str) -> frozenset[int]:
    """Token ids that end an answer."""
    ids = [tokenizer.convert_tokens_to_ids(stop) for stop in get_dialect(dialect).stops]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if isinstance(i, int) and i != tokenizer.unk_token_id)


def grammars_of(loaded: LoadedModel) -> Grammars:
    """The grammars of a model's dialect. Reads the whole vocabulary, which takes seconds: keep it."""
    inner = copy.copy(loaded.tokenizer.backend_tokenizer)
    inner.no_padding()
    inner.no_truncation()
    ids = loaded.tokenizer.get_vocab()
    return Grammars(loaded.dialect, Vocabulary(inner.to_str(), loaded.vocabulary, loaded.stops, ids))


def answer(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    max_new_tokens: int = 128,
    batch_size: int = 32,
) -> Iterator[Answer]:
    """Answer prompts greedily; answers come batch by batch, not in the order of the prompts.

    The answers are those of plain one-by-one generation (up to rounding): padding and sliding windows are masked by
    position. Under a grammar they are what the model finds best among what it allows.
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
        rows = [Row(list(encoded[i][group.length :]), _hand(prompts[i], loaded.stops), max_new_tokens) for i in batch]
        if prefix:
            decode_behind(loaded.model, prefix, group.length, rows, loaded.stops)
        else:
            decode_padded(loaded.model, rows, loaded.stops)
        latency = (time.perf_counter() - started) * 1000 / len(batch) + prefill_ms
        for i, row in zip(batch, rows, strict=True):
            raw = loaded.tokenizer.decode(row.written, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            confidence = math.exp(row.log_probability)
            yield Answer(prompts[i].id, str(raw), len(encoded[i]), len(row.written), latency, confidence)


def _hand(prompt: Prompt, stops: frozenset[int]) -> Hand:
    return Hand(prompt.constraint() if prompt.constraint else None, stops)


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


def _attach(weights: PreTrainedModel, adapter: Path) -> Any:
    """Base with LoRA weights beside it."""
    from peft import PeftModel

    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / name).is_file():
            raise WorkbenchError(
                f"The adapter folder {adapter} has no {name}.", "Has the training run finished? Choose another model."
            )
    try:
        with quiet_peft():
            return PeftModel.from_pretrained(weights, str(adapter))
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

"""Load a model and let it answer prompts, greedily and in batches, each shared prefix computed once.

Knows nothing of scenarios and toolsets: prompts are text in, answers are raw text out.
"""

from __future__ import annotations

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
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from workbench.dialects import get_dialect
from workbench.dialects.functiongemma import CALL_START
from workbench.errors import WorkbenchError
from workbench.inference.attention import PrefillPlan, RowsPlan, use_shared_prefix
from workbench.inference.prefixes import PrefixGroup, group_by_prefix
from workbench.inference.tokens import encode
from workbench.records import Model

GEMMA = ("gemma3_text", "gemma3")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to answer.

    Attributes:
        dialect: name of the wire format that it speaks.
        family: ``model_type`` of its configuration.
        stops: token ids that end an answer.
    """

    model: Any
    tokenizer: PreTrainedTokenizerBase
    dialect: str
    family: str
    device: torch.device
    stops: frozenset[int]


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


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


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
    return ready(torch.nn.Module.to(weights, device=device, dtype=dtype or fast_dtype(device)), tokenizer)


def load_base(base: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights in float32 and the tokenizer of a local folder or a hub id; safetensors only, no remote code.

    Raises:
        WorkbenchError: see ``load``.
    """
    check_place(base)
    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=False)
        _check_family(base, config.model_type)
        tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
        weights = AutoModelForCausalLM.from_pretrained(
            base, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, ImportError) as error:
        raise _cannot_load(base, error) from error
    return weights, tokenizer


def ready(model: Any, tokenizer: PreTrainedTokenizerBase) -> LoadedModel:
    """Prepare a model in memory for ``answer``: shared-prefix attention, dialect, stop tokens.

    Raises:
        WorkbenchError: no dialect is known for its family and tokenizer.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    use_shared_prefix(base)
    dialect = get_dialect(_dialect_name(base.config.model_type, tokenizer))
    ids = [tokenizer.convert_tokens_to_ids(stop) for stop in dialect.stops]
    stops = frozenset(i for i in (*ids, tokenizer.eos_token_id) if isinstance(i, int) and i != tokenizer.unk_token_id)
    return LoadedModel(model, tokenizer, dialect.name, base.config.model_type, base.device, stops)


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
    for group in group_by_prefix(encoded):
        yield from _answer_group(loaded, prompts, encoded, group, max_new_tokens, batch_size)


@torch.inference_mode()
def _prefill(loaded: LoadedModel, tokens: Sequence[int]) -> PrefillPlan:
    plan = PrefillPlan()
    ids = torch.tensor([tokens], device=loaded.device)
    loaded.model(input_ids=ids, use_cache=False, logits_to_keep=1, plan=plan)
    return plan


def _answer_group(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    encoded: Sequence[Sequence[int]],
    group: PrefixGroup,
    max_new_tokens: int,
    batch_size: int,
) -> Iterator[Answer]:
    # A prefix of at least one token keeps the prefill from being empty; prompts begin with <bos> anyway.
    started = time.perf_counter()
    prefix = _prefill(loaded, encoded[group.members[0]][: group.length])
    prefill_ms = (time.perf_counter() - started) * 1000 / len(group.members)
    members = sorted(group.members, key=lambda i: len(encoded[i]))
    for at in range(0, len(members), batch_size):
        batch = members[at : at + batch_size]
        started = time.perf_counter()
        rows = [encoded[i][group.length :] for i in batch]
        written = _decode(loaded, prefix, group.length, rows, max_new_tokens)
        latency = (time.perf_counter() - started) * 1000 / len(batch) + prefill_ms
        for i, (tokens, log_probability) in zip(batch, written, strict=True):
            raw = loaded.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            confidence = math.exp(log_probability)
            yield Answer(prompts[i].id, str(raw), len(encoded[i]), len(tokens), latency, confidence)


@torch.inference_mode()
def _decode(
    loaded: LoadedModel, prefix: PrefillPlan, length: int, rows: Sequence[Sequence[int]], max_new_tokens: int
) -> list[tuple[list[int], float]]:
    """New tokens and the sum of their log probabilities, row by row. Rows leave the batch when they are finished."""
    tokens, pads = _pad_left(rows, loaded.device)
    plan = RowsPlan(prefix, length, pads)
    written: list[list[int]] = [[] for _ in rows]
    log_probability = [0.0] * len(rows)
    active = list(range(len(rows)))
    for _ in range(max_new_tokens):
        positions = plan.extend(tokens.shape[1])
        output = loaded.model(input_ids=tokens, position_ids=positions, use_cache=False, logits_to_keep=1, plan=plan)
        best, chosen = torch.log_softmax(output.logits[:, -1].float(), -1).max(-1)
        for row, token, score in zip(active, chosen.tolist(), best.tolist(), strict=True):
            written[row].append(token)
            log_probability[row] += score
        going = [at for at, row in enumerate(active) if written[row][-1] not in loaded.stops]
        if not going:
            break
        if len(going) < len(active):
            keep = torch.tensor(going, device=loaded.device)
            plan.keep(keep)
            chosen, active = chosen[keep], [active[at] for at in going]
        tokens = chosen[:, None]
    return list(zip(written, log_probability, strict=True))


def _pad_left(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens [rows, longest] and each row's padding [rows]. The filler is masked, so any token id does."""
    longest = max(map(len, rows))
    pads = [longest - len(row) for row in rows]
    filled = [[0] * pad + list(row) for pad, row in zip(pads, rows, strict=True)]
    return torch.tensor(filled, device=device), torch.tensor(pads, device=device)


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


def _check_family(base: str, family: str) -> None:
    if family not in GEMMA:
        raise WorkbenchError(
            f"{base} is of the family '{family}', which the workbench cannot use yet.",
            "Choose a Gemma 3 model that knows FunctionGemma's tokens, such as google/functiongemma-270m-it.",
        )


def _dialect_name(family: str, tokenizer: PreTrainedTokenizerBase) -> str:
    if CALL_START not in tokenizer.get_vocab():
        raise WorkbenchError(
            f"The tokenizer does not know {CALL_START}, so this {family} model speaks no dialect known here.",
            "Choose a model that was trained for function calls, such as google/functiongemma-270m-it.",
        )
    return "functiongemma"


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

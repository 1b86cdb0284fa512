"""Read a GGUF file as a model and a tokenizer that the engine can use.

transformers reads and dequantises the weights; the configuration is built here by llama.cpp's rules, for
transformers' own reader assumes ``query_pre_attn_scalar`` 256, Qwen 3 heads of 128 and Gemma's windows, whatever the
file says. llama.cpp takes 1/sqrt(key length) as scale, and for Gemma 3 every sixth layer as a full one, or all where
there is no window.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader, LlamaFileType
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen3Config,
)

from workbench.errors import WorkbenchError
from workbench.inference.gguf_vocabulary import Vocabulary, to_tokenizer

FULL_EVERY = 6
"""In Gemma 3, as llama.cpp has it, each sixth layer sees everything; those between see a window."""
LOCAL_THETA = 10_000.0
"""Base of the rotary embedding in Gemma 3's layers with a window, unless the file says another."""
ROPE_FACTORS = "rope_freqs.weight"
_IDS = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding", "eot": "eot"}


@dataclass(frozen=True)
class GgufFile:
    """What a file says of its model. Its weights are looked at when they are wanted."""

    fields: dict[str, Any]
    tensors: dict[str, Any]

    @property
    def family(self) -> str:
        return str(self.fields["general.architecture"])

    @property
    def precision(self) -> str:
        """How most weights are kept, such as ``F16`` or ``Q8_0``; empty where the file does not say."""
        kind = self.fields.get("general.file_type")
        return LlamaFileType(kind).name.removeprefix("MOSTLY_").removeprefix("ALL_") if kind is not None else ""

    def config(self) -> Any:
        """See ``to_config``."""
        return to_config(self.fields, set(self.tensors))

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Raises WorkbenchError for a vocabulary of an unknown kind."""
        return to_tokenizer(read_vocabulary(self.fields))


def read_gguf(path: Path) -> GgufFile:
    """Open a file. Raises WorkbenchError when it is no GGUF file."""
    try:
        reader = GGUFReader(path)
    except (OSError, ValueError, IndexError) as error:
        raise WorkbenchError(f"{path} cannot be read as GGUF: {error}", "Was it copied whole?") from error
    fields = {name: field.contents() for name, field in reader.fields.items()}
    return GgufFile(fields, {tensor.name: tensor for tensor in reader.tensors})


def load_gguf(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights in float32 and the tokenizer.

    Raises:
        WorkbenchError: it is no GGUF file, or holds a family that is not known here.
    """
    file = read_gguf(path)
    config, tensors = file.config(), file.tensors
    with warnings.catch_warnings():
        # numpy's view of a file that is only read; nobody writes to it.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        weights = AutoModelForCausalLM.from_pretrained(
            str(path.parent), gguf_file=path.name, config=config, dtype=torch.float32
        )
    if ROPE_FACTORS in tensors:
        factors = torch.tensor(tensors[ROPE_FACTORS].data.copy(), dtype=torch.float32)
        weights.model.rotary_emb.inv_freq.div_(factors)
    return weights, file.tokenizer()


def to_config(fields: dict[str, Any], tensors: set[str]) -> Any:
    """The configuration that llama.cpp would take from these fields. Raises WorkbenchError for another family."""
    family = fields["general.architecture"]

    def read(name: str, default: Any = None) -> Any:
        return fields.get(f"{family}.{name}", default)

    common = {
        "vocab_size": len(fields["tokenizer.ggml.tokens"]),
        "hidden_size": read("embedding_length"),
        "intermediate_size": read("feed_forward_length"),
        "num_hidden_layers": read("block_count"),
        "num_attention_heads": read("attention.head_count"),
        "num_key_value_heads": read("attention.head_count_kv"),
        "head_dim": read("attention.key_length", read("embedding_length") // read("attention.head_count")),
        "max_position_embeddings": read("context_length"),
        "rms_norm_eps": read("attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": "output.weight" not in tensors,
        **{f"{name}_token_id": fields.get(f"tokenizer.ggml.{key}_token_id") for name, key in list(_IDS.items())[:2]},
        "pad_token_id": fields.get("tokenizer.ggml.padding_token_id"),
    }
    theta = {"rope_type": "default", "rope_theta": read("rope.freq_base", LOCAL_THETA)}
    if family == "qwen3":
        return Qwen3Config(**common, rope_parameters=theta)
    if family == "llama":
        biased: Any = {"attention_bias": "blk.0.attn_q.bias" in tensors, "mlp_bias": "blk.0.ffn_up.bias" in tensors}
        return LlamaConfig(**common, **biased, rope_parameters=theta)
    if family != "gemma3":
        raise WorkbenchError(f"GGUF files of the family '{family}' cannot be read.", "Known: gemma3, qwen3, llama.")
    window = read("attention.sliding_window", 0)
    local = {"rope_type": "default", "rope_theta": read("rope.freq_base_swa", LOCAL_THETA)}
    return Gemma3TextConfig(
        **common,
        query_pre_attn_scalar=common["head_dim"],
        sliding_window=window or common["max_position_embeddings"],
        layer_types=layer_kinds(common["num_hidden_layers"], window),
        rope_parameters={"full_attention": theta, "sliding_attention": local},
    )


def layer_kinds(layers: int, window: int) -> list[str]:
    """Which layers of a Gemma 3 see a window; none where ``window`` is 0."""
    return ["sliding_attention" if window and (i + 1) % FULL_EVERY else "full_attention" for i in range(layers)]


def read_vocabulary(fields: dict[str, Any]) -> Vocabulary:
    """The vocabulary in the fields of a file."""
    tokens = tuple(fields["tokenizer.ggml.tokens"])
    special = {name: fields.get(f"tokenizer.ggml.{key}_token_id") for name, key in _IDS.items()}
    return Vocabulary(
        model=fields["tokenizer.ggml.model"],
        tokens=tokens,
        types=tuple(fields.get("tokenizer.ggml.token_type") or [1] * len(tokens)),
        split=fields.get("tokenizer.ggml.pre", ""),
        scores=tuple(fields.get("tokenizer.ggml.scores") or ()),
        merges=tuple(fields.get("tokenizer.ggml.merges") or ()),
        special={name: id for name, id in special.items() if id is not None},
        template=fields.get("tokenizer.chat_template", ""),
    )

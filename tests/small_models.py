"""Tiny random models of each family, with a tokenizer that knows its dialect's tokens: real files, made in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizerFast,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from workbench.dialects import hermes, llama3
from workbench.dialects.functiongemma import CONTROL_TOKENS
from workbench.records import NO_TOOL

TEXT = (
    "call:declaration:response:description properties type STRING INTEGER OBJECT required enum developer user model",
    "You are a model that can do function calling with the following functions OS: linux, Shell: bash Query:",
    "find files ping host count name folder the a to please show me what is on my disk 0 1 2 3 4 5 6 7 8 9",
)


def make_gemma(
    folder: Path,
    *,
    text: Iterable[str] = TEXT,
    vocabulary: int = 512,
    hidden: int = 32,
    layers: int = 3,
    window: int = 16,
    layer_types: Sequence[str] | None = None,
    heads: int = 4,
    key_heads: int = 2,
    head_dim: int = 16,
    seed: int = 0,
) -> Path:
    """Write a random Gemma 3 with sliding and full layers, and its tokenizer, to ``folder``."""
    tokenizer = make_tokenizer(text, vocabulary)
    torch.manual_seed(seed)
    kinds = list(layer_types or [("sliding_attention", "full_attention")[i % 2] for i in range(layers)])
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=len(kinds),
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        head_dim=head_dim,
        query_pre_attn_scalar=head_dim,
        sliding_window=window,
        layer_types=kinds,
        max_position_embeddings=8192,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
        # Spread the random logits, so that rounding does not decide which token is the best.
        initializer_range=0.2,
        # With tied weights a random model repeats its last token for ever.
        tie_word_embeddings=False,
    )
    Gemma3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_qwen(folder: Path, *, window: int = 0, seed: int = 0, head_dim: int = 16) -> Path:
    """Write a random Qwen 3 and its tokenizer; with a ``window`` its upper layers slide."""
    sliding = {"use_sliding_window": True, "sliding_window": window, "max_window_layers": 1} if window else {}
    tokenizer = make_tokenizer(special=hermes.CONTROL_TOKENS, bos="", eos=hermes.TURN_END, pad=hermes.EOS)
    return _write(
        folder, tokenizer, Qwen3ForCausalLM, Qwen3Config(**_sizes(tokenizer), head_dim=head_dim, **sliding), seed
    )


def make_llama(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write a random Llama and its tokenizer; ``changes`` are of its configuration."""
    tokenizer = make_tokenizer(special=llama3.CONTROL_TOKENS, bos=llama3.BOS, eos=llama3.TURN_END, pad=llama3.EOS)
    return _write(folder, tokenizer, LlamaForCausalLM, LlamaConfig(**{**_sizes(tokenizer), **changes}), seed)


def make_neox(folder: Path, *, seed: int = 0) -> Path:
    """Write a random GPT-NeoX, a family without shared prefixes and without a dialect of its own."""
    tokenizer = make_tokenizer(special=["<|endoftext|>"], bos="", eos="<|endoftext|>", pad="<|endoftext|>")
    sizes = {name: value for name, value in _sizes(tokenizer).items() if name != "num_key_value_heads"}
    return _write(folder, tokenizer, GPTNeoXForCausalLM, GPTNeoXConfig(**sizes, use_parallel_residual=False), seed)


FAMILIES: dict[str, Callable[[Path], Path]] = {"gemma": make_gemma, "qwen": make_qwen, "llama": make_llama}
"""Those that can share prefixes."""


def _sizes(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 8192,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "initializer_range": 0.2,
        "tie_word_embeddings": False,
    }


def _write(folder: Path, tokenizer: PreTrainedTokenizerFast, kind: Any, config: Any, seed: int) -> Path:
    torch.manual_seed(seed)
    kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(
    text: Iterable[str] = TEXT,
    vocabulary: int = 512,
    special: Sequence[str] = CONTROL_TOKENS,
    bos: str = "<bos>",
    eos: str = "<eos>",
    pad: str = "<pad>",
) -> PreTrainedTokenizerFast:
    """Byte-level BPE; control tokens and ``NO_TOOL`` are tokens of their own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[*special, NO_TOOL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos or None, eos_token=eos, pad_token=pad)


def make_bert(folder: Path, words: Sequence[str]) -> Path:
    """Write a random BERT that knows these words, and its tokenizer, to ``folder``; to it, all other words are one."""
    folder.mkdir(exist_ok=True)
    known = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words)
    (folder / "vocab.txt").write_text("\n".join(known))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(known), **sizes)).save_pretrained(folder)
    return folder

"""Tiny random models with a tokenizer that knows FunctionGemma's tokens: real files, made in a second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

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


def make_tokenizer(text: Iterable[str] = TEXT, vocabulary: int = 512) -> PreTrainedTokenizerFast:
    """Byte-level BPE; control tokens and ``NO_TOOL`` are tokens of their own."""
    special = [*CONTROL_TOKENS, NO_TOOL]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")

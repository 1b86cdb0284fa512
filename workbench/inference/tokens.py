"""Texts to token ids, a long common beginning tokenized once. Knows a tokenizer, no model."""

from __future__ import annotations

import os
from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of texts that write out their special tokens.

    Tokenizers split at special tokens before anything else, so a text may be cut in front of one and its parts be
    tokenized apart. Should a tokenizer break that rule on the first text, all are tokenized whole.
    """
    if not texts:
        return []
    cut = _last_special(tokenizer, os.path.commonprefix(list(texts)))
    head, *tails = _plain(tokenizer, [texts[0][:cut], *(text[cut:] for text in texts)])
    if cut and head + tails[0] != _plain(tokenizer, [texts[0]])[0]:
        return _plain(tokenizer, texts)
    return [head + tail for tail in tails]


def _last_special(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    """Where the last special token of ``text`` begins; 0 when it has none."""
    special = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    return max((0, *map(text.rfind, special)))


def _plain(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    rows: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return rows

"""A vocabulary as GGUF keeps it, and the tokenizer that it means. Knows no file and no weights.

GGUF has no tokenizer.json: it names an algorithm (``gpt2``: byte-level BPE with merges; ``llama``: pieces with scores)
and, for the first, a way to split text. What is rebuilt here does as llama.cpp does with the same fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS
from transformers.tokenization_utils_base import generate_merges

from workbench.errors import WorkbenchError

BYTE_LEVEL, PIECES = "gpt2", "llama"
SPLITS: tuple[str, ...] = ("gpt-2", "qwen2", "llama-bpe")
"""Names of ways to split text that byte-level vocabularies of our families use; ``gpt-2`` comes first."""
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
SPACE = "\u2581"


@dataclass(frozen=True)
class Vocabulary:
    """The fields under ``tokenizer.ggml`` and the chat template.

    Attributes:
        model: ``gpt2`` or ``llama``.
        split: name of the way to split text; empty for ``llama``.
        types: one of NORMAL … BYTE for each token.
        scores: for ``llama``, the piece with the highest score is merged first.
        merges: for ``gpt2``, pairs joined by a space, the first merged first.
        special: ids by ``bos``, ``eos``, ``pad``, ``unk`` and ``eot``, the end of a turn; those that there are.
    """

    model: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    split: str = ""
    scores: tuple[float, ...] = ()
    merges: tuple[str, ...] = ()
    special: Mapping[str, int] = field(default_factory=dict)
    template: str = ""


def to_tokenizer(vocabulary: Vocabulary) -> PreTrainedTokenizerFast:
    """The tokenizer that a vocabulary means. Raises WorkbenchError for one of another kind."""
    makers = {BYTE_LEVEL: _byte_level, PIECES: _pieces}
    if vocabulary.model not in makers:
        raise WorkbenchError(
            f"A vocabulary of the kind '{vocabulary.model}' cannot be read.", "Choose a GGUF file with gpt2 or llama."
        )
    tokenizer = makers[vocabulary.model](vocabulary)
    tokenizer.add_tokens(
        [
            AddedToken(token, normalized=False, special=kind == CONTROL)
            for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True)
            if kind in (CONTROL, USER_DEFINED)
        ]
    )
    names: dict[str, Any] = {
        f"{name}_token": vocabulary.tokens[id] for name, id in vocabulary.special.items() if name != "eot"
    }
    found = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    if vocabulary.template:
        found.chat_template = vocabulary.template
    return found


def splitter(name: str) -> pre_tokenizers.PreTokenizer:
    """The way to split text of that name. Raises WorkbenchError when it is not known."""
    if name in ("gpt-2", "default", ""):
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name not in GGUF_PRE_TOKENIZER_SPLITS:
        raise WorkbenchError(
            f"The GGUF file splits text in a way that is not known here ('{name}').", f"Known: {', '.join(SPLITS)}."
        )
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GGUF_PRE_TOKENIZER_SPLITS[name]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _byte_level(vocabulary: Vocabulary) -> Tokenizer:
    merges = [_pair(merge) for merge in vocabulary.merges]
    tokenizer = Tokenizer(models.BPE(_ids(vocabulary.tokens), merges))
    tokenizer.pre_tokenizer = splitter(vocabulary.split)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pieces(vocabulary: Vocabulary) -> Tokenizer:
    scores = dict(zip(vocabulary.tokens, vocabulary.scores, strict=True))
    mergeable = {NORMAL, USER_DEFINED}
    kinds = dict(zip(vocabulary.tokens, vocabulary.types, strict=True))
    ids = _ids(vocabulary.tokens)
    merges = [pair for pair in generate_merges(ids, scores) if kinds["".join(pair)] in mergeable]
    unknown = vocabulary.special.get("unk")
    model = models.BPE(
        ids,
        merges,
        byte_fallback=True,
        fuse_unk=True,
        unk_token=None if unknown is None else vocabulary.tokens[unknown],
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _ids(tokens: Sequence[str]) -> dict[str, int]:
    return {token: id for id, token in enumerate(tokens)}


def _pair(merge: str) -> tuple[str, str]:
    first, _, second = merge.partition(" ")
    return first, second

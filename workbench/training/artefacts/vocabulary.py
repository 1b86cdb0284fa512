"""A tokenizer as GGUF's vocabulary. What cannot be said there is refused, not approximated.

Two shapes are known: byte-level BPE (Qwen, Llama 3, the starter), and BPE over pieces with byte fallback, which is how
``tokenizer.json`` writes Gemma's SentencePiece vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from workbench.errors import WorkbenchError
from workbench.inference.gguf_vocabulary import (
    BYTE,
    BYTE_LEVEL,
    CONTROL,
    NORMAL,
    PIECES,
    SPLITS,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    Vocabulary,
    to_tokenizer,
)

PROBES = (
    "Hello world, it's   12345 o'clock; don't\tWAIT!\n\n  path=/usr/local/bin --flag=3.14 C:\\Users\\me",
    "Größe, naïve café, 東京タワー, привет мир, שלום, 🙂🚀 x²+y³≠½",
    'open "My Documents" & (a|b) {k: [1, 22, 333]} <b>bold</b> foo_bar fooBar e-mail@example.org  ',
)
"""Texts on which the vocabulary must cut as the tokenizer does, beside those that the caller gives."""
LOWEST = -1e6
"""Score of a piece that no merge makes."""
_TURN_ENDS = ("<end_of_turn>", "<|im_end|>", "<|eot_id|>")


def to_vocabulary(tokenizer: PreTrainedTokenizerBase, rows: int, probes: Iterable[str] = ()) -> Vocabulary:
    """The vocabulary of a tokenizer, tested on texts.

    Args:
        rows: of the embedding; those without a token become unused ones.
        probes: further texts that must be cut the same way.

    Raises:
        WorkbenchError: the tokenizer is of another kind, or llama.cpp would cut text otherwise.
    """
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    model = backend["model"]
    if model["type"] != "BPE":
        raise WorkbenchError(
            f"GGUF export knows byte-level BPE and Gemma's vocabulary; this tokenizer is {model['type']}.",
            "Export merged weights instead.",
        )
    texts = [*PROBES, *probes]
    base = Vocabulary(
        model=PIECES if model["byte_fallback"] else BYTE_LEVEL,
        tokens=(),
        types=(),
        special=_special(tokenizer),
        template=tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else "",
    )
    base = replace(base, **_tokens(model, backend["added_tokens"], rows))
    if base.model == PIECES:
        candidates = [replace(base, scores=_scores(base.tokens, model["merges"]))]
    else:
        merges = tuple(" ".join(pair) for pair in _pairs(model["merges"]))
        candidates = [replace(base, split=split, merges=merges) for split in SPLITS]
    wanted = _cut(tokenizer, texts)
    for candidate in candidates:
        if _cut(to_tokenizer(candidate), texts) == wanted:
            return candidate
    raise WorkbenchError(
        "llama.cpp would cut text into other tokens than this tokenizer does, so no GGUF is written.",
        "Export merged weights instead.",
    )


def _cut(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    rows: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return rows


def _tokens(model: Mapping[str, Any], added: Sequence[Mapping[str, Any]], rows: int) -> dict[str, Any]:
    """Tokens and their types, in the order of their ids."""
    names = {id: token for token, id in model["vocab"].items()}
    kinds = {id: _kind(token, model) for id, token in names.items()}
    for token in added:
        names[token["id"]] = token["content"]
        kinds[token["id"]] = CONTROL if token["special"] else USER_DEFINED
    unknown = model["vocab"].get(model["unk_token"])
    if unknown is not None:
        kinds[unknown] = UNKNOWN
    if len(names) and max(names) >= rows:
        raise WorkbenchError("The tokenizer has more tokens than the model's embedding.", "Is it this model's own?")
    return {
        "tokens": tuple(names.get(id, f"[PAD{id}]") for id in range(rows)),
        "types": tuple(kinds.get(id, UNUSED) for id in range(rows)),
    }


def _kind(token: str, model: Mapping[str, Any]) -> int:
    is_byte = model["byte_fallback"] and len(token) == 6 and token.startswith("<0x") and token.endswith(">")
    return BYTE if is_byte else NORMAL


def _scores(tokens: Sequence[str], merges: Sequence[Any]) -> tuple[float, ...]:
    """The score of a piece says how early the merge that makes it comes; llama.cpp merges the highest first."""
    ranks: dict[str, int] = {}
    for rank, (first, second) in enumerate(_pairs(merges)):
        ranks.setdefault(first + second, rank)
    return tuple(-float(ranks[token]) if token in ranks else LOWEST for token in tokens)


def _pairs(merges: Sequence[Any]) -> list[tuple[str, str]]:
    """``tokenizer.json`` has merges as pairs, older files as texts with a space."""
    rows = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in merges)
    return [(first, second) for first, second in rows]


def _special(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    found = {name: getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "unk", "pad")}
    vocabulary = tokenizer.get_vocab()
    found["eot"] = next((vocabulary[token] for token in _TURN_ENDS if token in vocabulary), None)
    return {name: id for name, id in found.items() if id is not None}

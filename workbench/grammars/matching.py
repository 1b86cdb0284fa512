"""Which tokens a grammar lets through, step by step. Knows token ids and llguidance; knows no tools."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from workbench.errors import WorkbenchError

Mask = NDArray[np.bool_]


class Vocabulary:
    """A tokenizer as llguidance reads it. Building it takes seconds where the vocabulary is large: keep it."""

    def __init__(self, tokenizer_json: str, size: int, stops: Collection[int], ids: dict[str, int]) -> None:
        """
        Args:
            tokenizer_json: the text of ``tokenizer.json``.
            size: number of logits of the model; may be larger than the vocabulary.
            stops: tokens that may end a reply wherever the grammar allows an end.
            ids: token ids by token.
        """
        self.size, self.stops, self.ids = size, frozenset(stops), ids
        entries = max((size, *(number + 1 for number in ids.values())))
        self._tokenizer = LLTokenizer(tokenizer_json, n_vocab=entries, eos_token=sorted(stops))

    def start(self, lark: str) -> Matcher:
        """A matcher at the beginning of a reply.

        Raises:
            WorkbenchError: llguidance refuses the grammar.
        """
        inner = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
        if inner.is_error():
            raise WorkbenchError(
                f"The tools give no usable grammar: {inner.get_error().strip().splitlines()[0]}",
                "Simplify the schema it names, or decode without a grammar.",
            )
        return Matcher(inner, self)


class Matcher:
    """Where one reply stands in its grammar."""

    def __init__(self, inner: LLMatcher, vocabulary: Vocabulary) -> None:
        self._inner, self._vocabulary = inner, vocabulary

    def copy(self) -> Matcher:
        """Another one at the same place; much cheaper than starting anew."""
        return Matcher(self._inner.deep_copy(), self._vocabulary)

    @property
    def may_end(self) -> bool:
        return self._inner.is_accepting()

    def allowed(self) -> Mask:
        """[size of the vocabulary], true for the tokens that may come next."""
        bits = np.frombuffer(self._inner.compute_bitmask(), dtype=np.uint8)
        self._check()
        mask = np.zeros(self._vocabulary.size, dtype=np.bool_)
        unpacked = np.unpackbits(bits, bitorder="little")[: len(mask)]
        mask[: len(unpacked)] = unpacked
        return mask

    def forced(self) -> list[int]:
        """The tokens that must come next, in the tokenizer's own spelling; empty where there is a choice."""
        found: list[int] = self._inner.compute_ff_tokens()
        self._check()
        return [token for token in found if token not in self._vocabulary.stops]

    def take(self, tokens: Sequence[int]) -> None:
        """Go on behind these tokens, none of them a stop token."""
        self._inner.consume_tokens(list(tokens))
        self._check()

    def _check(self) -> None:
        if self._inner.is_error():
            reason = self._inner.get_error().strip().splitlines()[0]
            raise WorkbenchError(
                f"The grammar cannot be followed any further: {reason}", "Decode without a grammar, or shorten schemas."
            )

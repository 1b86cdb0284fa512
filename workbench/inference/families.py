"""What the family of a model can do: which dialect it speaks, and whether its prompts' prefix can be shared.

Knows configurations and vocabularies, no weights.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from transformers import PreTrainedTokenizerBase

from workbench.dialects import DIALECT_NAMES, functiongemma, get_dialect, hermes, llama3
from workbench.errors import WorkbenchError

SHARING = ("gemma3_text", "gemma3", "qwen3", "llama")
"""Families whose attention is what the plans of ``attention`` compute: causal softmax, windows by position."""

STRETCHED = ("dynamic", "longrope")
"""Rotary embeddings that depend on the length of the row; a packed row is longer than each of its examples."""

_THINKING_SWITCH = "enable_thinking"


def why_not_shared(config: Any) -> str:
    """Why a model needs ordinary padded batches, in words; empty when it can share prefixes.

    Args:
        config: the model's transformers configuration.
    """
    if config.model_type not in SHARING:
        return f"shared prefixes are not known to be exact for the family '{config.model_type}'"
    text = config.get_text_config()
    if getattr(text, "use_bidirectional_attention", False):
        return "its attention looks ahead"
    if getattr(text, "attn_logit_softcapping", None):
        return "its attention scores are capped"
    if any(kind in STRETCHED for kind in _rotary_kinds(text)):
        return "its rotary embedding depends on the length of the row"
    return ""


def dialect_of(family: str, tokenizer: PreTrainedTokenizerBase, wish: str = "auto") -> str:
    """The name of the dialect that a model speaks, judged by the control tokens that its tokenizer knows.

    Args:
        wish: a dialect that was chosen by a person; ``auto`` lets the tokenizer decide.

    Raises:
        WorkbenchError: there is no such dialect, or the tokenizer knows the tokens of none.
    """
    return dialect_in(family, tokenizer.get_vocab(), tokenizer.chat_template, wish)


def dialect_in(family: str, vocabulary: Container[str], template: Any, wish: str = "auto") -> str:
    """The same from the vocabulary and the chat template alone, as GGUF files carry them."""
    if wish != "auto":
        return get_dialect(wish).name
    if functiongemma.CALL_START in vocabulary:
        return "functiongemma"
    if hermes.TURN_START in vocabulary and hermes.TURN_END in vocabulary:
        return "qwen3" if _thinks(vocabulary, template) else "hermes"
    if llama3.HEAD_START in vocabulary and llama3.TURN_END in vocabulary:
        return "llama3"
    raise WorkbenchError(
        f"The tokenizer of this {family} model knows the control tokens of no dialect.",
        f"Choose a model that was trained for function calls, or name the dialect: {', '.join(DIALECT_NAMES)}.",
    )


def _thinks(vocabulary: Container[str], template: Any) -> bool:
    """Whether the model thinks unless told not to; a chat template without the switch belongs to one that does not."""
    return hermes.THINK_START in vocabulary and (template is None or _THINKING_SWITCH in str(template))


def _rotary_kinds(config: Any) -> list[str]:
    """Kinds of rotary embedding. Families with several kinds of layers keep the parameters of each kind."""
    parameters = getattr(config, "rope_parameters", None) or {}
    rows = [parameters, *(row for row in parameters.values() if isinstance(row, dict))]
    return [str(row["rope_type"]) for row in rows if "rope_type" in row]

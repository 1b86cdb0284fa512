"""The starter's tokenizer: byte-level BPE in which space, digits and punctuation are tokens of their own.

So a value has the same tokens wherever it stands, in the request and in the call. FunctionGemma's control tokens and
``NO_TOOL`` are special tokens; the boilerplate of its format is added as whole tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from workbench.dialects.functiongemma import BOS, CONTROL_TOKENS, EOS, PAD
from workbench.records import NO_TOOL, TRIGGER

VOCABULARY = 4096
BOILERPLATE = (
    "{description:", ",parameters:{", "properties:{", "required:[", ",type:", "enum:[", "items:{", "STRING", "INTEGER",
    "NUMBER", "BOOLEAN", "ARRAY", "OBJECT", "declaration:", "call:", "response:", "developer\n", "user\n", "model\n",
    "OS: ", ", Shell: ", "\nQuery: ", TRIGGER,
)  # fmt: skip
TEMPLATE = Path(__file__).parent / "chat_template.jinja"


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of ``VOCABULARY`` entries learnt from the texts, with the starter's chat template."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|\s|[^\p{L}\p{N}\s]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    inner.decoder = decoders.ByteLevel()
    special = [*CONTROL_TOKENS, NO_TOOL]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(BOILERPLATE),
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    inner.add_tokens([AddedToken(text, special=False, normalized=False) for text in BOILERPLATE])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=BOS, eos_token=EOS, pad_token=PAD, clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return tokenizer

"""Tokenizing the common beginning once changes no token."""

import pytest
from transformers import PreTrainedTokenizerFast

from tests.small_models import make_tokenizer
from workbench.inference.tokens import encode

HEAD = "<bos><start_of_turn>developer\nfind files<end_of_turn>\n<start_of_turn>user\n"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.mark.parametrize(
    "texts",
    [
        [HEAD + "ping the host", HEAD + "ping  my disk", HEAD],
        [HEAD, HEAD],
        ["<bos>a", "<eos>b"],
        ["no special token", "no other"],
        [HEAD + "find<end_of_turn>", HEAD + "find<end_of_turn>x"],
        ["one"],
    ],
)
def test_ids_are_those_of_the_whole_texts(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> None:
    assert encode(tokenizer, texts) == tokenizer(texts, add_special_tokens=False)["input_ids"]


def test_nothing_to_tokenize(tokenizer: PreTrainedTokenizerFast) -> None:
    assert encode(tokenizer, []) == []

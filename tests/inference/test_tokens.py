"""Tokenizing the common beginning once changes no token."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
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


def test_a_tokenizer_without_special_tokens() -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(["ping the host"], trainers.BpeTrainer(show_progress=False))
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    assert encode(bare, ["ping", "ping the"]) == bare(["ping", "ping the"])["input_ids"]


def test_nothing_to_tokenize(tokenizer: PreTrainedTokenizerFast) -> None:
    assert encode(tokenizer, []) == []

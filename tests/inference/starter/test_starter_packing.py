"""A pretraining row's loss weights: what a reply decides counts more than what follows or is copied."""

import random

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from workbench.inference.starter.generator import Row
from workbench.inference.starter.packing import DECISION_WEIGHT, NAME_WEIGHT, encode, pack
from workbench.records import TRIGGER, ExpectedCall, Outcome, PromptProfile, Scenario, Tool, Toolset
from workbench.workspace import STARTER

LAMP = Tool(
    "lamp",
    "Switch a lamp.",
    {
        "type": "object",
        "properties": {"state": {"type": "string", "enum": ["on", "off"]}, "room": {"type": "string"}},
        "required": ["state"],
    },
)
HEAT = Tool("heat", "Heat.", {"type": "object", "properties": {}})
TOOLSET = Toolset("home", (LAMP, HEAT), PromptProfile("plain", {"default": TRIGGER}))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(STARTER)


def weighed(calls: tuple[ExpectedCall, ...], tokenizer: PreTrainedTokenizerFast) -> list[tuple[str, float]]:
    """The reply's tokens and their weights."""
    row = Row(TOOLSET, (Scenario("1", "home", "a request", Outcome(calls)),))
    packed = pack(row, tokenizer, random.Random(0), guided=False)
    assert packed.weights is not None
    reply = packed.weights >= 1
    pairs = zip(packed.labels[reply].tolist(), packed.weights[reply].tolist(), strict=True)
    return [(tokenizer.decode([token]), weight) for token, weight in pairs]


def test_tool_value_and_where_a_text_begins_and_ends_are_decisions(tokenizer: PreTrainedTokenizerFast) -> None:
    found = weighed((ExpectedCall("lamp", {"room": "attic", "state": "off"}),), tokenizer)
    text, weights = "", {}
    for token, weight in found:
        weights[text] = weight
        text += token
    assert text.startswith("<start_function_call>call:lamp{room:<escape>attic<escape>,state:<escape>off<escape>}")
    assert weights["<start_function_call>call:"] == NAME_WEIGHT
    begin = "<start_function_call>call:lamp{"
    assert weights[begin] == DECISION_WEIGHT, "the room might have been left out"
    assert weights[f"{begin}room:<escape>"] == weights[f"{begin}room:<escape>attic"] == DECISION_WEIGHT
    assert weights[f"{begin}room:<escape>attic<escape>,state:<escape>"] == DECISION_WEIGHT
    assert weights[f"{begin}room:<escape>attic<escape>,state:"] == 1.0


def test_no_tool_is_chosen_like_a_tool(tokenizer: PreTrainedTokenizerFast) -> None:
    assert [weight for _, weight in weighed((), tokenizer)] == [NAME_WEIGHT, 1.0]


def test_labels_are_the_replies(tokenizer: PreTrainedTokenizerFast) -> None:
    calls = (ExpectedCall("heat"),)
    row = Row(TOOLSET, (Scenario("1", "home", "it is cold", Outcome(calls)), Scenario("2", "home", "hello", Outcome())))
    packed = pack(row, tokenizer, random.Random(0), guided=False)
    assert packed.weights is not None
    labels = packed.labels[packed.weights >= 1]
    none, call = encode(tokenizer, "NO_TOOL<end_of_turn>"), encode(tokenizer, "<start_function_call>call:heat{}")
    assert torch.equal(labels[: len(none)], torch.tensor(none))
    assert torch.equal(labels[len(none) : len(none) + len(call)], torch.tensor(call))

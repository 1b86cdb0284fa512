"""Tokens that decide count more: for a tool, for an argument, for its value."""

import pytest
from transformers import PreTrainedTokenizerFast

from tests.small_models import make_tokenizer
from workbench.dialects import get_dialect
from workbench.records import NO_TOOL, ExpectedCall, Outcome, Scenario, Tool, Toolset
from workbench.training.examples import make_examples
from workbench.training.loss_weights import LossWeights, choice_weights

PING = Tool(
    "ping", "Test a host.", {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]}
)
CONTROL = Tool(
    "control",
    "Start or stop a service.",
    {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": ["on", "off", "wait"]}, "name": {"type": "string"}},
        "required": ["action"],
    },
)
TOOLSET = Toolset("both", (PING, CONTROL))
DIALECT = get_dialect("functiongemma")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


def weigh(calls: list[ExpectedCall], weights: LossWeights, tokenizer: PreTrainedTokenizerFast) -> dict[str, float]:
    """The weight of each token by the text before it."""
    scenario = Scenario("s", "both", "a request", Outcome(tuple(calls)))
    example = make_examples([scenario], TOOLSET, DIALECT, tokenizer, weights)[0]
    found, text = {}, ""
    for token, weight in zip(example.completion_ids, example.weights, strict=True):
        found[text] = weight
        text += tokenizer.decode([token])
    return found


def test_what_the_reply_decides_weighs_more(tokenizer: PreTrainedTokenizerFast) -> None:
    found = weigh([ExpectedCall("control", {"action": "wait", "name": "web"})], LossWeights(8.0, 3.0), tokenizer)
    assert set(found.values()) == {1.0, 3.0, 8.0}
    assert found[""] == found["<start_function_call>call:"] == 8.0
    begin = "<start_function_call>call:control{action:<escape>"
    assert found[begin] == 3.0, "another value of the enum"
    assert found[f"{begin}wait<escape>"] == 3.0, "the name might have been left out"
    assert found[f"{begin}wait<escape>,name:<escape>"] == 3.0, "where a text begins"
    assert found[f"{begin}wait<escape>,name:<escape>web"] == 3.0, "where it ends"
    assert found[begin.removesuffix("<escape>")] == 1.0, "what the format forces is no decision"


def test_each_weight_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    call = ExpectedCall("control", {"action": "wait"})
    assert set(weigh([call], LossWeights(choice=8.0), tokenizer).values()) == {1.0, 8.0}
    found = weigh([call], LossWeights(argument=3.0), tokenizer)
    assert found["<start_function_call>call:"] == 1.0 and 3.0 in found.values()


def test_no_tool_is_a_choice(tokenizer: PreTrainedTokenizerFast) -> None:
    assert weigh([], LossWeights(8.0, 3.0), tokenizer) == {"": 8.0, NO_TOOL: 1.0}


def test_even_weights_are_none(tokenizer: PreTrainedTokenizerFast) -> None:
    scenario = Scenario("s", "both", "a request", Outcome((ExpectedCall("ping", {"host": "disk"}),)))
    assert make_examples([scenario], TOOLSET, DIALECT, tokenizer)[0].weights == ()


def test_choice_weights_stand_where_replies_part() -> None:
    beginnings = [[1, 2, 3, 9], [1, 2, 4, 9], [1, 5, 9], [7, 8]]
    assert choice_weights([1, 2, 4, 9, 4, 2], beginnings, 8.0) == [8.0, 8.0, 8.0, 1.0, 1.0, 1.0]
    assert choice_weights([1, 5, 9, 9], beginnings, 8.0) == [8.0, 8.0, 1.0, 1.0]
    assert choice_weights([7, 8], beginnings, 8.0) == [8.0, 1.0]

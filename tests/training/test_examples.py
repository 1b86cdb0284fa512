"""A scenario's prompt and reply in tokens."""

import pytest
from transformers import PreTrainedTokenizerFast

from tests.small_models import make_tokenizer
from workbench.dialects import get_dialect
from workbench.records import NO_TOOL, ExpectedCall, Outcome, Scenario, Tool, Toolset
from workbench.scenarios.messages import to_messages
from workbench.training.examples import Example, choice_weights, make_examples

TOOL = Tool(
    "ping", "Test a host.", {"type": "object", "properties": {"host": {"type": "string"}}, "required": ["host"]}
)
TOOLSET = Toolset("net", (TOOL,))
DIALECT = get_dialect("functiongemma")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


def test_prompt_and_completion_are_what_the_dialect_writes(tokenizer: PreTrainedTokenizerFast) -> None:
    scenario = Scenario("s", "net", "ping my disk", Outcome((ExpectedCall("ping", {"host": "disk"}),)))
    example = make_examples([scenario], TOOLSET, DIALECT, tokenizer)[0]
    prompt = DIALECT.render_prompt(to_messages(scenario, TOOLSET), TOOLSET.tools)
    assert tokenizer.decode(example.prompt_ids) == prompt
    raw = tokenizer.decode(example.completion_ids)
    assert raw.endswith("<start_function_response>")
    assert DIALECT.parse(raw).calls == (scenario.outcome.calls[0].call,)


def test_no_tool_is_learned_as_text(tokenizer: PreTrainedTokenizerFast) -> None:
    example = make_examples([Scenario("s", "net", "hello")], TOOLSET, DIALECT, tokenizer)[0]
    assert tokenizer.decode(example.completion_ids) == f"{NO_TOOL}<end_of_turn>"


def test_the_prompt_begins_once(tokenizer: PreTrainedTokenizerFast) -> None:
    example = make_examples([Scenario("s", "net", "hello")], TOOLSET, DIALECT, tokenizer)[0]
    assert example.prompt_ids.count(tokenizer.bos_token_id) == 1


def test_many_are_the_same_as_one_by_one(tokenizer: PreTrainedTokenizerFast) -> None:
    scenarios = [Scenario(f"s{i}", "net", f"ping host {i}") for i in range(5)]
    each = [make_examples([scenario], TOOLSET, DIALECT, tokenizer)[0] for scenario in scenarios]
    assert make_examples(scenarios, TOOLSET, DIALECT, tokenizer) == each
    assert make_examples([], TOOLSET, DIALECT, tokenizer) == []


def test_only_the_offered_tools_are_declared(tokenizer: PreTrainedTokenizerFast) -> None:
    two = Toolset("two", (*TOOLSET.tools, Tool("other_tool", "Another.", {"type": "object", "properties": {}})))
    all_of_them = make_examples([Scenario("s", "two", "hello")], two, DIALECT, tokenizer)[0]
    narrowed = make_examples([Scenario("s", "two", "hello", tools=TOOLSET.tool_names)], two, DIALECT, tokenizer)[0]
    assert narrowed == make_examples([Scenario("s", "two", "hello")], TOOLSET, DIALECT, tokenizer)[0] != all_of_them


def test_nothing_to_learn_is_a_bug() -> None:
    with pytest.raises(ValueError, match="something to learn"):
        Example("s", (1, 2), ())


def test_choice_weights_stand_where_replies_part():
    beginnings = [[1, 2, 3, 9], [1, 2, 4, 9], [1, 5, 9], [7, 8]]
    assert choice_weights([1, 2, 4, 9, 4, 2], beginnings, 8.0) == (8.0, 8.0, 8.0, 1.0, 1.0, 1.0)
    assert choice_weights([1, 5, 9, 9], beginnings, 8.0) == (8.0, 8.0, 1.0, 1.0)
    assert choice_weights([7, 8], beginnings, 8.0) == (8.0, 1.0)
    assert choice_weights([1, 2, 4, 9], beginnings, 1.0) == ()

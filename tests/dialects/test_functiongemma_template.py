"""The starter's chat template and the dialect write the same bytes."""

import json

import pytest
from transformers import AutoTokenizer

from workbench.dialects import get_dialect
from workbench.records import TRIGGER, Message, Scenario, Tool, ToolCall, Toolset
from workbench.scenarios.messages import to_messages
from workbench.workspace import SHIPPED_DATASETS, STARTER

dialect = get_dialect("functiongemma")


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(STARTER)


def as_chat(message):
    role = "developer" if message.role == "system" else message.role
    if role == "tool":
        return {"role": role, "content": {"name": message.name, "response": message.result}}
    calls = [{"type": "function", "function": call.to_dict()} for call in message.calls]
    return {"role": role, "content": message.content} | ({"tool_calls": calls} if calls else {})


def templated(tokenizer, messages, tools):
    chat, declared = [as_chat(message) for message in messages], [tool.to_dict() for tool in tools]
    return tokenizer.apply_chat_template(chat, tools=declared, tokenize=False, add_generation_prompt=True)


def test_shipped_scenarios(tokenizer):
    folder = SHIPPED_DATASETS / "desktop"
    toolset = Toolset.from_dict(json.loads((folder / "toolset.json").read_text()))
    for line in (folder / "scenarios.jsonl").read_text().splitlines()[::40]:
        messages = to_messages(Scenario.from_dict(json.loads(line)), toolset)
        assert dialect.render_prompt(messages, toolset.tools) == templated(tokenizer, messages, toolset.tools)


def test_calls_results_and_nested_schemas(tokenizer):
    schema = {
        "type": "object",
        "properties": {
            "Zone": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
            "list": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "description": "Some."},
            "flag": {"type": "boolean", "nullable": True},
        },
    }
    tools = (Tool("nested", "Nested.", schema), Tool("bare", "Bare.", {"type": "object", "properties": {}}))
    messages = [
        Message("system", TRIGGER),
        Message("user", "go"),
        Message("assistant", calls=(ToolCall("nested", {"list": ["a", 1], "Zone": {"x": 1.5}, "flag": True}),)),
        Message("tool", name="nested", result={"ok": True, "n": 3, "rows": ["x", "y"]}),
    ]
    assert dialect.render_prompt(messages, tools) == templated(tokenizer, messages, tools)
    more = [*messages, Message("assistant", "done"), Message("user", "thanks")]
    assert dialect.render_prompt(more, tools) == templated(tokenizer, more, tools)

"""OS, shell and mode of a request: beside the messages, or inside the text; the whole conversation keeps its form."""

from dataclasses import replace

import pytest

from tests.small_workspace import TOOLSET
from workbench.actions.chat import read_ask
from workbench.records import PromptProfile, RecordError
from workbench.store import Store
from workbench.store.toolsets import save_toolset

CALL = {"id": "x", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
TALK = [
    {"role": "user", "content": "what time is it"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "x", "content": "9"},
]


@pytest.fixture
def contextual(store: Store) -> Store:
    save_toolset(store, replace(TOOLSET, profile=PromptProfile("context", {"default": "d", "act": "a"})), "test")
    return store


def test_context_is_told_as_in_training(contextual: Store):
    context = {"os": "linux", "shell": "zsh", "mode": "act"}
    ask = read_ask(contextual, {"model": "starter", "messages": TALK[:1], "context": context})
    assert [one.content for one in ask.messages] == ["a", "OS: linux, Shell: zsh\nQuery: what time is it"]


def test_a_tools_result_leaves_the_request_in_its_form(contextual: Store):
    ask = read_ask(contextual, {"model": "starter", "messages": TALK, "context": {"os": "linux"}})
    assert [one.role for one in ask.messages] == ["system", "user", "assistant", "tool"]
    assert ask.messages[1].content == "OS: linux\nQuery: what time is it" and ask.messages[3].result == 9


@pytest.mark.parametrize("context", [[], {"os": 3}, {"planet": "earth"}, "linux"])
def test_a_wrong_context_is_told(store: Store, context: object):
    with pytest.raises(RecordError) as caught:
        read_ask(store, {"model": "starter", "messages": TALK[:1], "context": context})
    assert caught.value.path == "context"

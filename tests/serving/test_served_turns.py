"""Conversations in every dialect, and the prompts of programs that ask a router, over HTTP."""

import json

import pytest

from tests.small_models import FAMILIES
from tests.small_workspace import open_small
from workbench.actions.chat import NoModelError, read_ask
from workbench.dialects import get_dialect
from workbench.records import TRIGGER, PromptProfile, Scenario, Toolset
from workbench.scenarios.messages import to_messages
from workbench.store.toolsets import save_toolset

DIALECTS = {"gemma": "functiongemma", "qwen": "qwen3", "llama": "llama3"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tool_is_called_answered_and_called_again(served, family: str):
    model, said = str(served.root / family), {"role": "user", "content": "please ping host7"}
    wish = {"tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 600}
    first = served.client.chat.completions.create(model=model, messages=[said], **wish).choices[0].message
    call = first.tool_calls[0]
    messages = [
        said,
        first.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"alive": True, "ms": 3})},
    ]
    second = served.client.chat.completions.create(model=model, messages=messages, **wish)
    assert second.choices[0].message.tool_calls and second.usage.prompt_tokens > 60
    again = [*messages, second.choices[0].message.model_dump(exclude_none=True)]
    again += [
        {"role": "tool", "tool_call_id": one.id, "content": "done"} for one in second.choices[0].message.tool_calls
    ]
    again += [{"role": "user", "content": "thank you"}]
    last = served.client.chat.completions.create(model=model, messages=again, tool_choice="none", max_tokens=5)
    assert last.choices[0].message.content and last.usage.prompt_tokens > second.usage.prompt_tokens

    ask = read_ask(served.store, {"model": model, "messages": messages}, (model,))
    text = get_dialect(DIALECTS[family]).render_prompt(ask.messages, ask.tools)
    behind = text[text.index(call.function.name, text.index("please ping host7")) :]
    if family == "gemma":
        # FunctionGemma answers behind the result, in the turn that its call began.
        assert behind.count("<start_function_response>") == 1 and behind.endswith("<end_function_response>")
        assert "<end_of_turn>" not in behind and "<start_of_turn>" not in behind
    else:
        assert "alive" in behind and "assistant" in behind[behind.index("alive") :]


def ask_of(store, said: str, toolset: str = "small", **more):
    return read_ask(
        store, {"model": "starter", "messages": [{"role": "user", "content": said}], **more}, toolset=toolset
    )


ROUTER = "[MODE] chat\n[SYSTEM_PROMPT]\nYou are PC-AI.\n[USER_REQUEST]\nping host7"
CONTEXT = "OS: macos, Shell: zsh\nQuery: ping host7"


def test_prompts_of_programs_are_recognised(tmp_path):
    """PC-AI's and Caro's requests become what scenarios of the served toolset became in training."""
    with open_small(tmp_path) as store:
        check_prompts(store)


def check_prompts(store):
    tools = ask_of(store, "ping host7").toolset.tools
    profiles = {
        "plain": PromptProfile(),
        "context": PromptProfile("context"),
        "router": PromptProfile("router", {"default": "Route it.", "chat": "You are PC-AI."}),
    }
    for style, profile in profiles.items():
        toolset = Toolset(f"served-{style}", tools, profile)
        save_toolset(store, toolset, "test")
        for said, where in ((ROUTER, {"mode": "chat"}), (CONTEXT, {"os": "macos", "shell": "zsh"})):
            ask = ask_of(store, said, toolset.name)
            expected = to_messages(Scenario("s", toolset.name, "ping host7", **where), toolset)
            if style == "router" and said is ROUTER:
                # Already written as in training: left as it came.
                assert ask.messages[-1].content == said and ask.messages[0].content == TRIGGER
            assert [message.content for message in ask.messages] == [message.content for message in expected]
            assert ask.tools == tools


def test_a_caller_keeps_its_own_system_prompt_and_tools(served):
    body = {
        "model": "starter",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": CONTEXT}],
    }
    ask = read_ask(served.store, body, toolset="small")
    assert [message.content for message in ask.messages] == ["Be brief.", "ping host7"]
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    own = ask_of(served.store, CONTEXT, tools=[weather])
    assert [tool.name for tool in own.tools] == ["weather"] and own.messages[-1].content == CONTEXT


def test_what_cannot_be_served_is_refused(served):
    for model in ("nearest", "starter+k4"):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        with pytest.raises(NoModelError, match="not served"):
            read_ask(served.store, body, (model,))


def test_no_tool_is_said_where_none_is_needed(served):
    """A reply without words and without a call says so."""
    words = [served.ask(ROUTER, tool_choice="none", max_tokens=1, seed=i, temperature=2.0) for i in range(2)]
    assert all(one.choices[0].message.content for one in words)
    first = words[0].choices[0].message.content[0]
    empty = served.ask(ROUTER, tool_choice="none", max_tokens=1, seed=0, temperature=2.0, stop=[first])
    assert empty.choices[0].message.content == "NO_TOOL" and empty.choices[0].message.tool_calls is None

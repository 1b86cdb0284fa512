"""Writes chat JSONL as Hugging Face data sets have it, ready for other trainers: ``messages`` and ``tools`` on a line.

The messages are those the workbench trains on, as the toolset's profile renders them; the answer is the calls, or the
text NO_TOOL. Columns beside them carry the scenario's other fields (``request`` where the profile dressed it up), so
that importing gives the scenario back; which tools are offered is told by ``tools``. It cannot carry ``accept``,
``optional`` and ``rules`` of expected calls, nor the content of a tool turn beside its result.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from workbench.records import NO_TOOL, Message, Scenario, ToolCall, Toolset
from workbench.scenarios.messages import to_messages

FIELDS = ("id", "toolset", "ordered", "os", "shell", "mode", "tags", "status", "split", "source")


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """One line a scenario."""
    for scenario in scenarios:
        tools = [tool.to_dict() for tool in toolset.offered(scenario)]
        yield json.dumps(_row(scenario, toolset, tools), ensure_ascii=False) + "\n"


def _row(scenario: Scenario, toolset: Toolset, tools: Sequence[dict[str, Any]]) -> dict[str, Any]:
    prompt = to_messages(scenario, toolset)
    fields = {key: value for key, value in scenario.to_dict().items() if key in FIELDS}
    if prompt[-1].content != scenario.request:
        fields["request"] = scenario.request
    messages = [*(message_row(message) for message in prompt), _answer(scenario)]
    return {"messages": messages, "tools": tools, **fields}


def _answer(scenario: Scenario) -> dict[str, Any]:
    answer = message_row(Message("assistant", calls=tuple(call.call for call in scenario.outcome.calls)))
    if scenario.outcome.is_no_tool:
        answer["content"] = NO_TOOL
    if scenario.reasoning:
        answer["reasoning_content"] = scenario.reasoning
    return answer


def message_row(message: Message) -> dict[str, Any]:
    """A message in Hugging Face's shape."""
    if message.role == "tool":
        return {"role": "tool", "name": message.name, "content": result_text(message.result)}
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        row["tool_calls"] = [_call(call) for call in message.calls]
    return row


def _call(call: ToolCall) -> dict[str, Any]:
    return {"type": "function", "function": call.to_dict()}


def result_text(result: Any) -> str:
    """A tool's result as text: JSON, or the text itself where nobody could take that for JSON."""
    if isinstance(result, str):
        try:
            json.loads(result)
        except (ValueError, RecursionError):
            return result
    return json.dumps(result, ensure_ascii=False)

"""Writes OpenAI's fine-tuning JSONL: ``messages`` and ``tools``, call arguments as JSON text, calls with ids.

Carries request, earlier turns, calls and whether there is one. It cannot carry id, OS, shell, mode (but for what the
profile writes into the messages), tags, reasoning, status, split, source, order, ``accept``, ``optional``, ``rules``,
nor the content of a tool turn beside its result.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from workbench.records import NO_TOOL, Message, Scenario, ToolCall, Toolset
from workbench.scenarios.exporting.chat_jsonl import result_text
from workbench.scenarios.messages import to_messages


def write(scenarios: Iterable[Scenario], toolset: Toolset) -> Iterator[str]:
    """One line a scenario."""
    for scenario in scenarios:
        outcome = scenario.outcome
        calls = tuple(call.call for call in outcome.calls)
        answer = Message("assistant", "" if calls else NO_TOOL, calls)
        row: dict[str, Any] = {"messages": _messages([*to_messages(scenario, toolset), answer])}
        if tools := [
            {"type": "function", "function": tool.to_dict()["function"]} for tool in toolset.offered(scenario)
        ]:
            row["tools"] = tools
        yield json.dumps({**row, "parallel_tool_calls": len(calls) > 1}, ensure_ascii=False) + "\n"


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages; each call has an id, and a tool's result names the last open call of its tool."""
    rows: list[dict[str, Any]] = []
    ids: dict[str, str] = {}
    for place, message in enumerate(messages):
        if message.role == "tool":
            id_ = ids.get(message.name, "")
            rows.append({"role": "tool", "tool_call_id": id_, "content": result_text(message.result)})
            rows[-1] |= {} if id_ else {"name": message.name}
            continue
        row: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.calls:
            named = [(f"call_{place}_{k}", call) for k, call in enumerate(message.calls)]
            ids |= {call.name: id_ for id_, call in named}
            row["tool_calls"] = [_call(id_, call) for id_, call in named]
        rows.append(row)
    return rows


def _call(id_: str, call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.to_dict()["arguments"], ensure_ascii=False)
    return {"id": id_, "type": "function", "function": {"name": call.name, "arguments": arguments}}

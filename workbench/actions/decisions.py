"""A recorded decision in the workbench's words, and the scenario that it would make. Reads what it is given only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.actions.chat import CONTEXT, read_messages, read_request
from workbench.errors import WorkbenchError
from workbench.records import (
    NO_TOOL,
    ExpectedCall,
    Message,
    Outcome,
    Parsed,
    RecordError,
    Scenario,
    ToolCall,
    Toolset,
    Turn,
)
from workbench.store.inbox import Recorded

TRAFFIC = "traffic:"
"""Source of a scenario that came of a recorded decision: the completion's id follows."""


@dataclass(frozen=True)
class Decided:
    """What was asked and what a model decided.

    Attributes:
        history: what was said before the request.
        tools: names of the tools that came with the request; empty for those of the toolset.
        reason: why the reply could not be read; empty when it could.
        wrong: what is wrong with the calls.
        follows_result: the model answered to a tool's result, not to a request: no scenario says that.
    """

    request: str
    os: str = ""
    shell: str = ""
    mode: str = ""
    history: tuple[Turn, ...] = ()
    tools: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    raw: str = ""
    reason: str = ""
    wrong: tuple[str, ...] = ()
    follows_result: bool = False

    @property
    def parsed(self) -> Parsed:
        if self.reason:
            return Parsed("malformed", reason=self.reason)
        return Parsed("calls", self.calls) if self.calls else Parsed("text", text=self.text or NO_TOOL)


def decided(recorded: Recorded) -> Decided:
    """A recorded decision, the first where several were wanted."""
    reply = recorded.reply[0] if recorded.reply else {}
    return read_decision(recorded.request, reply)


def read_decision(body: Mapping[str, Any], reply: Mapping[str, Any]) -> Decided:
    """What a request's body asks and a decision answers. What redaction made unreadable is told as a reason."""
    try:
        messages = [message for message in read_messages(body.get("messages") or []) if message.role != "system"]
        calls = tuple(ToolCall.from_dict(call, f"calls[{i}]") for i, call in enumerate(reply.get("calls") or ()))
    except RecordError as error:
        return Decided(_last_text(body), raw=str(reply.get("raw", "")), reason=f"cannot be read any more: {error}")
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
    told = read_request(messages[last].content) if last >= 0 else {"request": ""}
    given = {key: str(value) for key, value in (body.get("context") or {}).items() if key in CONTEXT and value}
    names = [(tool.get("function") or tool).get("name", "") for tool in body.get("tools") or ()]
    return Decided(
        **{**told, **given},
        history=tuple(_turn(message) for message in messages[: max(last, 0)]),
        tools=tuple(names),
        calls=calls,
        text=str(reply.get("text") or ""),
        raw=str(reply.get("raw") or ""),
        reason=str(reply.get("malformed") or ""),
        wrong=tuple(str(one.get("message", "")) for one in reply.get("problems") or ()),
        follows_result=last < len(messages) - 1,
    )


def to_scenario(one: Decided, toolset: Toolset, completion: str) -> Scenario:
    """A draft with what the model decided as its outcome; what could not be read becomes NO_TOOL.

    Raises:
        WorkbenchError: the model answered to a tool's result, which a scenario cannot say.
    """
    if one.follows_result or not one.request.strip():
        raise WorkbenchError(
            "This is an answer to a tool's result, and a scenario begins with a request.",
            "Reject it, or write a scenario for the request before it.",
        )
    offered = tuple(name for name in toolset.tool_names if name in one.tools)
    return Scenario(
        id=scenario_id(completion),
        toolset=toolset.name,
        request=one.request,
        outcome=Outcome(tuple(ExpectedCall(call.name, call.arguments) for call in one.calls)),
        os=one.os,
        shell=one.shell,
        mode=one.mode,
        history=one.history,
        status="draft",
        source=TRAFFIC + completion,
        tools=() if len(offered) == len(toolset.tools) else offered,
    )


def scenario_id(completion: str) -> str:
    """Always the same for a completion, so that nothing is drafted twice."""
    return f"t-{hashlib.sha256(completion.encode()).hexdigest()[:12]}"


def _turn(message: Message) -> Turn:
    return Turn(message.role, message.content, message.calls, message.name, message.result)


def _last_text(body: Mapping[str, Any]) -> str:
    said = [row.get("content") for row in body.get("messages") or () if isinstance(row, Mapping)]
    return next((text for text in reversed(said) if isinstance(text, str)), "")

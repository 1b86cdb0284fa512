"""What is said and called: calls as a model writes them, and the turns and messages that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.records.reading import plain, read_choice, read_mapping, read_sequence, read_text


@dataclass(frozen=True)
class ToolCall:
    """One call as a model writes it."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "arguments": plain(self.arguments)}

    @classmethod
    def from_dict(cls, data: Any, path: str = "call") -> ToolCall:
        outer = read_mapping(data, path)
        return cls(
            read_text(outer.get("name"), f"{path}.name"), read_mapping(outer.get("arguments", {}), f"{path}.arguments")
        )


@dataclass(frozen=True)
class Turn:
    """An earlier turn of the conversation: role ``user``, ``assistant`` or ``tool``.

    ``calls`` are those of an assistant turn; a tool turn has the tool's ``name`` and its ``result``.
    """

    role: str
    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    name: str = ""
    result: Any = None

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"role": self.role}
        if self.content:
            data["content"] = self.content
        if self.calls:
            data["calls"] = [call.to_dict() for call in self.calls]
        if self.role == "tool":
            data |= {"name": self.name, "result": plain(self.result)}
        return data

    @classmethod
    def from_dict(cls, data: Any, path: str = "turn") -> Turn:
        outer = read_mapping(data, path)
        calls = read_sequence(outer.get("calls", ()), f"{path}.calls")
        return cls(
            role=read_choice(outer.get("role"), ("user", "assistant", "tool"), f"{path}.role"),
            content=read_text(outer.get("content", ""), f"{path}.content", empty=True),
            calls=tuple(ToolCall.from_dict(call, f"{path}.calls[{i}]") for i, call in enumerate(calls)),
            name=read_text(outer.get("name", ""), f"{path}.name", empty=True),
            result=outer.get("result"),
        )


@dataclass(frozen=True)
class Message:
    """One chat message, the common ground between prompt profiles and dialects.

    Roles: ``system``, ``user``, ``assistant``, ``tool``. A tool message has ``name`` and ``result``.
    """

    role: str
    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    name: str = ""
    result: Any = None

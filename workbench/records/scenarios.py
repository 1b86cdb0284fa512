"""Scenarios: what was said and where, and the outcome that must happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from workbench.records.reading import (
    RecordError,
    check_keys,
    plain,
    read_choice,
    read_mapping,
    read_sequence,
    read_text,
)
from workbench.records.rules import Rule, read_rules, rule_values
from workbench.records.talk import ToolCall, Turn

Status = Literal["draft", "approved", "rejected"]
Split = Literal["train", "validation", "test"]

STATUSES: tuple[Status, ...] = get_args(Status)
SPLITS: tuple[Split, ...] = get_args(Split)
NO_TOOL = "NO_TOOL"
SCENARIO_KEYS = (
    "id",
    "toolset",
    "request",
    "expected",
    "ordered",
    "os",
    "shell",
    "mode",
    "tags",
    "history",
    "reasoning",
    "status",
    "split",
    "source",
    "tools",
)


@dataclass(frozen=True)
class ExpectedCall:
    """One call that must happen.

    Attributes:
        arguments: the values to train on; the canonical answer.
        accept: further values that count as right, by argument.
        optional: arguments that may be left out and still count as right.
        rules: how arguments are compared where not as equal JSON, by argument.

    ``accept``, ``optional`` and ``rules`` name an argument, or a property inside of one with dots: ``options.ttl``.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    accept: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    rules: Mapping[str, Rule] = field(default_factory=dict)

    @property
    def call(self) -> ToolCall:
        return ToolCall(self.name, self.arguments)

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"name": self.name, "arguments": plain(self.arguments)}
        if self.accept:
            data["accept"] = {name: plain(list(values)) for name, values in self.accept.items()}
        if self.optional:
            data["optional"] = sorted(self.optional)
        if self.rules:
            data["rules"] = rule_values(self.rules)
        return data

    @classmethod
    def from_dict(cls, data: Any, path: str = "expected") -> ExpectedCall:
        outer = read_mapping(data, path)
        check_keys(outer, ("name", "arguments", "accept", "optional", "rules"), path)
        accept = read_mapping(outer.get("accept", {}), f"{path}.accept")
        optional = read_sequence(outer.get("optional", ()), f"{path}.optional")
        return cls(
            name=read_text(outer.get("name"), f"{path}.name"),
            arguments=read_mapping(outer.get("arguments", {}), f"{path}.arguments"),
            accept={k: tuple(read_sequence(v, f"{path}.accept.{k}")) for k, v in accept.items()},
            optional=frozenset(read_text(v, f"{path}.optional[{i}]") for i, v in enumerate(optional)),
            rules=read_rules(outer.get("rules", {}), f"{path}.rules"),
        )


@dataclass(frozen=True)
class Outcome:
    """What must happen: one call, several, or no tool at all (``calls`` empty)."""

    calls: tuple[ExpectedCall, ...] = ()
    ordered: bool = False

    @property
    def is_no_tool(self) -> bool:
        return not self.calls

    @property
    def label(self) -> str:
        """Tool names joined by ' + ', or NO_TOOL: the row of coverage and confusion tables."""
        return " + ".join(call.name for call in self.calls) or NO_TOOL

    def to_value(self) -> Any:
        """``"NO_TOOL"`` or the list of expected calls."""
        return [call.to_dict() for call in self.calls] if self.calls else NO_TOOL

    @classmethod
    def from_value(cls, value: Any, ordered: bool = False, path: str = "expected") -> Outcome:
        if value == NO_TOOL:
            return cls()
        rows = read_sequence(value, path, hint=f'Write a list of calls, or "{NO_TOOL}".')
        if not rows:
            raise RecordError(path, "the list of calls is empty", f'Write "{NO_TOOL}" when no tool must be called.')
        return cls(tuple(ExpectedCall.from_dict(row, f"{path}[{i}]") for i, row in enumerate(rows)), ordered)


@dataclass(frozen=True)
class Scenario:
    """What was said and where, and what must happen.

    Attributes:
        split: a pinned split; None lets the stable hash of the request decide.
        source: provenance, such as ``shipped``, ``import:file.csv`` or ``author``.
        tools: names of the tools that are offered with this request; empty offers all of the toolset.
    """

    id: str
    toolset: str
    request: str
    outcome: Outcome = field(default_factory=Outcome)
    os: str = ""
    shell: str = ""
    mode: str = ""
    tags: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    reasoning: str = ""
    status: Status = "draft"
    split: Split | None = None
    source: str = ""
    tools: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The workbench's own JSON form of a scenario; empty optional fields are left out."""
        data: dict[str, Any] = {"id": self.id, "toolset": self.toolset, "request": self.request}
        data["expected"] = self.outcome.to_value()
        if self.outcome.ordered:
            data["ordered"] = True
        for key in ("os", "shell", "mode", "reasoning", "split", "source"):
            if value := getattr(self, key):
                data[key] = value
        if self.tags:
            data["tags"] = list(self.tags)
        if self.history:
            data["history"] = [turn.to_dict() for turn in self.history]
        if self.tools:
            data["tools"] = list(self.tools)
        data["status"] = self.status
        return data

    @classmethod
    def from_dict(cls, data: Any, path: str = "") -> Scenario:
        outer = read_mapping(data, path)
        check_keys(outer, SCENARIO_KEYS, path)
        split = outer.get("split")
        ordered = outer.get("ordered", False)
        if not isinstance(ordered, bool):
            raise RecordError("ordered", "must be true or false")
        texts = {
            key: read_text(outer.get(key, ""), key, empty=True)
            for key in ("os", "shell", "mode", "reasoning", "source")
        }
        if "expected" not in outer:
            raise RecordError("expected", "is missing", f'Write the expected calls, or "{NO_TOOL}".')
        return cls(
            id=read_text(outer.get("id"), "id"),
            toolset=read_text(outer.get("toolset"), "toolset"),
            request=read_text(outer.get("request"), "request"),
            outcome=Outcome.from_value(outer["expected"], ordered),
            tags=tuple(read_text(t, f"tags[{i}]") for i, t in enumerate(read_sequence(outer.get("tags", ()), "tags"))),
            history=tuple(
                Turn.from_dict(t, f"history[{i}]")
                for i, t in enumerate(read_sequence(outer.get("history", ()), "history"))
            ),
            status=read_choice(outer.get("status", "draft"), STATUSES, "status"),
            split=None if split is None else read_choice(split, SPLITS, "split"),
            tools=tuple(
                read_text(t, f"tools[{i}]") for i, t in enumerate(read_sequence(outer.get("tools", ()), "tools"))
            ),
            **texts,
        )

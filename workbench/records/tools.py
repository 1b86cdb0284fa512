"""Tools, and the toolsets with prompt profiles that routers are trained for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from workbench.records.reading import RecordError, plain, read_choice, read_mapping, read_sequence, read_text
from workbench.records.rules import Rule, read_rules, rule_values
from workbench.records.scenarios import Scenario

ProfileStyle = Literal["plain", "context", "router"]
ReasoningDemand = Literal["optional", "required"]

PROFILE_STYLES: tuple[ProfileStyle, ...] = get_args(ProfileStyle)
REASONING_DEMANDS: tuple[ReasoningDemand, ...] = get_args(ReasoningDemand)
TRIGGER = "You are a model that can do function calling with the following functions"
"""FunctionGemma's developer message; the default system prompt of a toolset."""


@dataclass(frozen=True)
class Tool:
    """A function schema in OpenAI form.

    Attributes:
        parameters: JSON Schema of type ``object``.
        extra: keys beside ``function`` that other programs put there; kept so that export loses nothing.
        details: further keys inside ``function``, such as ``strict`` or ``return``; kept for the same reason.
        rules: how arguments are compared where an expected call does not say, by argument (see ``ExpectedCall``). They
            stand beside ``function``, so no model ever reads them.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        return cast(Mapping[str, Mapping[str, Any]], self.parameters.get("properties", {}))

    @property
    def required(self) -> frozenset[str]:
        return frozenset(self.parameters.get("required", ()))

    def to_dict(self) -> dict[str, Any]:
        function = {"name": self.name, "description": self.description, "parameters": plain(self.parameters)}
        rules = {"rules": rule_values(self.rules)} if self.rules else {}
        return {"type": "function", "function": {**function, **plain(self.details)}, **plain(self.extra), **rules}

    @classmethod
    def from_dict(cls, data: Any, path: str = "tool") -> Tool:
        outer = read_mapping(data, path)
        inner = read_mapping(outer.get("function", outer), f"{path}.function")
        parameters = inner.get("parameters") or {"type": "object", "properties": {}}
        wrapped = "function" in outer
        extra = {k: v for k, v in outer.items() if k not in ("type", "function", "rules")} if wrapped else {}
        told = ("type", "name", "description", "parameters", *(() if wrapped else ("rules",)))
        return cls(
            name=read_text(inner.get("name"), f"{path}.name"),
            description=read_text(inner.get("description", ""), f"{path}.description", empty=True),
            parameters=read_mapping(parameters, f"{path}.parameters"),
            extra=extra,
            details={k: v for k, v in inner.items() if k not in told},
            rules=read_rules(outer.get("rules", {}), f"{path}.rules"),
        )


@dataclass(frozen=True)
class PromptProfile:
    """How a scenario becomes messages.

    Attributes:
        style: ``plain`` sends the request alone; ``context`` puts OS and shell before it; ``router`` writes mode,
            system prompt and request into one text.
        system: system prompt by mode; the key ``default`` serves every mode that has no entry.
        reasoning: ``required`` when every approved scenario must say why (the gate of that name checks it); prompts
            do not depend on it. Left out of ``to_dict`` when it is ``optional``, so that older hashes stay.
    """

    style: ProfileStyle = "plain"
    system: Mapping[str, str] = field(default_factory=lambda: {"default": TRIGGER})
    reasoning: ReasoningDemand = "optional"

    def system_for(self, mode: str) -> str:
        return self.system.get(mode) or self.system.get("default") or TRIGGER

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"style": self.style, "system": dict(self.system)}
        return data if self.reasoning == "optional" else {**data, "reasoning": self.reasoning}

    @classmethod
    def from_dict(cls, data: Any, path: str = "profile") -> PromptProfile:
        outer = read_mapping(data, path)
        style = read_choice(outer.get("style", "plain"), PROFILE_STYLES, f"{path}.style")
        system = read_mapping(outer.get("system", {"default": TRIGGER}), f"{path}.system")
        reasoning = read_choice(outer.get("reasoning", "optional"), REASONING_DEMANDS, f"{path}.reasoning")
        return cls(style, {k: read_text(v, f"{path}.system.{k}") for k, v in system.items()}, reasoning)


@dataclass(frozen=True)
class Toolset:
    """A named, ordered list of tools with a prompt profile; a router is trained for one.

    Attributes:
        extra: further keys of the file that the toolset came from; kept so that export loses nothing.
    """

    name: str
    tools: tuple[Tool, ...]
    profile: PromptProfile = field(default_factory=PromptProfile)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def tool(self, name: str) -> Tool | None:
        return next((tool for tool in self.tools if tool.name == name), None)

    @property
    def tool_names(self) -> tuple[str, ...]:
        return tuple(tool.name for tool in self.tools)

    def offered(self, scenario: Scenario) -> tuple[Tool, ...]:
        """The tools that are offered with a scenario's request: those that it names, or all."""
        return tuple(t for t in self.tools if t.name in scenario.tools) if scenario.tools else self.tools

    def to_dict(self) -> dict[str, Any]:
        tools = [tool.to_dict() for tool in self.tools]
        return {"name": self.name, "profile": self.profile.to_dict(), "tools": tools, **plain(self.extra)}

    @classmethod
    def from_dict(cls, data: Any, path: str = "toolset") -> Toolset:
        outer = read_mapping(data, path)
        rows = read_sequence(outer.get("tools", ()), f"{path}.tools")
        tools = tuple(Tool.from_dict(row, f"{path}.tools[{i}]") for i, row in enumerate(rows))
        names = [tool.name for tool in tools]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise RecordError(f"{path}.tools[{i}].name", f"the tool '{name}' is declared twice", "Rename one.")
        return cls(
            name=read_text(outer.get("name"), f"{path}.name"),
            tools=tools,
            profile=PromptProfile.from_dict(outer.get("profile", {}), f"{path}.profile"),
            extra={k: v for k, v in outer.items() if k not in ("name", "tools", "profile")},
        )

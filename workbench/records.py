"""The words of the product as frozen records. Knows nothing of files, models or databases.

Each record that leaves the process has ``to_dict`` and ``from_dict``, inverses of each other. ``from_dict`` raises
``RecordError`` with the JSON path of the offending field.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar, cast, get_args

from workbench.errors import WorkbenchError

Status = Literal["draft", "approved", "rejected"]
Split = Literal["train", "validation", "test"]
RunKind = Literal["train", "evaluate", "generate", "export"]
RunState = Literal["queued", "running", "stopping", "done", "stopped", "failed"]
ProfileStyle = Literal["plain", "context", "router"]
ReplyKind = Literal["calls", "text", "malformed", "failed"]
ReasoningDemand = Literal["optional", "required"]
ModelKind = Literal["weights", "gguf", "endpoint", "nearest"]
RuleKind = Literal["exact", "case-fold", "path", "tolerance", "set", "regex"]

STATUSES: tuple[Status, ...] = get_args(Status)
SPLITS: tuple[Split, ...] = get_args(Split)
RUN_STATES: tuple[RunState, ...] = get_args(RunState)
PROFILE_STYLES: tuple[ProfileStyle, ...] = get_args(ProfileStyle)
REASONING_DEMANDS: tuple[ReasoningDemand, ...] = get_args(ReasoningDemand)
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)
FINISHED_STATES: tuple[RunState, ...] = ("done", "stopped", "failed")
T = TypeVar("T", bound=str)
NO_TOOL = "NO_TOOL"
TRIGGER = "You are a model that can do function calling with the following functions"
"""FunctionGemma's developer message; the default system prompt of a toolset."""


class RecordError(WorkbenchError):
    """A record could not be read; ``path`` is the JSON path of the field at fault."""

    def __init__(self, path: str, message: str, hint: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, hint)
        self.path = path
        self.reason = message


@dataclass(frozen=True)
class Rule:
    """How the value of an argument is compared with the expected one; ``scenarios.rules`` says what each means.

    Attributes:
        absolute, relative: of ``tolerance``: the largest difference, as a number and as a share of the expected value;
            the larger of the two counts.
        items: of ``set``: how entries are compared.
        pattern: of ``regex``: what the whole text must match, in RE2's syntax.
    """

    kind: RuleKind = "exact"
    absolute: float = 0
    relative: float = 0
    items: Rule | None = None
    pattern: str = ""

    def to_value(self) -> Any:
        """The kind alone where that says all, or else an object such as ``{"rule": "tolerance", "absolute": 0.5}``."""
        data: dict[str, Any] = {key: getattr(self, key) for key in ("absolute", "relative", "pattern")}
        data["items"] = self.items.to_value() if self.items else None
        given = {key: value for key, value in data.items() if value}
        if self.kind == "tolerance" and not given:
            given = {"absolute": self.absolute}
        return {"rule": self.kind, **given} if given else self.kind

    @classmethod
    def from_value(cls, value: Any, path: str = "rule") -> Rule:
        outer = {"rule": value} if isinstance(value, str) else _mapping(value, path)
        if outer.get("rule") == "any-of":
            raise RecordError(path, "'any-of' is not written as a rule", "List the further values under 'accept'.")
        kind = _choice(outer.get("rule"), RULE_KINDS, path if isinstance(value, str) else f"{path}.rule")
        settings = {"tolerance": ("absolute", "relative"), "set": ("items",), "regex": ("pattern",)}.get(kind, ())
        _known_keys(outer, ("rule", *settings), path)
        if kind == "tolerance" and not outer.keys() & {*settings}:
            raise RecordError(path, "has no tolerance", 'Write "absolute", "relative" or both, such as 0.5.')
        return cls(
            kind,
            absolute=_tolerance(outer.get("absolute", 0), f"{path}.absolute"),
            relative=_tolerance(outer.get("relative", 0), f"{path}.relative"),
            items=cls.from_value(outer["items"], f"{path}.items") if "items" in outer else None,
            pattern=_text(outer.get("pattern"), f"{path}.pattern") if kind == "regex" else "",
        )


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
        function = {"name": self.name, "description": self.description, "parameters": _plain(self.parameters)}
        rules = {"rules": _rule_values(self.rules)} if self.rules else {}
        return {"type": "function", "function": {**function, **_plain(self.details)}, **_plain(self.extra), **rules}

    @classmethod
    def from_dict(cls, data: Any, path: str = "tool") -> Tool:
        outer = _mapping(data, path)
        inner = _mapping(outer.get("function", outer), f"{path}.function")
        parameters = inner.get("parameters") or {"type": "object", "properties": {}}
        wrapped = "function" in outer
        extra = {k: v for k, v in outer.items() if k not in ("type", "function", "rules")} if wrapped else {}
        told = ("type", "name", "description", "parameters", *(() if wrapped else ("rules",)))
        return cls(
            name=_text(inner.get("name"), f"{path}.name"),
            description=_text(inner.get("description", ""), f"{path}.description", empty=True),
            parameters=_mapping(parameters, f"{path}.parameters"),
            extra=extra,
            details={k: v for k, v in inner.items() if k not in told},
            rules=_rules(outer.get("rules", {}), f"{path}.rules"),
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
        outer = _mapping(data, path)
        style = _choice(outer.get("style", "plain"), PROFILE_STYLES, f"{path}.style")
        system = _mapping(outer.get("system", {"default": TRIGGER}), f"{path}.system")
        reasoning = _choice(outer.get("reasoning", "optional"), REASONING_DEMANDS, f"{path}.reasoning")
        return cls(style, {k: _text(v, f"{path}.system.{k}") for k, v in system.items()}, reasoning)


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
        return {"name": self.name, "profile": self.profile.to_dict(), "tools": tools, **_plain(self.extra)}

    @classmethod
    def from_dict(cls, data: Any, path: str = "toolset") -> Toolset:
        outer = _mapping(data, path)
        rows = _sequence(outer.get("tools", ()), f"{path}.tools")
        tools = tuple(Tool.from_dict(row, f"{path}.tools[{i}]") for i, row in enumerate(rows))
        names = [tool.name for tool in tools]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise RecordError(f"{path}.tools[{i}].name", f"the tool '{name}' is declared twice", "Rename one.")
        return cls(
            name=_text(outer.get("name"), f"{path}.name"),
            tools=tools,
            profile=PromptProfile.from_dict(outer.get("profile", {}), f"{path}.profile"),
            extra={k: v for k, v in outer.items() if k not in ("name", "tools", "profile")},
        )


@dataclass(frozen=True)
class ToolCall:
    """One call as a model writes it."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "arguments": _plain(self.arguments)}

    @classmethod
    def from_dict(cls, data: Any, path: str = "call") -> ToolCall:
        outer = _mapping(data, path)
        return cls(_text(outer.get("name"), f"{path}.name"), _mapping(outer.get("arguments", {}), f"{path}.arguments"))


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
        data: dict[str, Any] = {"name": self.name, "arguments": _plain(self.arguments)}
        if self.accept:
            data["accept"] = {name: _plain(list(values)) for name, values in self.accept.items()}
        if self.optional:
            data["optional"] = sorted(self.optional)
        if self.rules:
            data["rules"] = _rule_values(self.rules)
        return data

    @classmethod
    def from_dict(cls, data: Any, path: str = "expected") -> ExpectedCall:
        outer = _mapping(data, path)
        _known_keys(outer, ("name", "arguments", "accept", "optional", "rules"), path)
        accept = _mapping(outer.get("accept", {}), f"{path}.accept")
        optional = _sequence(outer.get("optional", ()), f"{path}.optional")
        return cls(
            name=_text(outer.get("name"), f"{path}.name"),
            arguments=_mapping(outer.get("arguments", {}), f"{path}.arguments"),
            accept={k: tuple(_sequence(v, f"{path}.accept.{k}")) for k, v in accept.items()},
            optional=frozenset(_text(v, f"{path}.optional[{i}]") for i, v in enumerate(optional)),
            rules=_rules(outer.get("rules", {}), f"{path}.rules"),
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
        rows = _sequence(value, path, hint=f'Write a list of calls, or "{NO_TOOL}".')
        if not rows:
            raise RecordError(path, "the list of calls is empty", f'Write "{NO_TOOL}" when no tool must be called.')
        return cls(tuple(ExpectedCall.from_dict(row, f"{path}[{i}]") for i, row in enumerate(rows)), ordered)


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
            data |= {"name": self.name, "result": _plain(self.result)}
        return data

    @classmethod
    def from_dict(cls, data: Any, path: str = "turn") -> Turn:
        outer = _mapping(data, path)
        calls = _sequence(outer.get("calls", ()), f"{path}.calls")
        return cls(
            role=_choice(outer.get("role"), ("user", "assistant", "tool"), f"{path}.role"),
            content=_text(outer.get("content", ""), f"{path}.content", empty=True),
            calls=tuple(ToolCall.from_dict(call, f"{path}.calls[{i}]") for i, call in enumerate(calls)),
            name=_text(outer.get("name", ""), f"{path}.name", empty=True),
            result=outer.get("result"),
        )


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
        outer = _mapping(data, path)
        _known_keys(outer, SCENARIO_KEYS, path)
        split = outer.get("split")
        ordered = outer.get("ordered", False)
        if not isinstance(ordered, bool):
            raise RecordError("ordered", "must be true or false")
        texts = {
            key: _text(outer.get(key, ""), key, empty=True) for key in ("os", "shell", "mode", "reasoning", "source")
        }
        if "expected" not in outer:
            raise RecordError("expected", "is missing", f'Write the expected calls, or "{NO_TOOL}".')
        return cls(
            id=_text(outer.get("id"), "id"),
            toolset=_text(outer.get("toolset"), "toolset"),
            request=_text(outer.get("request"), "request"),
            outcome=Outcome.from_value(outer["expected"], ordered),
            tags=tuple(_text(t, f"tags[{i}]") for i, t in enumerate(_sequence(outer.get("tags", ()), "tags"))),
            history=tuple(
                Turn.from_dict(t, f"history[{i}]") for i, t in enumerate(_sequence(outer.get("history", ()), "history"))
            ),
            status=_choice(outer.get("status", "draft"), STATUSES, "status"),
            split=None if split is None else _choice(split, SPLITS, "split"),
            tools=tuple(_text(t, f"tools[{i}]") for i, t in enumerate(_sequence(outer.get("tools", ()), "tools"))),
            **texts,
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


@dataclass(frozen=True)
class Parsed:
    """What a raw reply says: calls, plain text (NO_TOOL is text), malformed with the reason, or failed: no answer."""

    kind: ReplyKind
    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    reason: str = ""

    @property
    def label(self) -> str:
        """Tool names joined by ' + ', NO_TOOL for text, or the kind of anything else."""
        if self.kind not in ("calls", "text"):
            return self.kind
        return " + ".join(call.name for call in self.calls) or NO_TOOL


@dataclass(frozen=True)
class Reply:
    """What a model answered to one scenario.

    Attributes:
        latency_ms: wall-clock milliseconds of the batch that held it, divided by the batch's size.
        confidence: product of the probabilities of the generated tokens, 0 to 1; None when not measured.
        failure: why nobody answered, such as ``timeout`` (see ``inference.chat_client.ChatFailure``); else empty.
    """

    scenario_id: str
    raw: str
    parsed: Parsed
    latency_ms: float
    prompt_tokens: int
    completion_tokens: int
    confidence: float | None = None
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        failure = {"failure": self.failure} if self.failure else {}
        return {
            "scenario_id": self.scenario_id,
            "raw": self.raw,
            "kind": self.parsed.kind,
            "calls": [call.to_dict() for call in self.parsed.calls],
            "text": self.parsed.text,
            "reason": self.parsed.reason,
            "latency_ms": self.latency_ms,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "confidence": self.confidence,
            **failure,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reply:
        parsed = Parsed(
            kind=_choice(data["kind"], get_args(ReplyKind), "kind"),
            calls=tuple(ToolCall.from_dict(call) for call in data["calls"]),
            text=data["text"],
            reason=data["reason"],
        )
        numbers = {k: data[k] for k in ("latency_ms", "prompt_tokens", "completion_tokens", "confidence")}
        failure = data.get("failure", "")
        return cls(scenario_id=data["scenario_id"], raw=data["raw"], parsed=parsed, failure=failure, **numbers)


@dataclass(frozen=True)
class ArgumentScore:
    """One argument of one expected call beside what the model gave; inside objects each property is one of its own.

    ``name`` is the argument, or the way to a property: ``options.ttl``.
    ``verdict``: ``match``, ``differs``, ``missing`` (expected, not given) or ``unexpected`` (given, not expected).
    """

    call: int
    name: str
    verdict: Literal["match", "differs", "missing", "unexpected"]
    expected: Any = None
    got: Any = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "call": self.call,
            "name": self.name,
            "verdict": self.verdict,
            "expected": _plain(self.expected),
            "got": _plain(self.got),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArgumentScore:
        return cls(**{key: data[key] for key in ("call", "name", "verdict", "expected", "got")})


@dataclass(frozen=True)
class Score:
    """A reply against an outcome.

    Attributes:
        tool_correct: the right tools (or none) were chosen, whatever their arguments.
        exact: right tools and every argument right.
        schema_valid: every call names a declared tool and its arguments satisfy the schema.
    """

    scenario_id: str
    tool_correct: bool
    exact: bool
    schema_valid: bool
    arguments: tuple[ArgumentScore, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "scenario_id": self.scenario_id,
            "tool_correct": self.tool_correct,
            "exact": self.exact,
            "schema_valid": self.schema_valid,
            "arguments": [argument.to_dict() for argument in self.arguments],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Score:
        flags = {key: data[key] for key in ("scenario_id", "tool_correct", "exact", "schema_valid")}
        return cls(**flags, arguments=tuple(ArgumentScore.from_dict(row) for row in data["arguments"]))


@dataclass(frozen=True)
class SnapshotRow:
    """One scenario revision in a snapshot, with the split it fell on."""

    scenario: Scenario
    revision: int
    split: Split


@dataclass(frozen=True)
class Snapshot:
    """An immutable, hashed list of scenario revisions with splits, together with the toolset they were approved for."""

    toolset: Toolset
    rows: tuple[SnapshotRow, ...]

    @cached_property
    def hash(self) -> str:
        """SHA-256 over toolset and rows, first 16 hex digits; equal content has an equal hash."""
        digest = hashlib.sha256(canonical_json(self.toolset.to_dict()).encode())
        for row in self.rows:
            digest.update(canonical_json([row.scenario.to_dict(), row.split]).encode())
        return digest.hexdigest()[:16]

    def split(self, split: Split) -> tuple[Scenario, ...]:
        return tuple(row.scenario for row in self.rows if row.split == split)


@dataclass(frozen=True)
class Run:
    """One job with its own folder ``runs/<id>/``.

    Attributes:
        config: what the worker was given (see ``jobs``); immutable.
        created_at, started_at, ended_at: ISO 8601 in UTC; empty until it happened.
        summary: figures of a finished run.
        message: why it failed, or what it is doing.
        tags: free words to find it by.
        position: place among the queued runs; the smallest is next.
        deleted_at: when it went to the trash; empty while it is not there.
    """

    id: str
    kind: RunKind
    state: RunState
    snapshot: str
    model: str
    config: Mapping[str, Any]
    created_at: str
    started_at: str = ""
    ended_at: str = ""
    name: str = ""
    message: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    position: int = 0
    deleted_at: str = ""

    @property
    def finished(self) -> bool:
        return self.state in FINISHED_STATES

    @property
    def resumable(self) -> bool:
        """Whether its worker could go on where it was. A generation is gone on with in a new run."""
        return self.state in ("stopped", "failed") and self.kind != "generate" and not self.deleted_at


@dataclass(frozen=True)
class Model:
    """Anything that answers.

    Attributes:
        id: ``starter``, a hub id or local directory, ``run:<train run id>`` for base + adapter, a ``.gguf`` file,
            ``endpoint:<name>`` or ``nearest``; with ``+int8`` and ``+k<shots>`` behind it where it is such a variant.
        base: directory or hub id of the weights, path of the GGUF file, or address of the endpoint.
        adapter: folder of LoRA weights, or empty.
        dialect: the wire format it was taught, when a person chose it; ``auto`` lets its tokenizer decide.
        kind: ``weights`` run in torch; ``gguf`` in llama.cpp; ``nearest`` copies from the nearest scenario.
        int8: its weights are rounded to eight bits before it answers.
        shots: how many retrieved examples stand in each prompt.
    """

    id: str
    label: str
    base: str
    adapter: str = ""
    dialect: str = "auto"
    kind: ModelKind = "weights"
    int8: bool = False
    shots: int = 0

    @property
    def needs_examples(self) -> bool:
        """Whether it answers with the training scenarios at hand."""
        return self.shots > 0 or self.kind == "nearest"


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    return copy.deepcopy(dict(value)) if isinstance(value, Mapping) else copy.deepcopy(value)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true/false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RecordError(path, f"must be an object, is {_kind(value)}")
    return value


def _sequence(value: Any, path: str, hint: str = "") -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecordError(path, f"must be a list, is {_kind(value)}", hint)
    return tuple(value)


def _text(value: Any, path: str, empty: bool = False) -> str:
    if value is None:
        raise RecordError(path, "is missing")
    if not isinstance(value, str):
        raise RecordError(path, f"must be text, is {_kind(value)}")
    if not value.strip() and not empty:
        raise RecordError(path, "is empty")
    return value


def _rules(value: Any, path: str) -> dict[str, Rule]:
    return {name: Rule.from_value(rule, f"{path}.{name}") for name, rule in _mapping(value, path).items()}


def _rule_values(rules: Mapping[str, Rule]) -> dict[str, Any]:
    return {name: rule.to_value() for name, rule in rules.items()}


def _tolerance(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise RecordError(path, f"must be a number from 0 up, is {value!r}")
    return value


def _choice(value: Any, choices: tuple[T, ...], path: str) -> T:
    if value not in choices:
        raise RecordError(path, f"must be one of {', '.join(choices)}; is {value!r}")
    return cast(T, value)


def _known_keys(value: Mapping[str, Any], keys: tuple[str, ...], path: str) -> None:
    for key in value:
        if key not in keys:
            name = f"{path}.{key}" if path else str(key)
            raise RecordError(name, "is not a known field", f"Known fields: {', '.join(keys)}.")

"""What models answer, and how it is scored against what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workbench.records.reading import plain, read_choice
from workbench.records.scenarios import NO_TOOL
from workbench.records.talk import ToolCall

ReplyKind = Literal["calls", "text", "malformed", "failed"]


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
        failure: why nobody answered, such as ``timeout`` (see ``inference.completions.ChatFailure``); else empty.
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
            kind=read_choice(data["kind"], get_args(ReplyKind), "kind"),
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
            "expected": plain(self.expected),
            "got": plain(self.got),
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

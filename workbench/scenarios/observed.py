"""Decisions that a running router logged, in OpenHoof's two forms. Pure.

``training_data.jsonl`` has a line a decision: ``timestamp``, ``input`` (``user_message``, ``tools``), ``output``
(``tool_calls``, ``raw``), ``metadata`` (``success``, ``latency_ms``, ``model``). ``outcomes.jsonl`` has a line a call
and says whether it helped: ``timestamp``, ``user_message``, ``predicted_tool``, ``predicted_args``, ``result_useful``,
``actual_tool_needed``. Source of both: the function-calling pipeline of OpenHoof, ``openhoof/inference``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.records import NO_TOOL, RecordError, ToolCall

Form = Literal["training_data", "outcomes"]
FORMS: tuple[Form, ...] = ("training_data", "outcomes")


@dataclass(frozen=True)
class Observed:
    """One decision on one request.

    Attributes:
        tools: names and descriptions of the tools that were offered.
        readable: whether ``raw`` could be read as calls or NO_TOOL.
        useful: what was said of it later; None when nobody did.
        needed: what should have been called: a tool's name, NO_TOOL, or empty when nobody said.
        context: ``os``, ``shell``, ``mode`` and whatever else was known of the request.
    """

    request: str
    calls: tuple[ToolCall, ...]
    raw: str = ""
    at: str = ""
    model: str = ""
    latency_ms: float | None = None
    readable: bool = True
    useful: bool | None = None
    needed: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    context: tuple[tuple[str, str], ...] = ()


CONTEXT = ("os", "shell", "mode")


def read_line(data: Any) -> Observed:
    """One line of either form. Raises RecordError with the path of the field at fault."""
    if not isinstance(data, Mapping):
        raise RecordError("", "must be a JSON object")
    if "predicted_tool" in data:
        return _read_outcome(data)
    if "input" in data and "output" in data:
        return _read_example(data)
    raise RecordError("", "is in neither form", "Lines have 'input' and 'output', or 'predicted_tool'.")


def write(form: Form, decisions: Iterable[Observed]) -> Iterator[str]:
    """The lines of a file; of ``outcomes`` one for each call of a decision of which something was said."""
    for one in decisions:
        rows = [_example(one)] if form == "training_data" else _outcomes(one)
        for row in rows:
            yield json.dumps(row, ensure_ascii=False) + "\n"


def _read_outcome(data: Mapping[str, Any]) -> Observed:
    name, arguments = _text(data, "predicted_tool"), data.get("predicted_args") or {}
    useful, needed = data.get("result_useful"), data.get("actual_tool_needed")
    if not isinstance(useful, bool):
        raise RecordError("result_useful", "must be true or false")
    if needed is not None and not isinstance(needed, str):
        raise RecordError("actual_tool_needed", "must be a tool's name or null")
    calls = [] if name == NO_TOOL else [{"name": name, "arguments": arguments}]
    return Observed(
        request=_text(data, "user_message"),
        calls=tuple(ToolCall.from_dict(call, "predicted") for call in calls),
        at=_time(data),
        useful=useful,
        needed=needed or "",
    )


def _read_example(data: Mapping[str, Any]) -> Observed:
    given, output, metadata = (_object(data, key) for key in ("input", "output", "metadata"))
    calls = output.get("tool_calls") or []
    if not isinstance(calls, list):
        raise RecordError("output.tool_calls", "must be a list")
    latency = metadata.get("latency_ms")
    if isinstance(latency, bool) or not isinstance(latency, (int, float, type(None))):
        raise RecordError("metadata.latency_ms", "must be a number")
    return Observed(
        request=_text(given, "user_message", "input."),
        calls=tuple(ToolCall.from_dict(call, f"output.tool_calls[{i}]") for i, call in enumerate(calls)),
        raw=str(output.get("raw") or ""),
        at=_time(data),
        model=str(metadata.get("model") or ""),
        latency_ms=None if latency is None else float(latency),
        readable=metadata.get("success") is not False,
        context=tuple((key, str(metadata[key])) for key in CONTEXT if metadata.get(key)),
    )


def _example(one: Observed) -> dict[str, Any]:
    tools = [{"name": name, "description": description} for name, description in one.tools]
    figures = {"success": one.readable, "latency_ms": one.latency_ms, "model": one.model}
    return {
        "timestamp": one.at,
        "input": {"user_message": one.request, "tools": tools},
        "output": {"tool_calls": [call.to_dict() for call in one.calls], "raw": one.raw},
        "metadata": {**figures, **dict(one.context)},
    }


def _outcomes(one: Observed) -> Iterator[dict[str, Any]]:
    if one.useful is None:
        return
    for call in one.calls or (ToolCall(NO_TOOL),):
        yield {
            "timestamp": one.at,
            "user_message": one.request,
            "predicted_tool": call.name,
            "predicted_args": call.to_dict()["arguments"],
            "result_useful": one.useful,
            "actual_tool_needed": one.needed or None,
        }


def _text(data: Mapping[str, Any], key: str, path: str = "") -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RecordError(path + key, "must be text" if value is not None else "is missing")
    return value


def _time(data: Mapping[str, Any]) -> str:
    value = data.get("timestamp")
    if value is not None and not isinstance(value, str):
        raise RecordError("timestamp", "must be text")
    return value or ""


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise RecordError(key, "must be an object")
    return value

"""A toolset in a dialect as one grammar: what a reply may be, whole. Compiled once for each toolset and choice."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from threading import Lock
from typing import Literal

from workbench.dialects import functiongemma as functiongemma_format
from workbench.dialects import hermes, llama3
from workbench.errors import WorkbenchError
from workbench.grammars import functiongemma, json_calls
from workbench.grammars.lark import Rules, json_value
from workbench.grammars.matching import Matcher, Vocabulary
from workbench.grammars.schema import Limits, bounded
from workbench.records import Tool, canonical_json

Mode = Literal["hybrid", "forced", "none"]
KEPT = 32
"""Compiled grammars that are kept; the one that was not used for longest goes first."""

_CallWriter = Callable[[Rules, Sequence[Tool], int, Limits], str]


@dataclass(frozen=True)
class Choice:
    """What a reply may be.

    Attributes:
        mode: ``hybrid`` lets the model decide between text (or NO_TOOL) and calls, ``forced`` demands calls,
            ``none`` forbids them.
        tool: with ``forced``, the only tool that may be called; empty for any.
        several: whether one reply may hold several calls.
        schema: JSON Schema, as JSON, that what is said instead of calls must satisfy; empty leaves text free.
    """

    mode: Mode = "hybrid"
    tool: str = ""
    several: bool = True
    schema: str = ""


@dataclass(frozen=True)
class _Format:
    """How a dialect writes calls, and what its plain text must not hold.

    Attributes:
        never: patterns that no text may match as a whole, for it would be read as a call.
        text_before_calls: whether text may stand in front of the calls.
    """

    calls: _CallWriter
    control: tuple[str, ...]
    never: tuple[str, ...] = ()
    text_before_calls: bool = True


_OBJECT = r"\s*\{(?s:.*)"
_CALL_INSIDE = r"(?s:.*)\{\s*\"(name|type)\"\s*:(?s:.*)"
_HERMES = _Format(json_calls.hermes_calls, hermes.CONTROL_TOKENS, (_OBJECT,))
_FORMATS: dict[str, _Format] = {
    "functiongemma": _Format(functiongemma.calls, functiongemma_format.CONTROL_TOKENS),
    "hermes": _HERMES,
    "qwen3": _HERMES,
    "llama3": _Format(json_calls.llama3_calls, llama3.CONTROL_TOKENS, (_OBJECT, _CALL_INSIDE), False),
}


def grammar(dialect: str, tools: Sequence[Tool], choice: Choice, limits: Limits, ids: dict[str, int]) -> str:
    """The replies that a choice allows, as a Lark grammar without the stop token.

    Args:
        ids: token ids by token, so that control tokens are written as such.

    Raises:
        WorkbenchError: the dialect has no grammar, there is no tool to force, or no such tool.
    """
    found = _FORMATS.get(dialect)
    if found is None:
        raise WorkbenchError(
            f"Replies in the dialect '{dialect}' cannot be held to a grammar.",
            f"It works for {', '.join(_FORMATS)}; leave it off for others.",
        )
    rules = Rules(ids)
    if choice.schema:
        said = rules.rule(json_value(bounded(json.loads(choice.schema), limits, top=False)))
    else:
        said = rules.rule(rules.said(found.control, found.never))
    if choice.mode == "none" or (choice.mode == "hybrid" and not tools):
        return rules.write(said if choice.schema else f"{said}?")
    calls = rules.rule(found.calls(rules, _chosen(tools, choice), limits.calls if choice.several else 1, limits))
    if choice.mode == "forced":
        return rules.write(calls)
    if choice.schema:
        return rules.write(f"{said} | {calls}")
    return rules.write(f"{said}? {calls}?" if found.text_before_calls else f"{said}? | {calls}")


def _chosen(tools: Sequence[Tool], choice: Choice) -> Sequence[Tool]:
    named = [tool for tool in tools if choice.tool in ("", tool.name)]
    if not named:
        wanted = f"the tool '{choice.tool}'" if choice.tool else "a tool"
        known = ", ".join(tool.name for tool in tools) or "none"
        raise WorkbenchError(f"A call of {wanted} is demanded, but it is not among the tools.", f"Tools: {known}.")
    return named


class Grammars:
    """The grammars of one model's dialect, compiled when they are first asked for. Safe to share between threads."""

    def __init__(self, dialect: str, vocabulary: Vocabulary, limits: Limits | None = None) -> None:
        self.dialect, self.vocabulary, self.limits = dialect, vocabulary, limits or Limits()
        self._compiled: OrderedDict[str, Matcher] = OrderedDict()
        self._lock = Lock()

    def start(self, tools: Sequence[Tool], choice: Choice | None = None) -> Matcher:
        """A matcher at the beginning of a reply. Raises WorkbenchError: see ``grammar`` and ``Vocabulary.start``."""
        choice = choice or Choice()
        key = canonical_json([*astuple(choice), [[t.name, t.parameters] for t in tools]])
        with self._lock:
            if key not in self._compiled:
                text = grammar(self.dialect, tools, choice, self.limits, self.vocabulary.ids)
                self._compiled[key] = self.vocabulary.start(text)
                if len(self._compiled) > KEPT:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(key)
            return self._compiled[key].copy()

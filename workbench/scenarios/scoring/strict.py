"""The strict scorer: a reply against an outcome. Pure; knows no model and no store.

A reply is exact when the right tools were called and every argument is right: equal as JSON, or by the rule that the
expected call or its tool gives for it (see ``scenarios.rules``). Further accepted values are compared by the same rule.
An omitted argument stands for its declared ``default``. Unknown arguments fail. Malformed output is always wrong.

Objects are compared property by property, each with a row of its own, unless the object as a whole lists accepted
values. Several calls go with the expected ones as well as they can, whatever the order in which the model wrote them,
unless the outcome says ordered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.records import ArgumentScore, ExpectedCall, Outcome, Parsed, Rule, Score, Tool, ToolCall, Toolset
from workbench.scenarios.assignment import assign
from workbench.scenarios.places import ABSENT, members
from workbench.scenarios.rules import EXACT, matches
from workbench.scenarios.validate import check_call

Rows = list[ArgumentScore]


def score(scenario_id: str, outcome: Outcome, parsed: Parsed, toolset: Toolset) -> Score:
    """Compare what a model said with what must happen. Raises PatternError for a rule with a broken pattern."""
    if parsed.kind == "malformed":
        return Score(scenario_id, False, False, False, _compare_calls(outcome, (), toolset)[0])
    arguments, exact = _compare_calls(outcome, parsed.calls, toolset)
    valid = not any(check_call(call, toolset, "call") for call in parsed.calls)
    return Score(scenario_id, _same_tools(outcome, parsed.calls), exact, valid, arguments)


def _same_tools(outcome: Outcome, calls: Sequence[ToolCall]) -> bool:
    expected, got = [call.name for call in outcome.calls], [call.name for call in calls]
    return expected == got if outcome.ordered else sorted(expected) == sorted(got)


def _compare_calls(
    outcome: Outcome, calls: Sequence[ToolCall], toolset: Toolset
) -> tuple[tuple[ArgumentScore, ...], bool]:
    """Argument scores by expected call (calls that nobody expected come last), and whether all is right."""
    answers = [_Answer(i, call, toolset.tool(call.name)) for i, call in enumerate(outcome.calls)]
    # In an order of their own, so that of several equally good assignments always the same one is taken.
    calls = calls if outcome.ordered else sorted(calls, key=_sort_key)
    pairs = _pair(answers, calls, outcome.ordered)
    rows: Rows = []
    for answer, at in zip(answers, pairs, strict=True):
        rows += answer.rows(None if at is None else calls[at])
    used = set(pairs)
    extra = [call for at, call in enumerate(calls) if at not in used]
    for i, call in enumerate(extra, len(answers)):
        rows += _unexpected(i, call)
    named = all(at is not None and calls[at].name == a.expected.name for a, at in zip(answers, pairs, strict=True))
    return tuple(rows), named and not extra and all(row.verdict == "match" for row in rows)


def _sort_key(call: ToolCall) -> str:
    return json.dumps([call.name, call.arguments], sort_keys=True, default=str)


def _pair(answers: Sequence[_Answer], calls: Sequence[ToolCall], ordered: bool) -> tuple[int | None, ...]:
    """For each expected call the index of the call that answers it, or None."""
    if ordered or len(answers) == 1 == len(calls):
        return tuple(i if i < len(calls) else None for i in range(len(answers)))
    return assign(_worths([[answer.quality(call) for call in calls] for answer in answers]))


def _worths(table: Sequence[Sequence[tuple[int, int, int]]]) -> list[list[int]]:
    """Qualities as numbers whose sums compare as the qualities' sums do: first by exact, then by tool, then by rows."""
    rows = 1 + sum(max((right for _, _, right in line), default=0) for line in table)
    tools = 1 + len(table)
    return [[(exact * tools + tool) * rows + right for exact, tool, right in line] for line in table]


def _unexpected(index: int, call: ToolCall) -> Rows:
    given = _given(call.arguments)
    return [ArgumentScore(index, name, "unexpected", got=given[name]) for name in sorted(given)]


@dataclass(frozen=True)
class _Answer:
    """One expected call, its place among them, and its tool where the toolset has it."""

    index: int
    expected: ExpectedCall
    tool: Tool | None

    def quality(self, call: ToolCall) -> tuple[int, int, int]:
        """Exact, right tool, number of right rows: what counts first comes first."""
        if call.name != self.expected.name:
            return (0, 0, 0)
        verdicts = [row.verdict for row in self.rows(call)]
        right = verdicts.count("match")
        return (int(right == len(verdicts)), 1, right)

    def rows(self, call: ToolCall | None) -> Rows:
        """What is right and wrong about the call; None when there was none for this one."""
        wanted = _given(self.expected.arguments)
        if call is None or call.name != self.expected.name:
            missing = [row for name, value in wanted.items() for row in self.leaves(name, value, "missing")]
            return missing + (_unexpected(self.index, call) if call else [])
        schema = self.tool.parameters if self.tool else {}
        return list(self.properties("", wanted, _given(call.arguments), schema, EXACT))

    def properties(
        self, before: str, wanted: Mapping[str, Any], given: Mapping[str, Any], schema: Any, rule: Rule
    ) -> Iterator[ArgumentScore]:
        """Rows of everything that was wanted or given; ``before`` is the way to the object, with a dot at its end."""
        declared = members(schema, "properties")
        for name in [*wanted, *sorted(given.keys() - wanted.keys())]:
            want, got = wanted.get(name, ABSENT), given.get(name, ABSENT)
            yield from self.property(f"{before}{name}", want, got, members(declared, name), rule)

    def property(
        self, path: str, want: Any, got: Any, schema: Mapping[str, Any], inherited: Rule
    ) -> Iterator[ArgumentScore]:
        rule, accepted = self.rule(path, inherited), self.expected.accept.get(path, ())
        default = schema.get("default", ABSENT)
        meant, taken = (default if value is ABSENT else value for value in (want, got))
        if got is ABSENT and want is not ABSENT:
            right = path in self.expected.optional or self.is_accepted(rule, meant, accepted, taken, schema)
            yield from self.leaves(path, want, "match" if right else "missing", default)
        elif isinstance(meant, Mapping) and isinstance(taken, Mapping) and (meant or taken) and not accepted:
            yield from self.properties(f"{path}.", meant, taken, schema, rule)
        else:
            right = self.is_accepted(rule, meant, accepted, taken, schema)
            wrong: Literal["unexpected", "differs"] = "unexpected" if meant is ABSENT and not accepted else "differs"
            yield ArgumentScore(self.index, path, "match" if right else wrong, _shown(want), got)

    def is_accepted(self, rule: Rule, meant: Any, accepted: Sequence[Any], taken: Any, schema: Any) -> bool:
        values = accepted if meant is ABSENT else (meant, *accepted)
        return taken is not ABSENT and any(matches(rule, value, taken, schema) for value in values)

    def rule(self, path: str, inherited: Rule) -> Rule:
        """The rule at that place: the call's, the tool's, or that of the object around it."""
        tool = self.tool.rules if self.tool else {}
        return self.expected.rules.get(path) or tool.get(path) or inherited

    def leaves(self, path: str, value: Any, verdict: Literal["match", "missing"], default: Any = ABSENT) -> Rows:
        """A row for each property of a value that was not given, as many as there are when it is."""
        if isinstance(value, Mapping) and value and path not in self.expected.accept:
            inner = default if isinstance(default, Mapping) else {}
            return [
                row
                for name in value
                for row in self.leaves(f"{path}.{name}", value[name], verdict, inner.get(name, ABSENT))
            ]
        return [ArgumentScore(self.index, path, verdict, value, _shown(default))]


def _shown(value: Any) -> Any:
    return None if value is ABSENT else value


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without nulls: every dialect leaves them out, so null and absent mean the same."""
    return {name: value for name, value in arguments.items() if value is not None}

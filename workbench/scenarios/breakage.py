"""Which scenarios a change of their toolset breaks, and how. Knows no store.

A scenario is broken by a change when it has a problem under the new toolset that it did not have under the old one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.errors import Problem
from workbench.records import Scenario, Status, Toolset, Turn
from workbench.scenarios.validate import check_scenario

_PLACE = re.compile(r"(expected|history)\[(\d+)\](?:\.calls\[(\d+)\])?\.?(.*)")
_INSTANCE = re.compile(r"(, is |; is |, has ).*", re.DOTALL)
_INDEX = re.compile(r"\[\d+\]")
_QUOTED_TEXT = re.compile(r'^"(?:[^"\\]|\\.)*" ')


@dataclass(frozen=True)
class Broken:
    """A scenario that a change breaks, with the problems that it did not have before."""

    scenario: Scenario
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.scenario.id,
            "request": self.scenario.request,
            "status": self.scenario.status,
            "problems": [problem.to_dict() for problem in self.problems],
        }


@dataclass(frozen=True)
class BreakGroup:
    """Scenarios that break in the same way.

    Attributes:
        tool: the tool that is called; empty when it is not about a call.
        place: the field of the call, such as ``arguments.count``; empty for the tool itself.
        reason: what is wrong, without the value at hand.
    """

    tool: str
    place: str
    reason: str
    broken: tuple[Broken, ...]

    @property
    def statuses(self) -> dict[Status, int]:
        found: dict[Status, int] = {}
        for one in self.broken:
            found[one.scenario.status] = found.get(one.scenario.status, 0) + 1
        return found

    def to_dict(self) -> dict[str, Any]:
        ids = [one.scenario.id for one in self.broken]
        head = {"tool": self.tool, "field": self.place, "reason": self.reason, "n": len(ids)}
        return {**head, "statuses": dict(self.statuses), "scenarios": ids}


@dataclass(frozen=True)
class Breakage:
    """What a change does to the scenarios of the toolset.

    Attributes:
        checked: how many scenarios there are.
        broken: those that the change breaks, in the order given.
        mended: ids of those that had problems before and have none now.
    """

    checked: int
    broken: tuple[Broken, ...] = ()
    mended: tuple[str, ...] = ()

    @property
    def approved(self) -> tuple[Broken, ...]:
        return tuple(one for one in self.broken if one.scenario.status == "approved")

    def groups(self) -> tuple[BreakGroup, ...]:
        """The broken scenarios by tool, field and reason, the largest group first. One may stand in several."""
        found: dict[tuple[str, str, str], dict[str, Broken]] = {}
        for one in self.broken:
            for problem in one.problems:
                found.setdefault(_key(one.scenario, problem), {})[one.scenario.id] = one
        groups = [BreakGroup(*key, tuple(members.values())) for key, members in found.items()]
        return tuple(sorted(groups, key=lambda group: (-len(group.broken), group.tool, group.place, group.reason)))

    def to_dict(self) -> dict[str, Any]:
        return {
            "checked": self.checked,
            "broken": [one.to_dict() for one in self.broken],
            "approved": len(self.approved),
            "mended": list(self.mended),
            "groups": [group.to_dict() for group in self.groups()],
        }


def breakage(scenarios: Iterable[Scenario], old: Toolset | None, new: Toolset) -> Breakage:
    """What happens to the scenarios when ``new`` takes the place of ``old``.

    Args:
        old: None asks which scenarios have problems at all.
    """
    checked, broken, mended = 0, [], []
    touched = None if old is None else _touched(old, new)
    for scenario in scenarios:
        checked += 1
        if touched is not None and not touched & tools_named(scenario):
            continue
        before = check_scenario(scenario, replace(old, name=new.name)) if old else []
        after = check_scenario(scenario, new)
        known = {(problem.field, problem.message) for problem in before}
        if fresh := tuple(p for p in after if (p.field, p.message) not in known):
            broken.append(Broken(scenario, fresh))
        elif before and not after:
            mended.append(scenario.id)
    return Breakage(checked, tuple(broken), tuple(mended))


def rename_calls(scenario: Scenario, renames: Mapping[str, str]) -> Scenario:
    """The scenario with tools under their new names, in expected calls and earlier turns alike."""
    if not renames.keys() & tools_named(scenario):
        return scenario
    calls = tuple(replace(call, name=renames.get(call.name, call.name)) for call in scenario.outcome.calls)
    turns = tuple(_rename_turn(turn, renames) for turn in scenario.history)
    return replace(scenario, outcome=replace(scenario.outcome, calls=calls), history=turns)


def tools_named(scenario: Scenario) -> set[str]:
    """Every tool that the scenario names, in expected calls and earlier turns alike."""
    return {call.name for call in scenario.outcome.calls} | {name for turn in scenario.history for name in _named(turn)}


def _named(turn: Turn) -> Iterator[str]:
    yield from (call.name for call in turn.calls)
    if turn.role == "tool":
        yield turn.name


def _rename_turn(turn: Turn, renames: Mapping[str, str]) -> Turn:
    calls = tuple(replace(call, name=renames.get(call.name, call.name)) for call in turn.calls)
    return replace(turn, calls=calls, name=renames.get(turn.name, turn.name) if turn.role == "tool" else turn.name)


def _touched(old: Toolset, new: Toolset) -> set[str]:
    """Tools whose calls may be judged differently: those that are not the same in both."""
    names = {*old.tool_names, *new.tool_names}
    return {name for name in names if old.tool(name) != new.tool(name)}


def _key(scenario: Scenario, problem: Problem) -> tuple[str, str, str]:
    """Tool, field and reason, without the numbers and values of this one scenario."""
    reason = _QUOTED_TEXT.sub("a value ", _INSTANCE.sub("", problem.message))
    found = _PLACE.match(problem.field)
    if found is None:
        return "", problem.field, reason
    kind, index, call, rest = found.groups()
    if kind == "expected":
        tool = scenario.outcome.calls[int(index)].name
    else:
        turn = scenario.history[int(index)]
        tool = turn.calls[int(call)].name if call else turn.name
    return tool, _INDEX.sub("[]", rest), reason

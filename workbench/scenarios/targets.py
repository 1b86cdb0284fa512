"""Targets: how many approved scenarios of which kind a toolset wants. Knows no database.

A target is one line of text, the same in the browser, on the command line and in the API::

    each os >= 100         every OS that occurs among the toolset's scenarios
    os windows >= 50       one OS
    each category >= 50    every category (see ``category_names``)
    NO_TOOL >= 15%         a share of all approved scenarios; short for "tool NO_TOOL >= 15%"
    total >= 1000          all approved scenarios

Axes: ``tool`` (those declared), ``os``, ``mode``, ``shell``, ``category`` and ``total``. Only approved scenarios count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.records import NO_TOOL

AXES = ("tool", "os", "mode", "shell", "category", "total")
EXAMPLES = "Examples: each os >= 100; os windows >= 50; NO_TOOL >= 15%; total >= 1000."
CATEGORY = "category:"
_LINE = re.compile(r"(?P<what>.*?)\s*(?:>=|≥)\s*(?P<least>\d{1,9})\s*(?P<percent>%?)\s*")


@dataclass(frozen=True)
class Target:
    """At least so many approved scenarios.

    Attributes:
        axis: one of ``AXES``.
        value: one value of the axis; empty means each of them.
        least: a number of scenarios, or with ``percent`` a share of all approved ones, 1 to 99.
    """

    axis: str
    least: int
    value: str = ""
    percent: bool = False

    @property
    def text(self) -> str:
        """The line; ``read`` is its inverse."""
        what = self.value if (self.axis, self.value) == ("tool", NO_TOOL) else f"{self.axis} {self.value}"
        what = what if self.value else "total" if self.axis == "total" else f"each {self.axis}"
        return f"{what} >= {self.least}{'%' if self.percent else ''}"


@dataclass(frozen=True)
class Counts:
    """Approved scenarios in all, and by value of each axis; values that only drafts have are there with 0."""

    total: int
    by: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class TargetProgress:
    """How far one value of one target is.

    Attributes:
        value: the value that is counted; empty for ``total``, or when "each" found no value at all.
        missing: approved scenarios to add until the target is met, counted as if nothing else were added.
    """

    target: Target
    value: str
    have: int
    need: int
    missing: int

    @property
    def met(self) -> bool:
        return self.missing == 0

    @property
    def label(self) -> str:
        if self.target.axis == "total":
            return "all scenarios"
        return self.value or f"each {self.target.axis}"


PRESETS: Mapping[str, tuple[Target, ...]] = {
    # What the shipped content is held to.
    "basic": (Target("tool", 50), Target("os", 100), Target("category", 50), Target("tool", 10, NO_TOOL, percent=True)),
    # Caro's quality checks for its generated data set: at least 100 examples of each OS type and 50 of each task
    # category, 1,000 in all (wildcard/caro, finetune-functiongemma/ROADMAP.md, "Step 3"). It also asks for no duplicate
    # request and for reasoning in all examples: these are the gates "duplicates" and "reasoning" of a check. Its task
    # has no outcome without a tool; the share of NO_TOOL is ours, for a router that is never silent calls too much.
    "caro": (
        Target("os", 100),
        Target("category", 50),
        Target("tool", 15, NO_TOOL, percent=True),
        Target("total", 1000),
    ),
}


def read(line: str) -> Target:
    """The target that a line of text says.

    Raises:
        WorkbenchError: it says none; the hint shows examples.
    """
    found = _LINE.fullmatch(line.strip())
    words = found["what"].split(None, 1) if found else []
    if found is None or not words:
        raise WorkbenchError(f"'{line.strip()}' is not a target.", EXAMPLES)
    least, percent = int(found["least"]), bool(found["percent"])
    if least < 1 or (percent and least > 99):
        raise WorkbenchError(f"'{line.strip()}' asks for too little or too much.", "Ask for 1 or more, or 1% to 99%.")
    return Target(*_axis_and_least(line, words, least), percent)


def _axis_and_least(line: str, words: Sequence[str], least: int) -> tuple[str, int, str]:
    if words[0] == NO_TOOL and len(words) == 1:
        return "tool", least, NO_TOOL
    axis = words[-1] if words[0] == "each" else words[0]
    if axis not in AXES or (axis == "total") != (len(words) == 1):
        raise WorkbenchError(f"'{line.strip()}' does not say what to count.", EXAMPLES)
    return axis, least, "" if words[0] == "each" or axis == "total" else words[1]


def read_all(lines: Iterable[str]) -> tuple[Target, ...]:
    """The targets of several lines, blank ones left out; of two that count the same the last one is kept."""
    found = [read(line) for line in lines if line.strip()]
    return tuple({(target.axis, target.value, target.percent): target for target in found}.values())


def category_names(tags: Iterable[str]) -> tuple[str, ...]:
    """Which of the tags are categories: those that begin with ``category:``, or all of them where none does."""
    named = sorted(set(tags))
    return tuple([tag for tag in named if tag.startswith(CATEGORY)] or named)


def progress(targets: Iterable[Target], counts: Counts) -> list[TargetProgress]:
    """One row for each value that a target concerns, in the order of the targets."""
    return [_row(target, value, counts) for target in targets for value in _values(target, counts)]


def _values(target: Target, counts: Counts) -> Sequence[str]:
    if target.value or target.axis == "total":
        return [target.value]
    # An "each" without any value must not count as met.
    return [value for value in counts.by.get(target.axis, {}) if value not in ("", NO_TOOL)] or [""]


def _row(target: Target, value: str, counts: Counts) -> TargetProgress:
    have = counts.total if target.axis == "total" else counts.by.get(target.axis, {}).get(value, 0) if value else 0
    if not target.percent:
        return TargetProgress(target, value, have, target.least, max(0, target.least - have))
    # Integers throughout: what is added counts in the whole, too, so k solves (have + k) / (total + k) >= share.
    need = max(1, -(-target.least * counts.total // 100))
    short = target.least * counts.total - 100 * have
    missing = max(math.ceil(short / (100 - target.least)), 0 if have else 1)
    return TargetProgress(target, value, have, need, missing)

"""What the readers of tools have in common: a toolset and what could not become part of it. Knows no format."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import Problem
from workbench.records import Toolset


@dataclass(frozen=True)
class ToolsFile:
    """The tools of a file.

    Attributes:
        problems: one for each piece of the file that could not become a tool, with its line.
    """

    toolset: Toolset
    problems: tuple[Problem, ...] = ()

"""Coverage: heatmaps as tables of links, and counts by split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.actions.coverage import Coverage
from workbench.records import NO_TOOL, Split, Toolset
from workbench.scenarios.validate import KNOWN_OS
from workbench.ui import forms
from workbench.ui.forms import NEW
from workbench.ui.views.base import pairs, render, shares


def coverage(found: Coverage, splits: Mapping[Split, int], toolsets: Sequence[Toolset], status: str = "") -> str:
    """Heatmaps tool × OS and tool × mode as tables of links; ``splits`` counts scenarios by split."""
    tables = [
        _heatmap("Tool × OS", "os", found, _columns(found.oses, KNOWN_OS[:4]), found.by_tool_os, status),
        _heatmap("Tool × mode", "mode", found, _columns(found.modes), found.by_tool_mode, status),
    ]
    shown = [table for table in tables if table["columns"]]
    cells = [cell for table in shown for row in table["rows"] for cell in row["cells"]]
    empty = sum(bool(cell["link"]) and not cell["n"] for cell in cells)
    summary = "Where scenarios are plenty and where they are thin. A number shows its scenarios; a + starts one there."
    return render(
        "coverage.html",
        summary=f"{summary} {empty} empty cells." if empty else f"{summary} No cell is empty.",
        total=f"{found.total:,}",
        toolsets=pairs([one.name for one in toolsets]),
        toolset=found.toolset,
        status=status,
        splits=shares(splits),
        tables=shown,
        query=forms.address(toolset=found.toolset if len(toolsets) > 1 else "", status=status),
    )


def _heatmap(
    title: str,
    axis: str,
    found: Coverage,
    columns: Sequence[str],
    counts: Mapping[tuple[str, str], int],
    status: str,
) -> dict[str, Any]:
    top = max(counts.values(), default=0)

    declared = found.tools[: found.tools.index(NO_TOOL) + 1]

    def cell(tool: str, column: str) -> dict[str, Any]:
        n = counts.get((tool, column), 0)
        # No filter finds what has no OS, and nothing new is written for a tool that the toolset does not have.
        linked = column and (n or tool in declared)
        place = forms.address(toolset=found.toolset, tool=tool, status=status, open="" if n else NEW, **{axis: column})
        says = f"{n:,} scenario{'s' if n != 1 else ''}" if n else "none yet, write one"
        return {
            "n": f"{n:,}" if n else "",
            "level": round(8 + 92 * n / top) if n else 0,
            "tone": "" if n else "none",
            "link": f"/scenarios?{place}" if linked else "",
            "says": f"{tool}, {column}: {says}",
        }

    rows = [{"tool": tool, "cells": [cell(tool, column) for column in columns]} for tool in found.tools]
    labels = [column or "any" for column in columns]
    return {"title": title, "columns": labels, "rows": rows, "note": f"most in one cell: {top:,}"}


def _columns(found: Sequence[str], always: Sequence[str] = ()) -> list[str]:
    """Values that occur, then those that are always shown, the empty one last."""
    named = [value for value in dict.fromkeys([*found, *always]) if value]
    return [*named, *([""] if "" in found else [])]

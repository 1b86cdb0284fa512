"""Coverage: targets as progress, quality gates, heatmaps as tables of links, and what arguments show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from workbench.actions.check import CheckReport
from workbench.actions.coverage import Coverage
from workbench.actions.targets import Standing
from workbench.records import NO_TOOL, Split, Toolset
from workbench.scenarios.arguments import ArgumentCase
from workbench.scenarios.targets import PRESETS, TargetProgress
from workbench.scenarios.validate import KNOWN_OS
from workbench.store.scenarios import NO_FILTER, UNSET, ScenarioFilter
from workbench.ui import argument_fields, forms
from workbench.ui.forms import NEW
from workbench.ui.views.base import pairs, render, said, shares, short

SHOWN_VIOLATIONS = 60
MOST_NARROW = 8
"""Columns of a heatmap that takes half of the page's width."""
FIELD = {"category": "tag"}
"""Names of axes in an address, where they differ."""


def coverage(
    found: Coverage,
    splits: Mapping[Split, int],
    toolsets: Sequence[Toolset],
    filter: ScenarioFilter = NO_FILTER,
    standing: Standing | None = None,
    typed: str = "",
    whole: Coverage | None = None,
) -> str:
    """Targets and heatmaps tool × OS, mode, shell and category as tables of links.

    Args:
        splits: scenarios by split.
        standing: how far the targets are, whatever the filter.
        typed: lines of targets that could not be read, to be mended.
        whole: coverage without the filter, for the menus.
    """
    place = {**asdict(filter), "toolset": found.toolset}
    tables = [
        _heatmap("Tool × OS", "os", found, _columns(found.oses, KNOWN_OS[:4]), found.by_tool_os, place),
        _heatmap("Tool × mode", "mode", found, _columns(found.modes), found.by_tool_mode, place),
        _heatmap("Tool × shell", "shell", found, _columns(found.shells), found.by_tool_shell, place),
        _heatmap("Tool × category", "category", found, _columns(found.categories), found.by_tool_category, place),
    ]
    shown = [table for table in tables if table["columns"] not in ([], ["any"])]
    cells = [cell for table in shown for row in table["rows"] for cell in row["cells"]]
    empty = sum(bool(cell["link"]) and not cell["n"] for cell in cells)
    summary = "Where scenarios are plenty and where they are thin. A number shows its scenarios; a + starts one there."
    several = found.toolset if len(toolsets) > 1 else ""
    return render(
        "coverage.html",
        summary=f"{summary} {empty} empty cells." if empty else f"{summary} No cell is empty.",
        total=f"{found.total:,}",
        toolsets=pairs([one.name for one in toolsets]),
        toolset=found.toolset,
        status=filter.status,
        menus=_menus(whole or found, filter),
        splits=shares(splits),
        tables=shown,
        targets=_targets(standing, typed) if standing else None,
        query=forms.address(**{**place, "toolset": several}),
    )


def gates(report: CheckReport | None, cases: Sequence[ArgumentCase], toolset: str, waiting: int = 0) -> str:
    """What the quality gates found, and which cases of arguments no approved scenario shows.

    Args:
        report: None when there are so many scenarios (``waiting``) that people had better ask for it.
    """
    violations = report.violations[:SHOWN_VIOLATIONS] if report else ()
    return render(
        "gates.html",
        waiting=f"{waiting:,}",
        report=report
        and {
            "ok": report.ok,
            "checked": f"{report.checked:,}",
            "total": f"{len(report.violations):,}",
            "gates": [(name, what, report.count(name)) for name, what in report.gates.items()],
        },
        violations=[
            {
                "gate": one.gate,
                "scenario": one.scenario,
                "field": one.problem.field,
                "text": said(one.problem),
                "link": f"/scenarios?{forms.address(open=one.scenario)}" if one.scenario else "",
            }
            for one in violations
        ],
        more=len(report.violations) - len(violations) if report else 0,
        tools=[_tool_cases(tool, list(found), toolset) for tool, found in groupby(cases, lambda case: case.tool)],
        missing=sum(not case.n for case in cases),
        cases=len(cases),
    )


def _menus(found: Coverage, filter: ScenarioFilter) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Name, label, chosen value and choices of the menus that narrow what is counted."""
    axes = [("os", "OS", found.oses), ("mode", "mode", found.modes), ("shell", "shell", found.shells)]
    axes += [("tag", "category", found.categories)]
    menus = []
    for name, label, values in axes:
        chosen = str(getattr(filter, name))
        named = pairs([value for value in values if value], "" if chosen == UNSET else chosen)
        if len(named) + ("" in values) > 1 or chosen:
            menus.append((name, label, chosen, [*named, *([(UNSET, "none")] if "" in values else [])]))
    return menus


def _targets(standing: Standing, typed: str) -> dict[str, Any]:
    rows = [_target(row, standing.toolset) for row in standing.rows]
    groups = [
        {"title": title, "rows": list(found), "met": False} for title, found in groupby(rows, lambda row: row["target"])
    ]
    for group in groups:
        group["met"] = all(row["met"] for row in group["rows"])
    unmet = sum(not row["met"] for row in rows)
    return {
        "groups": groups,
        "summary": f"{len(rows) - unmet} of {len(rows)} met" if rows else "none set",
        "lines": typed or "\n".join(target.text for target in standing.targets),
        "typed": bool(typed),
        "presets": [(name, "; ".join(target.text for target in preset)) for name, preset in PRESETS.items()],
    }


def _target(row: TargetProgress, toolset: str) -> dict[str, Any]:
    axis = row.target.axis
    place = {FIELD.get(axis, axis): row.value} if row.value else {}
    wanted = "1 more" if row.missing == 1 else f"{row.missing:,} more"
    return {
        "target": row.target.text.replace(">=", "≥"),
        "label": row.label,
        "have": f"{row.have:,}",
        "need": f"{row.need:,}",
        "share": min(100, round(100 * row.have / row.need)) if not row.met else 100,
        "met": row.met,
        "missing": wanted,
        "write": f"/scenarios?{forms.address(toolset=toolset, open=NEW, **place)}",
        "generate": f"/generate?{forms.address(toolset=toolset, **place)}",
        "show": f"/scenarios?{forms.address(toolset=toolset, status='approved', **place)}",
    }


def _tool_cases(tool: str, found: Sequence[ArgumentCase], toolset: str) -> dict[str, Any]:
    def case(one: ArgumentCase) -> dict[str, Any]:
        given = argument_fields.as_text({one.argument: one.value}) if one.value is not None else ""
        link = forms.address(toolset=toolset, tool=tool, open=NEW, given=given)
        return {"text": short(one.case, 40), "n": f"{one.n:,}" if one.n else "", "link": f"/scenarios?{link}"}

    arguments = [
        {"name": name, "cases": [case(one) for one in cases]}
        for name, cases in groupby(found, lambda one: one.argument)
    ]
    return {"name": tool, "arguments": arguments, "missing": sum(not one.n for one in found)}


def _heatmap(
    title: str,
    axis: str,
    found: Coverage,
    columns: Sequence[str],
    counts: Mapping[tuple[str, str], int],
    place: Mapping[str, str],
) -> dict[str, Any]:
    top = max(counts.values(), default=0)
    declared = found.tools[: found.tools.index(NO_TOOL) + 1]
    name = FIELD.get(axis, axis)

    def cell(tool: str, column: str) -> dict[str, Any]:
        n = counts.get((tool, column), 0)
        # Nothing new is written for a tool that the toolset does not have.
        linked = n or tool in declared
        value = column or (UNSET if n else "")
        address = forms.address(**{**place, "tool": tool, name: value, "open": "" if n else NEW})
        says = f"{n:,} scenario{'s' if n != 1 else ''}" if n else "none yet, write one"
        return {
            "n": f"{n:,}" if n else "",
            "level": round(8 + 92 * n / top) if n else 0,
            "tone": "" if n else "none",
            "link": f"/scenarios?{address}" if linked else "",
            "says": f"{tool}, {column or f'no {axis}'}: {says}",
        }

    rows = [{"tool": tool, "cells": [cell(tool, column) for column in columns]} for tool in found.tools]
    labels = [column or "any" for column in columns]
    note = f"most in one cell: {top:,}"
    return {"title": title, "columns": labels, "rows": rows, "note": note, "wide": len(columns) > MOST_NARROW}


def _columns(found: Sequence[str], always: Sequence[str] = ()) -> list[str]:
    """Values that occur, then those that are always shown, the empty one last."""
    named = [value for value in dict.fromkeys([*found, *always]) if value]
    return [*named, *([""] if "" in found else [])]

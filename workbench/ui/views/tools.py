"""Tools: the list with its parameters, the editor, prompt profile, versions, and what a draft changes and breaks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.actions.tool_sources import Incoming
from workbench.actions.toolsets import EXPORT_FORMS, Preview
from workbench.errors import Problem
from workbench.records import NO_TOOL, PROFILE_STYLES, PromptProfile, Tool, Toolset
from workbench.scenarios.breakage import Breakage, BreakGroup
from workbench.scenarios.toolset_diff import MISSING, FieldChange, ToolsetDiff, diff
from workbench.store.toolsets import ToolsetVersion
from workbench.ui import argument_fields, tool_forms
from workbench.ui.forms import address
from workbench.ui.tool_forms import Shelf
from workbench.ui.views.base import ago, pairs, render, said, short

LINKS = 12
"""Scenarios of a group that are linked; the others are counted."""
FEW_TOOLS = 8
"""Up to so many tools show their parameters at once."""
FORMS = {
    "openai": ("OpenAI tools", "A JSON list, as chat templates take it"),
    "request": ("Under “tools”", "The list inside an object, with what stood beside it"),
    "toolset": ("Toolset", "The workbench's own form, with its prompt profile"),
}
STYLES = {
    "plain": "The request alone",
    "context": "OS and shell before the request",
    "router": "Mode, system prompt and request in one text",
}


@dataclass(frozen=True)
class Stand:
    """What the Tools page shows of a toolset: its newest version, how many scenarios call each tool, what is broken.

    Attributes:
        broken: approved scenarios that do not fit; None when nobody looked yet.
    """

    version: ToolsetVersion
    usage: Mapping[str, int]
    names: Sequence[str]
    broken: int | None = None


def tools_head(stand: Stand | None) -> str:
    return render(
        "tools_head.html",
        stand=stand,
        name=stand.version.toolset.name if stand else "",
        toolsets=pairs(stand.names) if stand else [],
        forms=[(form, *FORMS[form]) for form in EXPORT_FORMS],
    )


def tools_list(stand: Stand | None, shelf: Shelf) -> str:
    if stand is None:
        return render("tools_list.html", stand=None, query=shelf.query)
    toolset = stand.version.toolset
    return render(
        "tools_list.html",
        stand=stand,
        toolset=toolset,
        few=len(toolset.tools) <= FEW_TOOLS,
        tools=[_tool_card(tool, toolset, stand.usage.get(tool.name, 0), shelf) for tool in toolset.tools],
        no_tool=stand.usage.get(NO_TOOL, 0),
        no_tool_link=f"/scenarios?{address(toolset=toolset.name, tool=NO_TOOL)}",
        query=shelf.query,
        when=ago(stand.version.at),
    )


def tool_editor(
    tool: Tool,
    stand: Stand,
    *,
    base: int,
    was: str,
    mode: str = "form",
    text: str = "",
    problems: Sequence[Problem] = (),
) -> str:
    """The form of one tool.

    Args:
        was: its name in the version that is edited; empty for a new tool.
        mode: ``form`` or ``json``.
        text: what was typed as JSON, where that could not be read.
    """
    rows = [_argument_row(i, name, tool, problems) for i, name in enumerate(tool.properties)]
    places = {"name", "description", "json", *(place for row in rows for place in row["places"])}
    return render(
        "tool_editor.html",
        tool=tool,
        was=was,
        base=base,
        mode=mode,
        toolset=stand.version.toolset.name,
        toolsets=stand.names,
        title="Edit tool" if was else "New tool",
        json=text or tool_forms.tool_json(tool),
        before=json.dumps(tool.to_dict(), ensure_ascii=False),
        rows=rows,
        kinds=list(tool_forms.KINDS.items()),
        kept=", ".join([*tool.details, *tool.extra]),
        problems={place: [said(p) for p in problems if p.field == place] for place in ("name", "description", "json")},
        general=[f"{p.field}: {said(p)}" if p.field else said(p) for p in problems if p.field not in places],
        focus=f"{stand.version.toolset.name}/{was}",
    )


def profile_editor(profile: PromptProfile, stand: Stand, base: int, modes: Sequence[str], dirty: bool = False) -> str:
    known = list(dict.fromkeys(["default", *profile.system, *(mode for mode in modes if mode)]))
    return render(
        "tools_profile.html",
        styles=[(style, STYLES[style]) for style in PROFILE_STYLES],
        style=profile.style,
        prompts=[(mode, profile.system.get(mode, "")) for mode in known],
        toolset=stand.version.toolset.name,
        base=base,
        dirty=dirty,
    )


def tools_versions(versions: Sequence[ToolsetVersion], used: bool) -> str:
    """The versions of a toolset, the newest first, each with what it changed."""
    older: list[ToolsetVersion | None] = [*versions[1:], None]
    return render(
        "tools_versions.html",
        name=versions[0].toolset.name,
        versions=[
            {
                "version": one.version,
                "what": _version_text(one, before),
                "by": "you" if one.author == "local" else one.author,
                "when": ago(one.at),
                "current": one is versions[0],
                "changes": _diff_rows(diff(before.toolset, one.toolset)) if before else [],
            }
            for one, before in zip(versions, older, strict=True)
        ],
        used=used,
    )


def tools_server(url: str = "") -> str:
    return render("tools_server.html", url=url)


def tools_preview(
    preview: Preview, *, incoming: Incoming | None = None, names: Sequence[str] = (), how: str = "replace"
) -> str:
    """What saving a draft would do; with ``incoming`` also where its tools come from and how they join."""
    broken = preview.breakage
    return render(
        "tools_preview.html",
        title=f"Version {preview.version} of {preview.draft.toolset.name}",
        draft=json.dumps(preview.draft.to_dict(), ensure_ascii=False),
        changes=_diff_rows(preview.diff),
        problems=[f"{p.field}: {said(p)}" for p in preview.problems],
        groups=[_group(group) for group in broken.groups()],
        broken=len(broken.broken),
        approved=len(broken.approved),
        mended=len(broken.mended),
        checked=broken.checked,
        renamed=len(preview.renamed),
        renames=[f"{old} → {new}" for old, new in preview.draft.renames.items()],
        rename_calls=preview.draft.rename_calls,
        choice=preview.draft.broken or "draft",
        version=preview.version,
        incoming=incoming,
        brought=json.dumps(incoming.brought.to_dict(), ensure_ascii=False) if incoming else "",
        skipped=[str(p) for p in incoming.problems] if incoming else [],
        into=preview.draft.toolset.name,
        names=names,
        how=how,
    )


def tools_broken(name: str, found: Breakage) -> str:
    """Scenarios that do not fit the newest version."""
    return render(
        "tools_broken.html",
        name=name,
        groups=[_group(group) for group in found.groups()],
        broken=len(found.broken),
        approved=len(found.approved),
        checked=found.checked,
    )


def saved_text(version: int, renamed: int, drafted: int, left: int) -> str:
    """What a save did, as a sentence."""
    parts = [f"Saved as version {version}."]
    parts += [f"Renamed in {renamed:,} scenarios."] if renamed else []
    parts += [f"{drafted:,} scenarios are drafts now."] if drafted else []
    parts += [f"{left:,} scenarios do not fit."] if left else []
    return " ".join(parts)


def parameter_rows(tool: Tool) -> list[dict[str, Any]]:
    """One row an argument: name, type, required, choices, default, description."""
    return [
        {
            "name": name,
            "type": type_text(schema),
            "required": name in tool.required,
            "choices": [argument_fields.as_text(value) for value in tool_forms.choices_of(schema)],
            "default": json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else "",
            "description": str(schema.get("description", "")),
        }
        for name, schema in tool.properties.items()
        if isinstance(schema, Mapping)
    ]


def type_text(schema: Mapping[str, Any]) -> str:
    """A schema's type in words, with its limits: ``whole number, 1 to 9``."""
    kind = tool_forms.kind_of(schema)
    if kind == "other":
        return _compound_text(schema)
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{tool_forms.KINDS[kind]}, {low} to {high}"
    limit = f", at least {low}" if low is not None else f", at most {high}" if high is not None else ""
    return tool_forms.KINDS[kind] + limit


def _compound_text(schema: Mapping[str, Any]) -> str:
    if isinstance(schema.get("type"), list):
        return " or ".join(tool_forms.KINDS.get(str(kind), str(kind)) for kind in schema["type"])
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            return " or ".join(type_text(inner) for inner in schema[key] if isinstance(inner, Mapping))
    items = schema.get("items")
    if schema.get("type") == "array" and isinstance(items, Mapping):
        return f"list of: {type_text(items)}"
    if schema.get("type") == "object":
        return f"object with {', '.join(schema.get('properties', {}))}"
    return str(schema.get("$ref") or schema.get("type") or "see its schema")


def _tool_card(tool: Tool, toolset: Toolset, used: int, shelf: Shelf) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "rows": parameter_rows(tool),
        "used": used,
        "link": f"/scenarios?{address(toolset=toolset.name, tool=tool.name)}",
        "first": tool is toolset.tools[0],
        "last": tool is toolset.tools[-1],
        "open": tool.name == shelf.open,
        "kept": ", ".join([*tool.details, *tool.extra]),
    }


def _argument_row(i: int, name: str, tool: Tool, problems: Sequence[Problem]) -> dict[str, Any]:
    schema = tool.properties[name]
    prefix = f"parameters.properties.{name}"
    here = {f"arg.{i}.name", *(p.field for p in problems if p.field == prefix or p.field.startswith(f"{prefix}."))}
    kind = tool_forms.kind_of(schema)
    return {
        "name": name,
        "kind": kind,
        "required": name in tool.required,
        "enum": tool_forms.choices_text(schema) if kind != "other" and tool_forms.choices_of(schema) else "",
        "default": argument_fields.argument_text(schema, schema.get("default")) if kind != "other" else "",
        "description": str(schema.get("description", "")),
        "type": type_text(schema),
        "problems": [said(p) for p in problems if p.field in here],
        "places": here,
    }


def _diff_rows(found: ToolsetDiff) -> list[dict[str, str]]:
    """One row a change: which tool, where in it, from what to what."""
    rows = [_row(name, "added") for name in found.added]
    rows += [_row(name, "removed") for name in found.removed]
    rows += [_row(old, f"renamed to {new}") for old, new in (found.renamed or {}).items()]
    rows += [_change(tool.name, change) for tool in found.changed for change in tool.changes]
    rows += [_change("toolset", change) for change in found.toolset]
    return rows + ([_row("", "the tools are in another order")] if found.reordered else [])


def _row(tool: str, what: str, before: str = "", after: str = "") -> dict[str, str]:
    return {"tool": tool, "what": what, "before": before, "after": after}


def _change(tool: str, change: FieldChange) -> dict[str, str]:
    before, after = (
        "" if value is MISSING else short(json.dumps(value, ensure_ascii=False))
        for value in (change.before, change.after)
    )
    return _row(tool, change.path, before, after)


def _group(group: BreakGroup) -> dict[str, Any]:
    return {
        "place": ".".join(part for part in (group.tool, group.place) if part) or "scenario",
        "reason": group.reason,
        "n": len(group.broken),
        "statuses": ", ".join(f"{n:,} {status}" for status, n in group.statuses.items()),
        "scenarios": [
            {
                "id": one.scenario.id,
                "request": short(one.scenario.request, 90),
                "link": f"/scenarios?{address(toolset=one.scenario.toolset, open=one.scenario.id)}",
                "status": one.scenario.status,
                "problems": "; ".join(f"{p.field}: {p.message}" for p in one.problems),
            }
            for one in group.broken[:LINKS]
        ],
        "more": max(0, len(group.broken) - LINKS),
    }


def _version_text(one: ToolsetVersion, before: ToolsetVersion | None) -> str:
    return "deleted" if one.deleted else one.note or ("created" if before is None else "changed")

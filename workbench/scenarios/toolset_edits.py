"""Small edits of a toolset, each giving the toolset that comes of it. Pure: checks nothing, stores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

from workbench.errors import WorkbenchError
from workbench.records import PromptProfile, RecordError, Tool, Toolset

Joining = Literal["replace", "merge"]
"""How tools from outside meet those of a toolset: take their place, or join them by name."""
BrokenChoice = Literal["", "leave", "draft"]
"""What becomes of approved scenarios that a change breaks: not chosen yet, left as they are, or drafts again."""

JOININGS: tuple[Joining, ...] = get_args(Joining)
BROKEN_CHOICES: tuple[BrokenChoice, ...] = get_args(BrokenChoice)


@dataclass(frozen=True)
class ToolsetDraft:
    """A toolset as it is to become, not yet saved.

    Attributes:
        base: the version that was edited; 0 for a new toolset; None takes whichever is the newest.
        renames: new name by old name of tools that only got another name.
        rename_calls: write the new names into the scenarios, too.
        broken: see ``BrokenChoice``.
        note: why, for the list of versions.
    """

    toolset: Toolset
    base: int | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    rename_calls: bool = True
    broken: BrokenChoice = ""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        rest = {"rename_calls": self.rename_calls, "broken": self.broken, "note": self.note}
        return {"toolset": self.toolset.to_dict(), "base": self.base, "renames": dict(self.renames), **rest}

    @classmethod
    def from_dict(cls, data: Any) -> ToolsetDraft:
        if not isinstance(data, Mapping) or "toolset" not in data:
            raise RecordError("toolset", "is missing", "Send a JSON object with the toolset under 'toolset'.")
        base, renames, broken = data.get("base"), data.get("renames", {}), data.get("broken", "")
        if base is not None and type(base) is not int:
            raise RecordError("base", "must be the number of a version")
        if not isinstance(renames, Mapping) or not all(isinstance(new, str) for new in renames.values()):
            raise RecordError("renames", "must be new names by old names")
        if broken not in BROKEN_CHOICES:
            raise RecordError("broken", f"must be one of {', '.join(filter(None, BROKEN_CHOICES))}")
        calls, note = data.get("rename_calls", True), data.get("note", "")
        if not isinstance(calls, bool) or not isinstance(note, str):
            raise RecordError("rename_calls" if isinstance(note, str) else "note", "is of the wrong kind")
        return cls(Toolset.from_dict(data["toolset"]), base, dict(renames), calls, cast(BrokenChoice, broken), note)

    def at(self, **changes: Any) -> ToolsetDraft:
        return replace(self, **changes)


def put_tool(draft: ToolsetDraft, old_name: str, tool: Tool) -> ToolsetDraft:
    """The tool in the place of ``old_name`` (a rename where the names differ), or at the end when that is empty."""
    tools = draft.toolset.tools
    if not old_name:
        return _with(draft, (*tools, tool), f"add {tool.name}")
    _index(draft.toolset, old_name)
    after = tuple(tool if one.name == old_name else one for one in tools)
    if tool.name == old_name:
        return _with(draft, after, f"edit {tool.name}")
    renamed = _with(draft, after, f"rename {old_name} to {tool.name}")
    return renamed.at(renames={**draft.renames, old_name: tool.name})


def remove_tool(draft: ToolsetDraft, name: str) -> ToolsetDraft:
    _index(draft.toolset, name)
    return _with(draft, tuple(one for one in draft.toolset.tools if one.name != name), f"remove {name}")


def move_tool(draft: ToolsetDraft, name: str, by: int) -> ToolsetDraft:
    """The tool ``by`` places further down, or up when negative; at an end it stays."""
    tools = list(draft.toolset.tools)
    index = _index(draft.toolset, name)
    tools.insert(min(max(index + by, 0), len(tools) - 1), tools.pop(index))
    return _with(draft, tuple(tools), f"move {name}")


def set_profile(draft: ToolsetDraft, profile: PromptProfile) -> ToolsetDraft:
    return draft.at(toolset=replace(draft.toolset, profile=profile), note="prompt profile")


def join(current: Toolset | None, brought: Toolset, how: Joining) -> Toolset:
    """What comes of a toolset when others' tools are brought to it; its name and prompt profile stay."""
    if current is None:
        return brought
    tools = brought.tools
    if how == "merge":
        fresh = {tool.name: tool for tool in brought.tools}
        kept = tuple(fresh.pop(tool.name, tool) for tool in current.tools)
        tools = (*kept, *fresh.values())
    extra = {**current.extra, **brought.extra}
    return replace(current, tools=tools, extra=extra)


def _with(draft: ToolsetDraft, tools: tuple[Tool, ...], note: str) -> ToolsetDraft:
    return draft.at(toolset=replace(draft.toolset, tools=tools), note=note)


def _index(toolset: Toolset, name: str) -> int:
    if name not in toolset.tool_names:
        raise WorkbenchError(f"The toolset '{toolset.name}' has no tool '{name}'.", "Load the page again.")
    return toolset.tool_names.index(name)

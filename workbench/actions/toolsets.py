"""Toolsets and their versions: what a change breaks is seen before it is saved.

Every saved draft is a new version and one change, which ``curate.undo`` takes back with all it did to scenarios.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from workbench.actions import curate
from workbench.actions.curate import DEFAULT_AUTHOR, ProblemsError
from workbench.errors import Problem, WorkbenchError
from workbench.records import Scenario, Snapshot, Tool, Toolset
from workbench.scenarios.breakage import Breakage, breakage, rename_calls
from workbench.scenarios.exporting import tools_json
from workbench.scenarios.toolset_diff import ToolsetDiff, diff
from workbench.scenarios.toolset_edits import ToolsetDraft
from workbench.scenarios.validate import check_scenario, check_toolset
from workbench.store import scenarios as scenario_store
from workbench.store import toolsets as toolset_store
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.store.toolsets import ToolsetVersion

EXPORT_FORMS: tuple[str, ...] = tuple(tools_json.WRITERS)
NAMED_PROBLEMS = 3
"""Scenarios that a message names before it only counts."""


@dataclass(frozen=True)
class Preview:
    """What saving a draft would do.

    Attributes:
        version: the number that the version would get.
        problems: rules that the toolset itself breaks; with any it cannot be saved.
        renamed: ids of the scenarios in which calls would get a new name.
    """

    draft: ToolsetDraft
    version: int
    problems: tuple[Problem, ...]
    diff: ToolsetDiff
    breakage: Breakage
    renamed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "toolset": self.draft.toolset.name,
            "version": self.version,
            "problems": [problem.to_dict() for problem in self.problems],
            "diff": self.diff.to_dict(),
            "breakage": self.breakage.to_dict(),
            "renamed": list(self.renamed),
        }


@dataclass(frozen=True)
class Saved:
    """What saving a draft did; ``change`` is 0 when nothing differed."""

    version: int
    change: int
    renamed: int
    drafted: int
    left_broken: int


def current(store: Store, name: str) -> ToolsetVersion:
    """The newest version. Raises WorkbenchError when there is no such toolset."""
    curate.toolset(store, name)
    found = toolset_store.current(store, name)
    assert found is not None
    return found


def version(store: Store, name: str, number: int = 0) -> ToolsetVersion:
    """One version of a toolset; 0 for the newest. Raises WorkbenchError when there is none."""
    found = toolset_store.get_version(store, name, number) if number else current(store, name)
    if found is None:
        hint = "'tools history' and the Tools page list the versions."
        raise WorkbenchError(f"The toolset '{name}' has no version {number}.", hint)
    return found


def versions(store: Store, name: str) -> list[ToolsetVersion]:
    """All versions, the newest first, deletions included. Raises WorkbenchError when there is none."""
    found = toolset_store.versions(store, name)
    if not found:
        curate.toolset(store, name)
    return found


def usage(store: Store, name: str) -> dict[str, int]:
    """How many scenarios call each tool, by name; ``NO_TOOL`` for those that call none."""
    counts: dict[str, int] = {}
    for cell in scenario_store.coverage(store, name):
        counts[cell.tool] = counts.get(cell.tool, 0) + cell.n
    return counts


def diff_versions(store: Store, name: str, old: int, new: int = 0) -> ToolsetDiff:
    """What differs between two versions; 0 for the newest."""
    return diff(version(store, name, old).toolset, version(store, name, new).toolset)


def edit(store: Store, name: str) -> ToolsetDraft:
    """The newest version as a draft to edit."""
    found = current(store, name)
    return ToolsetDraft(found.toolset, found.version)


def begin(store: Store, name: str, tool: Tool) -> ToolsetDraft:
    """A new toolset with its first tool. Raises WorkbenchError when there is one of that name."""
    if toolset_store.current(store, name) is not None:
        raise WorkbenchError(f"There is already a toolset '{name}'.", "Choose another name, or add the tool to it.")
    return ToolsetDraft(Toolset(name, (tool,)), 0, note=f"begin with {tool.name}")


def restore(store: Store, name: str, number: int) -> ToolsetDraft:
    """An older version as a draft that makes it the newest again."""
    older = version(store, name, number)
    now = toolset_store.current(store, name)
    return ToolsetDraft(older.toolset, now.version if now else 0, note=f"version {number} again")


def preview(store: Store, draft: ToolsetDraft) -> Preview:
    """What saving the draft would do: what differs, and which scenarios it breaks, and how."""
    return _preview(store, draft)[0]


def save(store: Store, draft: ToolsetDraft, author: str = DEFAULT_AUTHOR) -> Saved:
    """Save the draft as a new version, with what it changes in scenarios, as one change that can be undone.

    Raises:
        ProblemsError: the toolset breaks a rule; or it breaks approved scenarios and ``broken`` does not say what
            becomes of them.
        WorkbenchError: another version was saved meanwhile.
    """
    seen, renamed = _preview(store, draft)
    name = draft.toolset.name
    if seen.problems:
        reason = "; ".join(map(str, seen.problems[:NAMED_PROBLEMS]))
        raise ProblemsError(f"The toolset '{name}' cannot be saved: {reason}.", seen.problems, seen.problems[0].hint)
    approved = seen.breakage.approved
    if approved and not draft.broken:
        raise ProblemsError(
            f"This version of '{name}' breaks {_scenarios(len(approved))} that {'is' if len(approved) == 1 else 'are'} "
            "approved.",
            [replace(p, field=f"{one.scenario.id}: {p.field}") for one in approved for p in one.problems],
            "Choose what becomes of them: 'draft' takes back their approval, 'leave' lists them as broken.",
        )
    drafted = {one.scenario.id: one.scenario for one in approved} if draft.broken == "draft" else {}
    touched = {**renamed, **{id_: replace(scenario, status="draft") for id_, scenario in drafted.items()}}
    number, change = scenario_store.save_toolset(
        store, draft.toolset, list(touched.values()), author=author, note=draft.note, base=draft.base
    )
    return Saved(number, change, len(renamed), len(drafted), len(seen.breakage.broken) - len(drafted))


def check(store: Store, name: str) -> Breakage:
    """Which scenarios of a toolset do not fit its newest version, and how."""
    return breakage(_of(store, name), None, curate.toolset(store, name))


def draft_broken(store: Store, name: str, author: str = DEFAULT_AUTHOR) -> int:
    """Make drafts of the approved scenarios that do not fit the newest version; returns how many, as one change."""
    broken = [replace(one.scenario, status="draft") for one in check(store, name).approved]
    if broken:
        scenario_store.save(store, broken, "status", author, f"do not fit {name}")
    return len(broken)


def delete(store: Store, name: str, author: str = DEFAULT_AUTHOR) -> int:
    """Delete a toolset as one change that can be undone; returns its id.

    Raises:
        WorkbenchError: there is none of that name, or scenarios belong to it.
    """
    curate.toolset(store, name)
    if n := curate.count(store, ScenarioFilter(toolset=name)):
        verb = "belongs" if n == 1 else "belong"
        raise WorkbenchError(
            f"{_scenarios(n)} {verb} to the toolset '{name}'.", "Delete them, or move them away, first."
        )
    return scenario_store.delete_toolset(store, name, author)


def export(store: Store, name: str, form: str = "openai", number: int = 0) -> str:
    """The tools of a version as the text of a JSON file; see ``exporting.tools_json`` for the forms."""
    return tools_json.write(version(store, name, number).toolset, form)


def refuse_broken(snapshot: Snapshot) -> None:
    """Nothing enters a snapshot that its toolset does not allow.

    Raises:
        ProblemsError: approved scenarios do not fit the toolset; it has one problem each.
    """
    problems, ids = [], []
    for row in snapshot.rows:
        if found := check_scenario(row.scenario, snapshot.toolset):
            ids.append(row.scenario.id)
            problems.append(replace(found[0], field=f"{row.scenario.id}: {found[0].field}"))
    if not ids:
        return
    name = snapshot.toolset.name
    shown = ", ".join(ids[:NAMED_PROBLEMS]) + (f" and {len(ids) - NAMED_PROBLEMS} more" if ids[NAMED_PROBLEMS:] else "")
    verbs = "is approved but does" if len(ids) == 1 else "are approved but do"
    raise ProblemsError(
        f"{_scenarios(len(ids))} of '{name}' {verbs} not fit its tools: {shown}.",
        problems,
        f"The Tools page and 'tools check {name}' say why; mend them, or make drafts of them there.",
    )


def _preview(store: Store, draft: ToolsetDraft) -> tuple[Preview, dict[str, Scenario]]:
    """The preview, and the scenarios as they are with new names in their calls, by id."""
    name = draft.toolset.name
    before = toolset_store.current(store, name)
    newest = toolset_store.versions(store, name)
    old = before.toolset if before else None
    renamed: dict[str, Scenario] = {}
    problems = tuple(check_toolset(draft.toolset))
    found = Breakage(0)
    if old is not None and not problems:
        found = breakage(_with_new_names(_of(store, name), draft, renamed), _renamed(old, draft), draft.toolset)
    preview = Preview(
        draft,
        (newest[0].version if newest else 0) + 1,
        problems,
        diff(old or Toolset(name, (), draft.toolset.profile, draft.toolset.extra), draft.toolset, draft.renames),
        found,
        tuple(renamed),
    )
    return preview, renamed


def _with_new_names(
    scenarios: Iterable[Scenario], draft: ToolsetDraft, renamed: dict[str, Scenario]
) -> Iterable[Scenario]:
    for scenario in scenarios:
        after = rename_calls(scenario, draft.renames) if draft.rename_calls else scenario
        if after is not scenario:
            renamed[scenario.id] = after
        yield after


def _renamed(old: Toolset, draft: ToolsetDraft) -> Toolset:
    """The old version with the new names, so that a renamed tool is judged by what else changed in it."""
    if not draft.rename_calls:
        return old
    return replace(old, tools=tuple(replace(t, name=draft.renames.get(t.name, t.name)) for t in old.tools))


def _of(store: Store, name: str) -> Iterable[Scenario]:
    return scenario_store.stream(store, ScenarioFilter(toolset=name))


def _scenarios(n: int) -> str:
    return "1 scenario" if n == 1 else f"{n:,} scenarios"

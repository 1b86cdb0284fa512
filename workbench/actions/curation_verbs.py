"""The verbs of curation: history, undo, bulk edits, targets, review, checks. ``verbs.Verbs`` takes them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from workbench.actions import bulk, check, curate, history, review, targets
from workbench.actions.bulk import BulkEdit
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

Json = dict[str, Any]


@dataclass(frozen=True)
class CurationVerbs:
    """All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    def changes(self, limit: int = 50, before: int = 0) -> Json:
        """The newest changes; ``next_undo`` and ``next_redo`` are the ids that undo and redo would take."""
        found = history.changes(self.store, limit, before)
        following = {"next_undo": curate.undoable(self.store), "next_redo": curate.redoable(self.store)}
        ids = {name: one.id if one else 0 for name, one in following.items()}
        return {"changes": [history.change_to_dict(one) for one in found], **ids}

    def change(self, change_id: int) -> Json:
        """One change and what it did, field by field, to the first of its scenarios."""
        one = history.change(self.store, change_id)
        did = [found.to_dict() for found in history.what_changed(self.store, change_id)]
        return {**history.change_to_dict(one), "did": did}

    def undo(self, change: int = 0, rest: bool = False, author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Take back the newest change, or the one named."""
        return {"undone": curate.undo(self.store, author, change, rest).id}

    def redo(self, change: int = 0, rest: bool = False, author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Bring back the change that was undone last, or the one named."""
        return {"redone": curate.redo(self.store, author, change, rest).id}

    def scenario_history(self, scenario_id: str) -> Json:
        """Every revision of a scenario with what it changed."""
        return {
            "id": scenario_id,
            "revisions": [step.to_dict() for step in history.scenario_history(self.store, scenario_id)],
        }

    def snapshots(self) -> Json:
        """All snapshots, the newest first."""
        return {"snapshots": [vars(info) for info in history.snapshots(self.store)]}

    def compare_snapshots(self, before: str, after: str) -> Json:
        """The scenarios that differ between two snapshots."""
        rows = [row.to_dict() for row in history.compare(self.store, before, after)]
        kinds = [row["kind"] for row in rows]
        counts = {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}
        return {"before": before, "after": after, **counts, "rows": rows}

    def bulk_edit(
        self,
        edit: Mapping[str, Any],
        ids: Sequence[str] = (),
        filter: Mapping[str, str] | None = None,
        author: str = curate.DEFAULT_AUTHOR,
    ) -> Json:
        """Set fields of the scenarios named, or of all that a filter lets through, as one change."""
        wanted = BulkEdit.from_dict(edit)
        if bool(ids) == bool(filter):
            raise WorkbenchError("Say which scenarios: their ids, or a filter.", "One of the two, not both.")
        if ids:
            return bulk.edit_scenarios(self.store, ids, wanted, author).to_dict()
        return bulk.edit_filtered(self.store, to_filter(filter or {}), wanted, author).to_dict()

    def targets(self, toolset: str = "") -> Json:
        """Targets of a toolset and how far they are."""
        return targets.standing(self.store, self._toolset(toolset)).to_dict()

    def set_targets(
        self, toolset: str = "", lines: Sequence[str] = (), preset: str = "", author: str = curate.DEFAULT_AUTHOR
    ) -> Json:
        """Replace the targets by a preset, by lines, or by both together; by none when neither is given."""
        texts = [target.text for target in targets.preset(preset)] if preset else []
        return targets.set_targets(self.store, self._toolset(toolset), [*texts, *lines], author).to_dict()

    def arguments(self, toolset: str = "") -> Json:
        """What each argument can be, and how many approved calls show it."""
        name = self._toolset(toolset)
        return {"toolset": name, "cases": [vars(case) for case in targets.argument_cases(self.store, name)]}

    def review_queue(self, toolset: str = "", reviewer: str = curate.DEFAULT_AUTHOR) -> Json:
        """Drafts that wait for this reviewer, the most needed first."""
        return review.queue(self.store, self._toolset(toolset), reviewer).to_dict()

    def judge(self, scenario_id: str, verdict: str, reviewer: str = curate.DEFAULT_AUTHOR) -> Json:
        """``approve`` or ``reject`` a draft."""
        return review.judge(self.store, scenario_id, verdict, reviewer).to_dict()

    def agreement(self, toolset: str = "") -> Json:
        """How far reviewers agree, and the drafts on which they do not."""
        name = self._toolset(toolset)
        differing = review.disagreements(self.store, name)
        return {
            "toolset": name,
            "pairs": [pair.to_dict() for pair in review.agreements(self.store, name)],
            "disagreements": [
                {"id": id, "verdicts": {one.reviewer: one.verdict for one in verdicts}}
                for id, verdicts in differing.items()
            ],
        }

    def set_reviewers(self, reviewers: int, toolset: str = "", author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Let one reviewer decide, or demand that two agree."""
        name = self._toolset(toolset)
        review.set_reviewers(self.store, name, reviewers, author)
        return {"toolset": name, "reviewers": reviewers}

    def check(
        self,
        toolset: str = "",
        targets: Sequence[str] | None = None,
        preset: str = "",
        files: Sequence[Path] = (),
    ) -> Json:
        """Every violation of the quality gates; of files instead of the workspace where some are named."""
        if files:
            return check.check_files(files, toolset, targets, preset).to_dict()
        return check.check(self.store, toolset, targets, preset).to_dict()

    def _toolset(self, name: str) -> str:
        return name or curate.default_toolset(self.store)


def to_filter(data: Mapping[str, str]) -> ScenarioFilter:
    """A filter from its fields by name; empty ones are left out. Raises WorkbenchError for an unknown one."""
    known = [field.name for field in fields(ScenarioFilter)]
    for name in data:
        if name not in known:
            raise WorkbenchError(f"'{name}' is not a filter.", f"Filters: {', '.join(known)}.")
    return ScenarioFilter(**data)

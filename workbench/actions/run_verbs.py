"""The verbs of runs, of their list and queue, and of auto-train. ``verbs.Verbs`` takes them over."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.actions import auto_train, curate, preflight, run_list, run_progress, run_queue, runs
from workbench.actions.run_list import RunFilter
from workbench.records import Run
from workbench.store.database import Store

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class RunVerbs:
    """All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    def runs(self, kind: str = "", state: str = "", tag: str = "", text: str = "", deleted: bool = False) -> Json:
        """The runs that the filter lets through, the newest first."""
        runs.sync(self.store)
        found = run_list.find(self.store, RunFilter(kind, state, tag, text, deleted))
        return {"runs": [run_to_dict(run) for run in found]}

    def run(self, run_id: str) -> Json:
        """One run and how far it is."""
        runs.sync(self.store)
        found = run_progress.progress(self.store, run_id)
        progress = {
            "phase": found.phase,
            "step": found.step,
            "total_steps": found.total_steps,
            "fraction": found.fraction,
            "eta_s": found.eta_s,
            "message": found.message,
            "figures": dict(found.figures or {}),
        }
        return {**run_to_dict(found.run), "progress": progress}

    def metrics(self, run_id: str, after: int = 0) -> Json:
        """Metrics rows behind line ``after``."""
        return {"rows": run_progress.run_metrics(self.store, run_id, after)}

    def log(self, run_id: str, lines: int = 50) -> Json:
        """The end of a run's log."""
        return {"log": run_progress.log_tail(self.store, run_id, lines)}

    def cancel(self, run_id: str) -> Json:
        """Ask a run to end."""
        return run_to_dict(runs.cancel(self.store, run_id))

    def resume(self, run_id: str) -> Json:
        """Go on with a run that was stopped or interrupted."""
        return run_to_dict(run_queue.resume(self.store, run_id))

    def move_run(self, run_id: str, where: str) -> Json:
        """Move a queued run ``first``, ``up``, ``down`` or ``last``; the queue as it is then."""
        return {"queue": [run_to_dict(run) for run in run_queue.move(self.store, run_id, where)]}

    def edit_run(self, run_id: str, name: str | None = None, tags: Sequence[str] | None = None) -> Json:
        """Rename a run or replace its tags."""
        return run_to_dict(run_list.edit(self.store, run_id, name, tags))

    def diff_runs(self, run_id: str, other_id: str) -> Json:
        """In which settings two runs differ."""
        found = run_list.differences(self.store, run_id, other_id)
        return {
            "runs": [run_id, other_id],
            "differences": [{"name": one.name, "values": list(one.values)} for one in found],
        }

    def curves(self, run_ids: Sequence[str]) -> Iterator[str]:
        """Lines of a CSV file with the metrics of runs."""
        return run_list.curves(self.store, run_ids)

    def delete_runs(self, run_ids: Sequence[str]) -> Json:
        """Move finished runs to the trash."""
        return {"deleted": [run.id for run in run_list.delete(self.store, run_ids)], "days": run_list.TRASH_DAYS}

    def restore_runs(self, run_ids: Sequence[str]) -> Json:
        """Bring runs back from the trash."""
        return {"restored": [run.id for run in run_list.restore(self.store, run_ids)]}

    def empty_trash(self, days: float = 0) -> Json:
        """Delete for good what has been in the trash for so many days."""
        return {"gone": run_list.empty_trash(self.store, days)}

    def auto_train(
        self, toolset: str = "", min_new: int = 0, base: str = "", settings: Mapping[str, Any] | None = None
    ) -> Json:
        """Train when so many approved scenarios are new; ``run`` is None when that is not so.

        What is not given is taken from the toolset's rule.
        """
        before = auto_train.state(self.store, toolset or curate.default_toolset(self.store))
        rule = before.rule
        given = {**rule.settings, **(settings or {})}
        wanted = min_new or rule.min_new
        run = auto_train.train_if_due(self.store, rule.toolset, wanted, base or rule.base, given)
        found = {"toolset": rule.toolset, "new": before.new, "min_new": wanted}
        return {**found, "run": run_to_dict(run) if run else None}

    def auto_rule(self, toolset: str = "") -> Json:
        """Whether the app trains a toolset by itself, and how many scenarios are new."""
        return auto_train.state(self.store, toolset or curate.default_toolset(self.store)).to_dict()

    def set_auto_rule(
        self,
        toolset: str = "",
        active: bool = False,
        min_new: int = 0,
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        author: str = curate.DEFAULT_AUTHOR,
        swap: str = "",
    ) -> Json:
        """Switch auto-train on or off for a toolset; what is not given stays as it is."""
        old = auto_train.state(self.store, toolset or curate.default_toolset(self.store)).rule
        given: Json = {"min_new": min_new, "base": base, "settings": settings, "swap": swap}
        changed = dataclasses.replace(old, active=active, **{name: value for name, value in given.items() if value})
        return auto_train.set_rule(self.store, changed, author).to_dict()


def run_to_dict(run: Run) -> Json:
    """A run without its toolset's declarations, which are long and are in the snapshot."""
    data = dataclasses.asdict(run)
    config = data.pop("config")
    data["toolset"] = run_list.toolset_name(run)
    data["split"] = config.get("split", "")
    data["settings"] = config.get("settings", {})
    data["allowed_leaks"] = config.get("allowed_leaks", {})
    data["estimate"] = config.get("estimate", {})
    data["foretold"] = preflight.how_far_off(run)
    data["resumable"] = run.resumable
    return {**data, "tags": list(run.tags)}

"""The verbs as doors to other programs speak them: plain JSON in, plain JSON out.

The HTTP API serves these, and the command line calls them, here or through a running app (see ``remote``). Everything
is decided in the other actions; this module only translates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import workbench
from workbench.actions import comparing, coverage, curate, generating, run_list, runs, teaching, transfer
from workbench.actions.curation_verbs import CurationVerbs, to_filter
from workbench.actions.models import RUN_PREFIX, STARTER_ID, list_models, resolve
from workbench.actions.orders import Order
from workbench.actions.run_list import RunFilter
from workbench.actions.run_verbs import RunVerbs, run_to_dict
from workbench.actions.tool_verbs import ToolVerbs
from workbench.errors import WorkbenchError
from workbench.records import SCENARIO_KEYS, SPLITS, RecordError, Scenario, Split, Toolset
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.training.settings import TrainSettings, default_settings

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Verbs(CurationVerbs, RunVerbs):
    """Every verb on one open store. All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    @property
    def tools(self) -> ToolVerbs:
        """The verbs on toolsets."""
        return ToolVerbs(self.store)

    def status(self) -> Json:
        """What the workspace holds."""
        counted = {name: curate.count(self.store, ScenarioFilter(status=name)) for name in ("draft", "approved")}
        found = runs.runs(self.store)
        return {
            "version": workbench.__version__,
            "workspace": str(self.store.workspace.root),
            "scenarios": {"total": curate.count(self.store, ScenarioFilter()), **counted},
            "toolsets": [
                {
                    "name": toolset.name,
                    "tools": len(toolset.tools),
                    "scenarios": curate.count(self.store, ScenarioFilter(toolset=toolset.name)),
                }
                for toolset in curate.toolsets(self.store)
            ],
            "models": [dataclasses.asdict(model) for model in list_models(self.store)],
            "runs": {
                "total": len(found),
                "unfinished": [run.id for run in found if not run.finished],
                "failed": sum(run.state == "failed" for run in found),
            },
        }

    def scenarios(self, filter: Mapping[str, str], offset: int = 0, limit: int = 50) -> Json:
        """One page of scenarios."""
        chosen = to_filter(filter)
        page = curate.find(self.store, chosen, offset, limit)
        total = curate.count(self.store, chosen)
        return {"total": total, "offset": offset, "scenarios": [scenario.to_dict() for scenario in page]}

    def save_scenario(self, data: Any, author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Save one scenario in its own JSON form; without an id it is a new one."""
        if not isinstance(data, Mapping):
            raise RecordError("", "The scenario must be a JSON object.", f"Its fields: {', '.join(SCENARIO_KEYS)}.")
        scenario = Scenario.from_dict({"id": curate.new_id(), **data})
        change = curate.save_scenario(self.store, scenario, author)
        return {"id": scenario.id, "change": change}

    def import_file(
        self, path: Path, toolset: str = "", status: str = "", dry_run: bool = False, name: str = ""
    ) -> Json:
        """Read a file of scenarios or tools; ``dry_run`` only reports. ``name``: what to call the file."""
        if dry_run:
            return transfer.preview(self.store, path, toolset, name).to_dict()
        return transfer.import_file(self.store, path, toolset, status=status, name=name).to_dict()

    def export(self, filter: Mapping[str, str], format: str) -> Iterator[str]:
        """Lines of a file with the scenarios that the filter lets through."""
        return transfer.export(self.store, to_filter(filter), format)

    def coverage(self, toolset: str = "") -> Json:
        """Counts by tool, OS, mode, split and status."""
        return coverage.coverage(self.store, toolset or curate.default_toolset(self.store)).to_dict()

    def generate(self, order: Mapping[str, Any], dry_run: bool = False, author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Add drafts by rule; ``dry_run`` only shows the first. ``order``: the fields of ``orders.Order``."""
        chosen = self._order(order)
        batch = generating.preview(self.store, chosen) if dry_run else generating.generate(self.store, chosen, author)
        return batch.to_dict()

    def generate_lines(self, order: Mapping[str, Any]) -> Iterator[str]:
        """The same drafts as lines of a file; nothing is added."""
        return generating.stream(self.store, self._order(order))

    def vectors(self, toolset: str = "", tools: Sequence[str] = ()) -> Iterator[str]:
        """Pieces of a JSON file of argument sets, ``[{"tool", "arguments"}]``."""
        return generating.vectors(self.store, toolset or curate.default_toolset(self.store), tools)

    def teach(self, order: Mapping[str, Any], resume: str = "", author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Start a run in which a teacher model writes drafts, or go on with an earlier one."""
        return run_to_dict(teaching.start(self.store, self._order(order), author, resume))

    def teacher_report(self, run_id: str) -> Json:
        """Drafts, rejects with reasons, tokens and money of a generation run."""
        runs.sync(self.store)
        return teaching.report(self.store, run_id).to_dict()

    def _order(self, data: Mapping[str, Any]) -> Order:
        order = Order.from_dict(data)
        return order if order.toolset else dataclasses.replace(order, toolset=curate.default_toolset(self.store))

    def runs(self, kind: str = "", state: str = "", tag: str = "", text: str = "", deleted: bool = False) -> Json:
        """The runs that the filter lets through, the newest first."""
        runs.sync(self.store)
        found = run_list.find(self.store, RunFilter(kind, state, tag, text, deleted))
        return {"runs": [run_to_dict(run) for run in found]}

    def run(self, run_id: str) -> Json:
        """One run and how far it is."""
        runs.sync(self.store)
        found = runs.progress(self.store, run_id)
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
        return {"rows": runs.run_metrics(self.store, run_id, after)}

    def log(self, run_id: str, lines: int = 50) -> Json:
        """The end of a run's log."""
        return {"log": runs.log_tail(self.store, run_id, lines)}

    def cancel(self, run_id: str) -> Json:
        """Ask a run to end."""
        return run_to_dict(runs.cancel(self.store, run_id))

    def train(
        self,
        toolset: str = "",
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        name: str = "",
        snapshot: str = "",
        like: str = "",
    ) -> Json:
        """Start a training run.

        ``settings`` that are not given are the good ones for the base, or those of the run ``like``, which also gives
        toolset and base where they are not named.
        """
        model = runs.get_run(self.store, like) if like else None
        chosen = toolset or (run_list.toolset_name(model) if model else curate.default_toolset(self.store))
        base = base or (model.model if model else STARTER_ID)
        first = run_list.settings_of(model) if model else default_settings(resolve(self.store, base).base)
        parsed = TrainSettings.from_dict({**first.to_dict(), **(settings or {})})
        return run_to_dict(runs.start_training(self.store, chosen, base, parsed, snapshot or None, name))

    def evaluate(self, models: Sequence[str], split: str = "test", snapshot: str = "", toolset: str = "") -> Json:
        """Start the evaluations of these models that do not exist yet; ``runs`` is in the order of ``models``."""
        chosen = snapshot or runs.make_snapshot(self.store, toolset or self._toolset_of(models))
        found = comparing.ensure_evaluations(self.store, models, chosen, to_split(split))
        return {"snapshot": chosen, "split": split, "runs": [run_to_dict(run) for run in found]}

    def compare(self, run_ids: Sequence[str], differing: bool = False) -> Json:
        """Finished evaluations side by side."""
        return comparing.compare(self.store, run_ids).to_dict(differing)

    def export_comparison(self, run_ids: Sequence[str], format: str, differing: bool = False) -> Iterator[str]:
        """Lines of a file with one scenario a row."""
        return comparing.export_comparison(comparing.compare(self.store, run_ids), format, differing)

    def _toolset_of(self, model_ids: Sequence[str]) -> str:
        """The toolset that the first trained model of the list was trained for, or the default one."""
        for model_id in model_ids:
            if model_id.startswith(RUN_PREFIX):
                run = runs.get_run(self.store, model_id.removeprefix(RUN_PREFIX))
                return Toolset.from_dict(run.config["toolset"]).name
        return curate.default_toolset(self.store)


def to_split(split: str) -> Split:
    """Raises WorkbenchError when there is no such split."""
    for known in SPLITS:
        if known == split:
            return known
    raise WorkbenchError(f"There is no split '{split}'.", f"Choose one of {', '.join(SPLITS)}.")

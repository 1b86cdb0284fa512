"""The verbs as doors to other programs speak them: plain JSON in, plain JSON out.

The HTTP API serves these, and the command line calls them, here or through a running app (see ``remote``). Everything
is decided in the other actions; this module only translates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import workbench
from workbench.actions import coverage, curate, duplicates, generating, runs, teaching
from workbench.actions.artefact_verbs import ArtefactVerbs
from workbench.actions.compare_verbs import CompareVerbs
from workbench.actions.config import load as load_config
from workbench.actions.config import serve_settings
from workbench.actions.curation_verbs import CurationVerbs, to_filter
from workbench.actions.file_verbs import FileVerbs
from workbench.actions.inbox_verbs import InboxVerbs
from workbench.actions.machine import Machine, detect
from workbench.actions.meaning import compare_meaning
from workbench.actions.models import list_models
from workbench.actions.orders import Order
from workbench.actions.run_verbs import RunVerbs, run_to_dict
from workbench.actions.served_verbs import ServedVerbs
from workbench.actions.suggest import suggest_here
from workbench.actions.tool_verbs import ToolVerbs
from workbench.actions.train_verbs import TrainVerbs
from workbench.errors import WorkbenchError
from workbench.records import SCENARIO_KEYS, RecordError, Scenario
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Verbs(CurationVerbs, FileVerbs, TrainVerbs, CompareVerbs, RunVerbs):
    """Every verb on one open store. All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    @property
    def tools(self) -> ToolVerbs:
        """The verbs on toolsets."""
        return ToolVerbs(self.store)

    @property
    def artefacts(self) -> ArtefactVerbs:
        """The verbs on artefacts."""
        return ArtefactVerbs(self.store)

    @property
    def inbox(self) -> InboxVerbs:
        """The verbs on recorded decisions."""
        return InboxVerbs(self.store)

    @property
    def served(self) -> ServedVerbs:
        """The verbs on what is served."""
        return ServedVerbs(self.store)

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

    def duplicates(self, toolset: str = "", kind: str = "", offset: int = 0, limit: int = 50) -> Json:
        """Clusters of near-duplicates, conflicts first; ``kind``: one of those that ``counts`` names."""
        found = duplicates.check(self.store, toolset or curate.default_toolset(self.store))
        return found.to_dict(kind, offset, limit)

    def compare_meaning(self, encoder: str, toolset: str = "") -> Json:
        """Let an encoder look for scenarios of equal meaning; ``duplicates`` shows them."""
        chosen = toolset or curate.default_toolset(self.store)
        return {"toolset": chosen, "encoder": encoder, "pairs": compare_meaning(self.store, chosen, encoder)}

    def similar(self, request: str, toolset: str = "", limit: int = 5) -> Json:
        """Scenarios like a request."""
        chosen = toolset or curate.default_toolset(self.store)
        found = duplicates.similar(self.store, chosen, request, limit=limit)
        return {"similar": [{"likeness": round(score, 3), "scenario": one.to_dict()} for one, score in found]}

    def settle(self, action: str, ids: Sequence[str], keep: str = "", author: str = curate.DEFAULT_AUTHOR) -> Json:
        """Do something about a cluster: ``keep`` or ``merge`` into one, or mark as ``variants``, or ``unmark``."""
        if action in ("keep", "merge"):
            act = duplicates.keep_one if action == "keep" else duplicates.merge
            return {"kept": keep, "change": act(self.store, ids, keep, author)}
        if action not in ("variants", "unmark"):
            raise WorkbenchError(f"'{action}' is nothing to do.", "Choose one of keep, merge, variants, unmark.")
        duplicates.mark_variants(self.store, ids, action == "variants", author)
        return {"scenarios": list(ids), "deliberate": action == "variants"}

    def suggest(
        self, request: str, machine: Mapping[str, Any] | None = None, model: str = "", toolset: str = ""
    ) -> Json:
        """What the router says about a request, and how to get the programs that it recommends.

        ``machine``: the fields of ``Machine``; None takes this computer.
        """
        where = detect() if machine is None else Machine.from_dict(machine)
        settings = serve_settings(load_config(self.store.workspace).config)
        return suggest_here(self.store, settings, request, where, model, toolset).to_dict()

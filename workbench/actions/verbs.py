"""The verbs as doors to other programs speak them: plain JSON in, plain JSON out.

The HTTP API serves these, and the command line calls them, here or through a running app (see ``remote``). Everything
is decided in the other actions; this module only translates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import workbench
from workbench.actions import (
    answers,
    comparing,
    coverage,
    curate,
    duplicates,
    endpoints,
    export_files,
    figures,
    generating,
    import_files,
    leaderboard,
    preflight,
    publishing,
    run_list,
    run_progress,
    runs,
    starting,
    teaching,
)
from workbench.actions.artefact_verbs import ArtefactVerbs
from workbench.actions.config import load as load_config
from workbench.actions.config import serve_settings
from workbench.actions.curation_verbs import CurationVerbs, to_filter
from workbench.actions.inbox_verbs import InboxVerbs
from workbench.actions.machine import Machine, detect
from workbench.actions.meaning import compare_meaning
from workbench.actions.models import ENDPOINT_PREFIX, RUN_PREFIX, STARTER_ID, ModelName, list_models
from workbench.actions.orders import Order
from workbench.actions.recipes import recipe
from workbench.actions.run_list import RunFilter
from workbench.actions.run_verbs import RunVerbs, run_to_dict
from workbench.actions.served_verbs import ServedVerbs
from workbench.actions.suggest import suggest_here
from workbench.actions.tool_verbs import ToolVerbs
from workbench.errors import WorkbenchError
from workbench.evaluation.job import Service
from workbench.evaluation.statistics import SLICES
from workbench.records import SCENARIO_KEYS, SPLITS, RecordError, Scenario, Split, Toolset
from workbench.store.answers import FIGURES, AnswerFilter
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.training.settings import TrainSettings

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Verbs(CurationVerbs, RunVerbs):
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

    def import_file(
        self,
        path: Path,
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        name: str = "",
        reading: Mapping[str, Any] | None = None,
    ) -> Json:
        """Read a file of scenarios, tools or a prompt; ``dry_run`` only reports.

        Args:
            name: what to call the file.
            reading: how to read it: ``format``, ``columns`` by field, ``conflicts``; see ``import_files``.
        """
        return self._import(path, toolset, status, dry_run, name, reading or {}, {}, None)

    def import_files(
        self,
        paths: Sequence[Path],
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        reading: Mapping[str, Any] | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> list[Json]:
        """Like ``import_file`` for several files that may need one another; ``progress`` gets a file and a share."""

        def read(path: Path, pending: Mapping[str, Toolset]) -> Json:
            tell = (lambda share: progress(path.name, share)) if progress else None
            return self._import(path, toolset, status, dry_run, "", reading or {}, pending, tell)

        return import_files.read_files(paths, read, dry_run)

    def _import(
        self,
        path: Path,
        toolset: str,
        status: str,
        dry_run: bool,
        name: str,
        reading: Mapping[str, Any],
        pending: Mapping[str, Toolset],
        tell: Callable[[float], None] | None,
    ) -> Json:
        wishes = import_files.to_wishes(reading, tell)
        if dry_run:
            return import_files.preview(self.store, path, toolset, name, wishes, pending).to_dict()
        conflicts = str(reading.get("conflicts") or import_files.CONFLICTS[0])
        report = import_files.import_file(
            self.store, path, toolset, status=status, name=name, wishes=wishes, conflicts=conflicts
        )
        return report.to_dict()

    def export(self, filter: Mapping[str, str], format: str, snapshot: str = "") -> Iterator[bytes]:
        """Pieces of a file with the scenarios that the filter lets through, or with those of a snapshot."""
        return export_files.export_bytes(self.store, to_filter(filter), format, snapshot)

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

    def train(
        self,
        toolset: str = "",
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        name: str = "",
        snapshot: str = "",
        allow_leaks: str = "",
        preset: str = "",
        like: str = "",
    ) -> Json:
        """Start a training run.

        ``settings`` that are not given are the preset's, those of the run ``like``, or the good ones for the base; that
        run also gives toolset and base where they are not named.
        """
        chosen, base, parsed = self._recipe(toolset, base, settings, preset, like)
        return run_to_dict(
            starting.start_training(self.store, chosen, base, parsed, snapshot or None, name, allow_leaks)
        )

    def _recipe(
        self, toolset: str, base: str, settings: Mapping[str, Any] | None, preset: str, like: str
    ) -> tuple[str, str, TrainSettings]:
        """Toolset, base and settings of a run that begins as ``train`` says."""
        model = runs.get_run(self.store, like) if like else None
        chosen = toolset or (run_list.toolset_name(model) if model else curate.default_toolset(self.store))
        base = base or (model.model if model else STARTER_ID)
        first = run_list.settings_of(model).to_dict() if model and not preset else {}
        return chosen, base, recipe(self.store, chosen, base, preset, {**first, **(settings or {})})

    def preflight(
        self,
        toolset: str = "",
        base: str = "",
        settings: Mapping[str, Any] | None = None,
        preset: str = "",
        like: str = "",
    ) -> Json:
        """What a run with these settings would see and cost. Asked again, it tells how far it is."""
        chosen, base, parsed = self._recipe(toolset, base, settings, preset, like)
        return preflight.start(self.store, chosen, base, parsed).to_dict()

    def preflight_state(self, key: str) -> Json:
        """How a pre-flight stands."""
        return preflight.get(self.store, key).to_dict()

    def preflight_scenarios(self, key: str, offset: int = 0, limit: int = 50) -> Json:
        """What scenarios become: text, special tokens, trained tokens; blocked ones first."""
        return {"scenarios": preflight.sights(self.store, key, offset, limit)}

    def evaluate(self, models: Sequence[str], split: str = "", snapshot: str = "", toolset: str = "") -> Json:
        """Start the evaluations of these models that do not exist yet; ``runs`` is in the order of ``models``.

        A model may also be the id of an evaluation run; the others are then put to the same snapshot split. Without
        one the split is ``test``.
        """
        known = next(iter(comparing.named_evaluations(self.store, models).values()), None)
        split = split or (known.config["split"] if known else "test")
        chosen = snapshot or (known.snapshot if known else "")
        chosen = chosen or runs.make_snapshot(self.store, toolset or self._toolset_of(models))
        found = comparing.ensure_evaluations(self.store, models, chosen, to_split(split))
        return {"snapshot": chosen, "split": split, "runs": [run_to_dict(run) for run in found]}

    def endpoints(self) -> Json:
        """Saved endpoints, each with the id of its model."""
        return {"endpoints": [_endpoint_to_dict(service) for service in endpoints.endpoints(self.store)]}

    def save_endpoint(self, data: Mapping[str, Any]) -> Json:
        """Save an endpoint; its ``id`` is a model to evaluate. Without a model's name the endpoint is asked for it."""
        return _endpoint_to_dict(endpoints.save(self.store, data))

    def delete_endpoint(self, name: str) -> Json:
        """Forget an endpoint; its evaluations stay."""
        endpoints.delete(self.store, name)
        return {"name": name}

    def compare(
        self,
        run_ids: Sequence[str],
        filter: Mapping[str, Any] | None = None,
        threshold: int = 0,
        offset: int = 0,
        limit: int = answers.MANY,
    ) -> Json:
        """Finished evaluations side by side, with one page of scenarios that the filter lets through."""
        found = comparing.compare(self.store, run_ids, threshold)
        chosen = to_answer_filter(filter or {}, run_ids)
        if offset < 0 or not 0 <= limit <= curate.MAX_PAGE:
            raise WorkbenchError("There is no such page.", f"Ask for at most {curate.MAX_PAGE} scenarios at a time.")
        rows = answers.page(self.store, found, chosen, offset, limit)
        total = answers.found(self.store, found, chosen)
        return {**found.to_dict(), "rows_total": total, "rows": [row.to_dict(found) for row in rows]}

    def export_comparison(
        self, run_ids: Sequence[str], format: str, filter: Mapping[str, Any] | None = None, threshold: int = 0
    ) -> Iterator[str]:
        """Pieces of a file: a scenario a row (``csv``, ``jsonl``), a report (``html``) or ``metrics``."""
        if format == "metrics":
            return iter([figures.metrics_json(self.store, run_ids, threshold)])
        found = comparing.compare(self.store, run_ids, threshold)
        return publishing.export_comparison(self.store, found, format, to_answer_filter(filter or {}, run_ids))

    def gate(self, run_ids: Sequence[str], margin: float | None = None, figure: str = "exact") -> Json:
        """Whether the second evaluation is worse than the first, beyond chance or beyond a margin in points."""
        for known in FIGURES:
            if known == figure:
                return comparing.judge(comparing.compare(self.store, run_ids), margin, known).to_dict()
        raise WorkbenchError(f"There is no figure '{figure}'.", f"Choose one of {', '.join(FIGURES)}.")

    def leaderboard(self, snapshot: str, split: str = "test") -> Json:
        """Every finished evaluation on a snapshot split, the best first."""
        found = leaderboard.leaderboard(self.store, snapshot, to_split(split))
        return {"snapshot": snapshot, "split": split, "entries": [entry.to_dict() for entry in found]}

    def rerun(self, run_id: str, scenario_id: str) -> Json:
        """Let the model of an evaluation answer one scenario again; the new run's replies are ``answers(id)``."""
        return run_to_dict(comparing.rerun(self.store, run_id, scenario_id))

    def replies(self, run_id: str, offset: int = 0, limit: int = 100) -> Json:
        """One page of what an evaluation has answered so far, with the scores."""
        return {"replies": answers.replies(self.store, run_id, offset, limit)}

    def suggest(
        self, request: str, machine: Mapping[str, Any] | None = None, model: str = "", toolset: str = ""
    ) -> Json:
        """What the router says about a request, and how to get the programs that it recommends.

        ``machine``: the fields of ``Machine``; None takes this computer.
        """
        where = detect() if machine is None else Machine.from_dict(machine)
        settings = serve_settings(load_config(self.store.workspace).config)
        return suggest_here(self.store, settings, request, where, model, toolset).to_dict()

    def _toolset_of(self, model_ids: Sequence[str]) -> str:
        """The toolset that the first trained model of the list was trained for, or the default one."""
        for model_id in model_ids:
            plain = ModelName.read(model_id).plain
            if plain.startswith(RUN_PREFIX):
                run = runs.get_run(self.store, plain.removeprefix(RUN_PREFIX))
                return Toolset.from_dict(run.config["toolset"]).name
        return curate.default_toolset(self.store)


def to_answer_filter(data: Mapping[str, Any], run_ids: Sequence[str]) -> AnswerFilter:
    """A filter from its fields by name; a bucket without a pair is of the second run against the first.

    Raises:
        WorkbenchError: there is no such field, figure or bucket.
    """
    known = [field.name for field in dataclasses.fields(AnswerFilter)]
    for name in data:
        if name not in known:
            raise WorkbenchError(f"'{name}' is not a filter.", f"Filters: {', '.join(known)}.")
    given = {name: value for name, value in data.items() if value}
    for name, choices in (("bucket", answers.BUCKETS), ("figure", tuple(FIGURES)), ("by", SLICES)):
        if name in given and given[name] not in choices:
            raise WorkbenchError(f"There is no {name} '{given[name]}'.", f"Choose one of {', '.join(choices)}.")
    pair = dict(zip(("base", "candidate"), run_ids, strict=False))
    return AnswerFilter(**{**pair, **given})


def to_split(split: str) -> Split:
    """Raises WorkbenchError when there is no such split."""
    for known in SPLITS:
        if known == split:
            return known
    raise WorkbenchError(f"There is no split '{split}'.", f"Choose one of {', '.join(SPLITS)}.")


def _endpoint_to_dict(service: Service) -> Json:
    return {"id": ENDPOINT_PREFIX + service.name, **service.to_dict()}

"""The verbs of evaluating and comparing, and of the endpoints that can be compared. ``verbs.Verbs`` takes them over."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.actions import answers, comparing, curate, endpoints, figures, leaderboard, publishing, runs
from workbench.actions.models import ENDPOINT_PREFIX, RUN_PREFIX, ModelName
from workbench.actions.run_verbs import run_to_dict
from workbench.errors import WorkbenchError
from workbench.evaluation.job import Service
from workbench.evaluation.statistics import SLICES
from workbench.records import SPLITS, Split, Toolset
from workbench.store.answers import FIGURES, AnswerFilter
from workbench.store.database import Store

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class CompareVerbs:
    """All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

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

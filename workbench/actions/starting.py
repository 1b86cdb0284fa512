"""Starting runs: what the worker of each kind is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.actions import duplicates
from workbench.actions.curate import ProblemsError
from workbench.actions.models import STARTER_ID, ModelName, fingerprint, resolve, service_of, with_grammar
from workbench.actions.preflight import estimate
from workbench.actions.runs import enqueue, make_snapshot, new_run
from workbench.actions.warm_start import find_warm_start
from workbench.errors import WorkbenchError
from workbench.evaluation.job import EXAMPLES
from workbench.generation.job import JOURNAL
from workbench.jobs import ray
from workbench.records import Model, Run, Scenario, Snapshot, Split
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store
from workbench.training.settings import TrainSettings, default_settings


@dataclass(frozen=True)
class EvaluationSettings:
    """How an evaluation runs.

    Attributes:
        batch_size: scenarios decoded together; does not change what a model answers.
        max_new_tokens: length at which a reply is cut.
        threads: CPU threads; 0 lets torch decide.
        constrained: whether replies are held to the toolset's grammar; always so for a model id that says so.
    """

    batch_size: int = 32
    max_new_tokens: int = 128
    threads: int = 0
    constrained: bool = False


def start_training(
    store: Store,
    toolset: str,
    base: str = STARTER_ID,
    settings: TrainSettings | None = None,
    snapshot: str | None = None,
    name: str = "",
    allow_leaks: str = "",
    tags: Sequence[str] = (),
) -> Run:
    """Start a LoRA training run, or queue it behind the one that is running.

    Args:
        toolset: whose approved scenarios to freeze when no snapshot is named.
        base: id of a base model, see ``models.resolve``.
        settings: None takes good ones for the base.
        snapshot: hash of an existing one; None makes one of what is approved now.
        allow_leaks: why to train although held-out scenarios are like training scenarios; the run keeps it.

    Raises:
        ProblemsError: a setting makes no sense.
        LeakError: there are leaks and no reason to allow them.
        WorkbenchError: no such toolset, base or snapshot; no approved training scenario; the disk refuses; no Ray
            cluster answers where the run is for one.
    """
    model = resolve(store, base)
    settings = settings or default_settings(model.base)
    _refuse_settings(settings)
    _refuse_base(base, model)
    warm = find_warm_start(store, settings, model)
    known = None
    if not snapshot:
        snapshot = make_snapshot(store, toolset)
        known = duplicates.last_findings(store, toolset)
    frozen = snapshot_store.load(store, snapshot)
    if not frozen.split("train"):
        raise WorkbenchError(
            f"The snapshot {snapshot} has no training scenarios.", "Approve some that fall on the train split."
        )
    leaks, reason = duplicates.leaks_of(frozen, known), allow_leaks.strip()
    if not reason:
        duplicates.refuse_leaks(leaks)
    foretold = estimate(store, model, frozen.toolset, settings, [(row.scenario, row.split) for row in frozen.rows])
    rows = ({"scenario": row.scenario.to_dict(), "split": row.split} for row in frozen.rows if row.split != "test")
    run = new_run(
        "train",
        model,
        name,
        toolset=frozen.toolset.to_dict(),
        snapshot=snapshot,
        split="train",
        settings=settings.to_dict(),
        cache="../cache",
        allowed_leaks={"reason": reason, "scenarios": duplicates.leaked(leaks)} if leaks else {},
        **({"estimate": foretold} if foretold else {}),
    )
    return enqueue(store, dataclasses.replace(run, tags=tuple(tags)), "train.jsonl", rows, warm=warm)


def _refuse_settings(settings: TrainSettings) -> None:
    if problems := settings.check():
        raise ProblemsError("; ".join(map(str, problems)), problems, problems[0].hint)
    if settings.launcher == "ray":
        ray.check()


def _refuse_base(base: str, model: Model) -> None:
    if model.adapter:
        raise WorkbenchError(f"'{base}' is an adapter already.", "Choose a base model, such as 'starter'.")
    if model.kind != "weights" or model.int8 or model.shots or ModelName.read(base).grammar:
        raise WorkbenchError(f"'{base}' cannot be trained.", "Choose a base model, such as 'starter'.")


def start_evaluation(
    store: Store,
    model_id: str,
    snapshot: str,
    split: Split = "test",
    settings: EvaluationSettings | None = None,
    only: str = "",
) -> Run:
    """Start an evaluation of a model on one split of a snapshot, or queue it.

    Args:
        only: id of the one scenario to answer; such a run is for looking, not for comparing.

    Raises:
        WorkbenchError: no such model, snapshot or scenario; the split is empty; the disk refuses.
    """
    settings = settings or EvaluationSettings()
    model_id = with_grammar(model_id) if settings.constrained else model_id
    settings = dataclasses.replace(settings, constrained=ModelName.read(model_id).grammar)
    model = resolve(store, model_id)
    frozen = snapshot_store.load(store, snapshot)
    scenarios = _to_answer(frozen, snapshot, split, only)
    examples = frozen.rows if model.needs_examples else ()
    if model.needs_examples and not frozen.split("train"):
        raise WorkbenchError(
            f"The snapshot {snapshot} has no training scenarios to take examples from.", "Approve some of that split."
        )
    run = new_run(
        "evaluate",
        model,
        model.label,
        toolset=frozen.toolset.to_dict(),
        snapshot=snapshot,
        split=split,
        settings=dataclasses.asdict(settings),
        weights=fingerprint(model),
        only=only,
        **_place(store, model),
    )
    more = {EXAMPLES: ({"scenario": row.scenario.to_dict(), "split": row.split} for row in examples)}
    cases = ({"scenario": scenario.to_dict()} for scenario in scenarios)
    return enqueue(store, run, "cases.jsonl", cases, more if examples else None)


def _to_answer(frozen: Snapshot, name: str, split: Split, only: str) -> tuple[Scenario, ...]:
    """The scenarios of a split, or the one of them that is asked for."""
    scenarios = frozen.split(split)
    if not scenarios:
        raise WorkbenchError(
            f"The snapshot {name} has no {split} scenarios.", "Choose another split, or approve some of that split."
        )
    if only and not (scenarios := tuple(scenario for scenario in scenarios if scenario.id == only)):
        raise WorkbenchError(f"The {split} split has no scenario '{only}'.", "Choose one of the compared ones.")
    return scenarios


def _place(store: Store, model: Model) -> dict[str, Any]:
    """The endpoint of a model for its worker. Raises ProblemsError when it cannot be asked, as without its key."""
    service = service_of(store, model)
    if service is None:
        return {}
    if problems := service.endpoint.check():
        raise ProblemsError(f"The endpoint cannot be asked: {problems[0]}.", problems, problems[0].hint)
    return {"endpoint": service.to_dict()}


def start_generation(
    store: Store, teacher: Model, known: Iterable[Scenario], config: Mapping[str, Any], journal: Iterable[Any] = ()
) -> Run:
    """Start a run in which a teacher writes drafts.

    Args:
        known: what is there already, each with its resolved split.
        config: toolset, endpoint, settings, gaps and author, as ``generation.job`` reads them.
        journal: lines of an earlier run with the same plan, whose drafts were brought in already.
    """
    lines = list(journal)
    run = new_run("generate", teacher, teacher.label, snapshot="", journal_lines=len(lines), **config)
    return enqueue(store, run, "cases.jsonl", ({"scenario": one.to_dict()} for one in known), {JOURNAL: lines})


def start_export(store: Store, model: Model, scenarios: Iterable[Scenario], config: Mapping[str, Any]) -> Run:
    """Start a run that writes a trained model as files and puts these scenarios to both, or queue it.

    Args:
        config: toolset, snapshot, split, settings and what the card says, as ``training.artefacts.worker`` reads them.
    """
    run = new_run("export", model, model.label, **config)
    return enqueue(store, run, "cases.jsonl", ({"scenario": scenario.to_dict()} for scenario in scenarios))

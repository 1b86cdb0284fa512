"""Which model answers for a toolset, and whether the newest that was trained by itself should take its place.

Nothing is served instead of another but by a person, or by a rule that a person set: only if it is not worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.actions import run_list
from workbench.actions.comparing import against, ensure_evaluations, latest
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.models import RUN_PREFIX, STARTER_ID, adapter_folder, resolve
from workbench.errors import WorkbenchError
from workbench.evaluation import pairing
from workbench.evaluation.pairing import Difference
from workbench.records import Model, Run
from workbench.store import runs as run_store
from workbench.store import served as served_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store
from workbench.store.served import Served
from workbench.store.toolsets import get_toolset

ALIAS = "served"
"""What a request may call the model that is served, whichever it is."""
TAG = "auto"
"""The tag of runs that were started because enough was new."""
State = Literal["waiting", "ready", "impossible"]


@dataclass(frozen=True)
class Proposal:
    """A newly trained model that could be served instead of the one that is.

    Attributes:
        state: ``waiting`` until both were evaluated on the same test scenarios; ``impossible`` when they cannot be.
        reason: the verdict of the paired test in words, or why there is none.
        difference: the candidate against the served model, in exact calls; None unless ready.
    """

    served: Served
    candidate: Run
    state: State
    reason: str
    difference: Difference | None = None

    @property
    def model(self) -> str:
        return RUN_PREFIX + self.candidate.id

    @property
    def not_worse(self) -> bool:
        """Whether the rule lets it be served: neither the paired test nor the plain count of exact calls is against it.

        The count as well, for a test of few scenarios sees nothing.
        """
        found = self.difference
        return found is not None and found.standing != "worse" and found.pairs.fixed >= found.pairs.broken

    def to_dict(self) -> dict[str, Any]:
        return {
            "toolset": self.served.toolset,
            "served": self.served.model,
            "model": self.model,
            "name": self.candidate.name,
            "snapshot": self.candidate.snapshot,
            "state": self.state,
            "reason": self.reason,
            "not_worse": self.not_worse,
            "difference": self.difference.to_dict() if self.difference else None,
        }


def served(store: Store, toolset: str) -> Served:
    """What answers for a toolset; the starter until somebody chooses. Raises WorkbenchError for an unknown toolset."""
    if get_toolset(store, toolset) is None:
        raise WorkbenchError(f"There is no toolset '{toolset}'.", "Import or write it first.")
    found = served_store.history(store, toolset)
    return found[0] if found else Served(toolset, STARTER_ID)


def served_model(store: Store, toolset: str) -> Model:
    """The model behind ``ALIAS``. Raises WorkbenchError when it is not there any more."""
    return resolve(store, served(store, toolset).model)


def serve(store: Store, toolset: str, model_id: str, author: str = DEFAULT_AUTHOR, reason: str = "") -> Served:
    """From now on this model answers for the toolset. The one that does so already is no change.

    Raises:
        WorkbenchError: no such toolset or model, it does not run here, or was trained for another toolset.
    """
    before = served(store, toolset)
    model = resolve(store, model_id)
    if model.kind != "weights" or model.needs_examples:
        raise WorkbenchError(f"'{model_id}' cannot be served.", "Choose weights that run here, such as run:ID.")
    run = run_store.get(store, model_id.removeprefix(RUN_PREFIX))
    if run and run_list.toolset_name(run) != toolset:
        raise WorkbenchError(
            f"'{model_id}' was trained for the toolset '{run_list.toolset_name(run)}'.", "Serve it for that one."
        )
    if model.id != before.model:
        served_store.put(store, toolset, model.id, reason.strip(), author)
    return served(store, toolset)


def proposal(store: Store, toolset: str) -> Proposal | None:
    """The newest model that was trained by itself, unless somebody has chosen since it was; see ``Proposal``.

    Raises:
        WorkbenchError: there is no such toolset.
    """
    now = served(store, toolset)
    candidate = _candidate(store, toolset)
    if candidate is None or candidate.ended_at <= now.since:
        return None
    if not snapshot_store.load(store, candidate.snapshot).split("test"):
        return Proposal(now, candidate, "impossible", "Its snapshot has no test scenarios to compare on.")
    names = [now.model, RUN_PREFIX + candidate.id]
    try:
        found = latest(store, names, candidate.snapshot, "test")
    except WorkbenchError as error:
        return Proposal(now, candidate, "impossible", str(error))
    if failed := [run for run in found.values() if run.state in ("failed", "stopped")]:
        return Proposal(now, candidate, "impossible", f"The evaluation {failed[0].id} is {failed[0].state}.")
    if len(found) < 2:
        return Proposal(now, candidate, "waiting", "The two were not evaluated on the same test scenarios yet.")
    if not all(run.finished for run in found.values()):
        return Proposal(now, candidate, "waiting", "The two are being evaluated on the same test scenarios.")
    before, after = (found[name].id for name in names)
    lineup, difference = against(store, before, after)
    base, label = lineup.labels
    return Proposal(now, candidate, "ready", pairing.in_words(label, base, "exact calls", difference), difference)


def evaluate_proposal(store: Store, toolset: str) -> list[Run]:
    """Start the evaluations that a proposal still lacks; one that failed or was deleted is not started again."""
    found = proposal(store, toolset)
    if found is None or found.state != "waiting":
        return []
    snapshot = found.candidate.snapshot
    names = [name for name in (found.served.model, found.model) if not was_evaluated(store, name, snapshot)]
    return ensure_evaluations(store, names, snapshot)


def was_evaluated(store: Store, model_id: str, snapshot: str) -> bool:
    """Whether there ever was an evaluation of a model on a snapshot, deleted ones included."""
    both = (run for deleted in (False, True) for run in run_store.list_runs(store, "evaluate", deleted=deleted))
    return any((run.model, run.snapshot) == (model_id, snapshot) for run in both)


def swap(store: Store, toolset: str, author: str = DEFAULT_AUTHOR) -> Served:
    """Serve what is proposed, whatever the verdict: a person has read it.

    Raises:
        WorkbenchError: nothing is proposed, or there is no verdict yet.
    """
    found = proposal(store, toolset)
    if found is None:
        raise WorkbenchError("No model is proposed.", "One is, when a run of auto-train was evaluated.")
    if found.state != "ready":
        raise WorkbenchError(f"There is no verdict on {found.model}. {found.reason}", "Wait, or serve it by its id.")
    return serve(store, toolset, found.model, author, found.reason)


def swap_if_not_worse(store: Store, toolset: str) -> Served | None:
    """Serve what is proposed if it is ready and not worse; None when nothing changed."""
    found = proposal(store, toolset)
    if found is None or not found.not_worse:
        return None
    return serve(store, toolset, found.model, "auto-train", found.reason)


def _candidate(store: Store, toolset: str) -> Run | None:
    trained = run_list.find(store, run_list.RunFilter(kind="train", state="done", tag=TAG))
    mine = (run for run in trained if run_list.toolset_name(run) == toolset)
    newest = next(mine, None)
    return newest if newest and adapter_folder(store, newest.id).is_dir() else None

"""Auto-train: when enough approved scenarios are new since the last run, train and evaluate.

Changes what is served only where a rule says so, see ``actions.served``.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from workbench.actions import run_list, served, starting
from workbench.actions.comparing import ensure_evaluations
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.models import RUN_PREFIX, STARTER_ID, resolve
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.store import auto_train as rule_store
from workbench.store import runs as run_store
from workbench.store import snapshots as snapshot_store
from workbench.store.auto_train import AutoRule
from workbench.store.database import Store
from workbench.store.toolsets import get_toolset
from workbench.training.settings import TrainSettings, default_settings

SWAPS = ("ask", "not_worse")
logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class AutoState:
    """A toolset's rule and how near it is to being due."""

    rule: AutoRule
    new: int

    @property
    def due(self) -> bool:
        return self.new >= self.rule.min_new

    def to_dict(self) -> dict[str, Any]:
        rule = {**dataclasses.asdict(self.rule), "settings": dict(self.rule.settings)}
        return {**rule, "new": self.new, "due": self.due}


def state(store: Store, toolset: str) -> AutoState:
    """The toolset's rule, off by default, and its new scenarios. Raises WorkbenchError for an unknown toolset."""
    if get_toolset(store, toolset) is None:
        raise WorkbenchError(f"There is no toolset '{toolset}'.", "Import or write it first.")
    last = _last_training(store, toolset)
    rule = rule_store.get_rule(store, toolset)
    return AutoState(rule, rule_store.count_new(store, toolset, last.snapshot if last else ""))


def set_rule(store: Store, rule: AutoRule, author: str = DEFAULT_AUTHOR) -> AutoState:
    """Replace a toolset's rule.

    Raises:
        WorkbenchError: there is no such toolset or base; a number or setting makes no sense.
    """
    state(store, rule.toolset)
    if rule.min_new < 1:
        raise WorkbenchError("At least 1 scenario must be new.", "50 is usual.")
    if rule.swap not in SWAPS:
        raise WorkbenchError(f"There is no rule '{rule.swap}' for what is served.", f"Choose {' or '.join(SWAPS)}.")
    _settings(store, rule)
    rule_store.save_rule(store, rule, author)
    return state(store, rule.toolset)


def train_if_due(
    store: Store, toolset: str, min_new: int, base: str = STARTER_ID, settings: Mapping[str, Any] | None = None
) -> Run | None:
    """Start a training run when enough is new; the app evaluates it when it is done. None when it is not due."""
    found = state(store, toolset)
    if found.new < min_new:
        return None
    rule = AutoRule(toolset, True, min_new, base, settings or {})
    name = f"{toolset} auto {len(run_list.find(store, run_list.RunFilter(kind='train', tag=served.TAG))) + 1}"
    return starting.start_training(store, toolset, base, _settings(store, rule), name=name, tags=(served.TAG,))


def evaluate_trained(store: Store) -> list[Run]:
    """Start the evaluations that the newest run of each toolset that was trained by itself still lacks, and that of
    the model which is served now."""
    newest: dict[str, Run] = {}
    for run in run_list.find(store, run_list.RunFilter(kind="train", tag=served.TAG)):
        newest.setdefault(run.config["toolset"]["name"], run)
    started = [one for run in newest.values() if _lacks_evaluation(store, run) for one in _evaluate(store, run)]
    kept = [toolset for toolset in newest if get_toolset(store, toolset)]
    return started + [one for toolset in kept for one in served.evaluate_proposal(store, toolset)]


def keep_up(store: Store) -> None:
    """What the app does from time to time: evaluate what was trained, serve it where a rule says so, train what is
    due, empty old trash."""
    run_list.empty_trash(store, run_list.TRASH_DAYS)
    evaluate_trained(store)
    for rule in rule_store.list_rules(store):
        try:
            if rule.swap == "not_worse":
                served.swap_if_not_worse(store, rule.toolset)
            if rule.active:
                train_if_due(store, rule.toolset, rule.min_new, rule.base, rule.settings)
        except WorkbenchError as error:
            # One toolset that cannot be trained must not keep the others from it.
            logger.warning("auto-train of %s: %s", rule.toolset, error)


def _settings(store: Store, rule: AutoRule) -> TrainSettings:
    defaults = default_settings(resolve(store, rule.base).base).to_dict()
    settings = TrainSettings.from_dict({**defaults, **rule.settings})
    if problems := settings.check():
        raise WorkbenchError(f"{str(problems[0]).capitalize()}.", problems[0].hint)
    return settings


def _last_training(store: Store, toolset: str) -> Run | None:
    """The newest training run of a toolset, however it ended: one that fails is not started again and again."""
    both = [run for deleted in (False, True) for run in run_store.list_runs(store, kind="train", deleted=deleted)]
    own = [run for run in both if (run.config.get("toolset") or {}).get("name") == toolset]
    return max(own, key=lambda run: run.created_at, default=None)


def _lacks_evaluation(store: Store, run: Run) -> bool:
    if run.state != "done" or served.was_evaluated(store, RUN_PREFIX + run.id, run.snapshot):
        return False
    return bool(snapshot_store.load(store, run.snapshot).split("test"))


def _evaluate(store: Store, run: Run) -> list[Run]:
    return ensure_evaluations(store, [run.model, RUN_PREFIX + run.id], run.snapshot)

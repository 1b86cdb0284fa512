"""What the folder of a started run tells, taken into the store: state, metrics, scored replies, drafts, summary."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from typing import Any

from workbench.actions.drafts import add_drafts
from workbench.evaluation.statistics import summarise
from workbench.generation.job import JOURNAL, read_journal
from workbench.jobs import cancel
from workbench.jobs.watch import observe
from workbench.records import Reply, Run, Scenario, Score, Toolset
from workbench.runfolder import RunFolder, read_rows
from workbench.runfolder.status import RunStatus
from workbench.scenarios.scoring import score
from workbench.store import runs as run_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store, now

REPLIES_AT_ONCE = 500


def follow(store: Store, run: Run) -> None:
    """Take in what the folder of a started run tells."""
    folder = RunFolder(store.workspace.run_folder(run.id))
    status = cancel.enforce(folder.path) if run.state == "stopping" else observe(folder.path)
    # After the status, so that a run which says that it is done has left all its rows.
    _take_metrics(store, run, folder)
    if run.kind == "evaluate":
        _take_replies(store, run, folder, status.finished)
    if run.kind == "generate" and status.finished:
        _take_drafts(store, run, folder)
    changes = _changes(run, status)
    if status.state in ("done", "stopped"):
        changes["summary"] = _summary(store, run, status)
    if status.state == "done":
        shutil.rmtree(folder.checkpoints, ignore_errors=True)
    if any(getattr(run, name) != value for name, value in changes.items()):
        run_store.update(store, run.id, **changes)


def _changes(run: Run, status: RunStatus) -> dict[str, Any]:
    """The fields of the run that the status changes."""
    if status.finished:
        return {"state": status.state, "message": status.message, "ended_at": now()}
    return {"state": status.state, "message": status.message}


def _take_metrics(store: Store, run: Run, folder: RunFolder) -> None:
    last = run_store.last_line(store, run.id)
    run_store.append_metrics(store, run.id, last + 1, read_rows(folder.metrics, last))


def _take_replies(store: Store, run: Run, folder: RunFolder, finished: bool) -> None:
    """Score the replies that are not in the store yet and keep both; many at a time, for it reads the snapshot."""
    rows = [row for row in read_rows(folder.replies, run_store.reply_count(store, run.id)) if row]
    if not rows or (len(rows) < REPLIES_AT_ONCE and not finished):
        return
    replies = [Reply.from_dict(row) for row in rows]
    toolset = Toolset.from_dict(run.config["toolset"])
    scenarios = {s.id: s for s in snapshot_store.load(store, run.snapshot).split(run.config["split"])}
    scores = [_judge(reply, scenarios[reply.scenario_id], toolset) for reply in replies]
    run_store.put_replies(store, run.id, replies, scores)


def _judge(reply: Reply, scenario: Scenario, toolset: Toolset) -> Score:
    """A call of a tool that was not offered with this request is a call of an unknown tool."""
    offered = dataclasses.replace(toolset, tools=toolset.offered(scenario))
    return score(scenario.id, scenario.outcome, reply.parsed, offered)


def _take_drafts(store: Store, run: Run, folder: RunFolder) -> None:
    """Add what a teacher wrote, however its run ended, as one change; what an earlier run brought in is left out."""
    rows = read_rows(folder.path / JOURNAL, run.config["journal_lines"])
    add_drafts(store, read_journal(folder.path, rows).drafts, run.config["author"], run.id)


def _summary(store: Store, run: Run, status: RunStatus) -> Mapping[str, Any]:
    """The figures of a finished run: what its worker says, or the headline of an evaluation."""
    if run.kind != "evaluate":
        return status.summary
    scenarios = snapshot_store.load(store, run.snapshot).split(run.config["split"])
    scores, replies = run_store.scores(store, run.id), run_store.replies(store, run.id)
    return {**status.summary, **summarise(scores, replies, scenarios).to_dict()}

"""Starting runs, following them, ending them. A run is a detached process that sees its folder and nothing else.

The store remembers; the folder tells. ``sync`` carries what folders tell into the store and starts what waits, and may
be called as often as one likes.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.actions import duplicates
from workbench.actions.curate import ProblemsError
from workbench.actions.drafts import add_drafts
from workbench.actions.models import STARTER_ID, ModelName, fingerprint, resolve, service_of, with_grammar
from workbench.actions.preflight import estimate
from workbench.actions.toolsets import refuse_broken
from workbench.actions.warm_start import WARM_START, copy_adapter, find_warm_start
from workbench.errors import WorkbenchError
from workbench.evaluation.job import EXAMPLES
from workbench.evaluation.statistics import summarise
from workbench.generation.job import JOURNAL, read_journal
from workbench.jobs import cancel as cancelling
from workbench.jobs.local import launch
from workbench.jobs.watch import observe
from workbench.records import Model, Reply, Run, RunKind, Scenario, Score, Split, Toolset
from workbench.runfolder import RunFolder, RunStatus, append_rows, explain, read_rows, tail_log, write_json
from workbench.scenarios.scoring import score
from workbench.store import runs as run_store
from workbench.store import snapshots as snapshot_store
from workbench.store.database import Store, now
from workbench.training.settings import TrainSettings, default_settings

WORKERS: dict[RunKind, str] = {
    "train": "workbench.training.worker",
    "evaluate": "workbench.evaluation.worker",
    "generate": "workbench.generation.worker",
    "export": "workbench.training.artefacts.worker",
}
BUSY = ("running", "stopping")
POLL_SECONDS = 0.5
REPLIES_AT_ONCE = 500
FOREVER = -1
RECENT_LINES = 20
"""Metrics rows among which the newest figures are sought: loss and validation stand in different rows."""


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


@dataclass(frozen=True)
class Progress:
    """How far a run is at this moment, from its folder.

    Attributes:
        phase: what the worker is doing, such as ``loading`` or ``training``.
        eta_s: seconds to go; None when not known.
        figures: the newest metrics (loss, steps_per_second, memory_mb …); empty before the first.
    """

    run: Run
    phase: str = ""
    step: int = 0
    total_steps: int = 0
    eta_s: float | None = None
    message: str = ""
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """0 to 1."""
        if self.run.state == "done":
            return 1.0
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


def make_snapshot(store: Store, toolset: str, note: str = "") -> str:
    """Freeze the approved scenarios of a toolset; returns the snapshot's hash. The same content has the same hash.

    Near-duplicates are brought onto one split first, as far as pins let them.

    Raises:
        ProblemsError: approved scenarios do not fit the toolset as it is now; nothing is left out silently.
        WorkbenchError: no such toolset, or nothing approved.
    """
    duplicates.check(store, toolset)
    return snapshot_store.create(store, toolset, note, refuse_broken)


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
        WorkbenchError: no such toolset, base or snapshot; no approved training scenario; the disk refuses.
    """
    model = resolve(store, base)
    settings = settings or default_settings(model.base)
    if problems := settings.check():
        raise ProblemsError("; ".join(map(str, problems)), problems, problems[0].hint)
    if model.adapter:
        raise WorkbenchError(f"'{base}' is an adapter already.", "Choose a base model, such as 'starter'.")
    if model.kind != "weights" or model.int8 or model.shots or ModelName.read(base).grammar:
        raise WorkbenchError(f"'{base}' cannot be trained.", "Choose a base model, such as 'starter'.")
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
    run = _new_run(
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
    return _start(store, dataclasses.replace(run, tags=tuple(tags)), "train.jsonl", rows, warm=warm)


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
    scenarios = frozen.split(split)
    if not scenarios:
        raise WorkbenchError(
            f"The snapshot {snapshot} has no {split} scenarios.", "Choose another split, or approve some of that split."
        )
    if only and not (scenarios := tuple(scenario for scenario in scenarios if scenario.id == only)):
        raise WorkbenchError(f"The {split} split has no scenario '{only}'.", "Choose one of the compared ones.")
    examples = frozen.rows if model.needs_examples else ()
    if model.needs_examples and not frozen.split("train"):
        raise WorkbenchError(
            f"The snapshot {snapshot} has no training scenarios to take examples from.", "Approve some of that split."
        )
    run = _new_run(
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
    return _start(store, run, "cases.jsonl", cases, more if examples else None)


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
    run = _new_run("generate", teacher, teacher.label, snapshot="", journal_lines=len(lines), **config)
    return _start(store, run, "cases.jsonl", ({"scenario": one.to_dict()} for one in known), {JOURNAL: lines})


def start_export(store: Store, model: Model, scenarios: Iterable[Scenario], config: Mapping[str, Any]) -> Run:
    """Start a run that writes a trained model as files and puts these scenarios to both, or queue it.

    Args:
        config: toolset, snapshot, split, settings and what the card says, as ``training.artefacts.worker`` reads them.
    """
    run = _new_run("export", model, model.label, **config)
    return _start(store, run, "cases.jsonl", ({"scenario": scenario.to_dict()} for scenario in scenarios))


def sync(store: Store) -> list[Run]:
    """Bring the store up to date with the run folders, start the next queued run, and return all runs.

    Runs that another app process started are adopted on the way: nothing of a run is kept in memory. When another
    thread is at it already, this returns what the store knows.
    """
    with alone(store) as unshared:
        if unshared:
            started = [run for run in _unfinished(store) if run.state in BUSY]
            failures = [error for run in started if (error := _try_to_follow(store, run))]
            _start_next(store)
            if failures:
                raise ExceptionGroup("some runs could not be followed", failures)
    return run_store.list_runs(store)


def wait(store: Store, run_id: str, on_progress: Callable[[Progress], None] | None = None) -> Run:
    """Follow a run until it has finished, whatever the outcome, calling ``on_progress`` about twice a second."""
    while True:
        sync(store)
        found = progress(store, run_id)
        if on_progress:
            on_progress(found)
        if found.run.finished:
            return found.run
        time.sleep(POLL_SECONDS)


def cancel(store: Store, run_id: str) -> Run:
    """End a run; one that has finished is left as it is.

    A queued run ends at once. A running one finishes its step, makes a checkpoint and keeps
    its adapter; if it does not, it is killed. ``run_queue.resume`` goes on with it.
    """
    with alone(store, FOREVER):
        run = get_run(store, run_id)
        if run.state == "queued":
            run_store.update(store, run_id, state="stopped", ended_at=now(), message="Stopped before it began.")
        elif run.state == "running":
            cancelling.ask(store.workspace.run_folder(run_id))
            run_store.update(store, run_id, state="stopping", message="Stopping…")
    return get_run(store, run_id)


def runs(store: Store, kind: RunKind | None = None) -> list[Run]:
    """All runs, or those of one kind, the newest first."""
    return run_store.list_runs(store, kind=kind or "")


def get_run(store: Store, run_id: str) -> Run:
    """The run of that id. Raises WorkbenchError when there is none."""
    run = run_store.get(store, run_id)
    if run is None:
        raise WorkbenchError(f"There is no run '{run_id}'.", "The list of runs has their ids.")
    return run


def progress(store: Store, run_id: str) -> Progress:
    """How far a run is. Raises WorkbenchError when there is none of that id."""
    run = get_run(store, run_id)
    if run.state == "queued":
        return Progress(run, phase="queued", message=run.message)
    status = observe(_folder(store, run).path)
    figures: dict[str, Any] = {}
    for row in run_store.metrics(store, run_id, run_store.last_line(store, run_id) - RECENT_LINES):
        figures |= row
    return Progress(
        run=run,
        phase="" if run.finished else status.phase,
        step=status.step,
        total_steps=status.total_steps,
        eta_s=None if run.finished else status.eta_s,
        message=run.message or status.message,
        figures=figures,
    )


def run_metrics(store: Store, run_id: str, after: int = 0) -> list[dict[str, Any]]:
    """Metrics rows behind the first ``after``, as the worker wrote them. Raises WorkbenchError for an unknown run."""
    get_run(store, run_id)
    return run_store.metrics(store, run_id, after)


def log_tail(store: Store, run_id: str, lines: int = 50) -> str:
    """The last lines of a run's log; empty when it has none (yet, or because its folder was deleted)."""
    return tail_log(_folder(store, get_run(store, run_id)), lines)


def _folder(store: Store, run: Run) -> RunFolder:
    return RunFolder(store.workspace.run_folder(run.id))


def _new_run(kind: RunKind, model: Model, name: str, **config: Any) -> Run:
    """A queued run; ``config`` is what its worker is given beside id, kind and model."""
    created = datetime.now(UTC)
    run_id = f"{kind}-{created:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    return Run(
        id=run_id,
        kind=kind,
        state="queued",
        snapshot=config["snapshot"],
        model=model.id,
        config={"run_id": run_id, "kind": kind, "model": dataclasses.asdict(model), **config},
        created_at=created.isoformat(timespec="milliseconds"),
        name=name,
    )


def _start(
    store: Store,
    run: Run,
    input_name: str,
    rows: Iterable[Mapping[str, Any]],
    more: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
    warm: Path | None = None,
) -> Run:
    """Write the folder of a new run, keep the run as queued, and start it if nothing else is running."""
    folder = _folder(store, run).path
    try:
        folder.mkdir(parents=True)
        for name, content in {input_name: rows, **(more or {})}.items():
            append_rows(folder / name, content)
        if warm:
            copy_adapter(warm, folder / WARM_START)
        write_json(folder / "config.json", run.config)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise WorkbenchError(f"The run could not be written to {folder}. {explain(error)}") from error
    run_store.add(store, dataclasses.replace(run, position=last_place(store) + 1))
    sync(store)
    return get_run(store, run.id)


def last_place(store: Store) -> int:
    """Where the last of the queued runs stands; 0 when none waits."""
    return max((run.position for run in run_store.queued(store)), default=0)


@contextmanager
def alone(store: Store, patience_s: float = 0) -> Iterator[bool]:
    """Whether this thread is the only one to change what state runs are in.

    A lock on a file, for there is no place in memory that all threads share.
    """
    lock = FileLock(store.workspace.runs / "sync.lock", timeout=patience_s, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _unfinished(store: Store) -> list[Run]:
    """Runs that are queued, running or stopping, the oldest first."""
    return [run for run in reversed(run_store.list_runs(store)) if not run.finished]


def _try_to_follow(store: Store, run: Run) -> Exception | None:
    """One run that cannot be followed must not keep the others from being followed."""
    try:
        _follow(store, run)
    except WorkbenchError as error:
        run_store.update(store, run.id, state="failed", ended_at=now(), message=str(error))
    except Exception as error:
        return error
    return None


def _follow(store: Store, run: Run) -> None:
    """Take in what the folder of a started run tells."""
    folder = _folder(store, run)
    status = cancelling.enforce(folder.path) if run.state == "stopping" else observe(folder.path)
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


def _start_next(store: Store) -> None:
    """Start the next queued run unless one is running: there is one device. Runs elsewhere start in any case."""
    taken = any(run.state in BUSY and not _is_elsewhere(run) for run in _unfinished(store))
    for run in run_store.queued(store):
        if taken and not _is_elsewhere(run):
            continue
        # Kept as running before it is launched: should this process die in between, the run shows as failed and is
        # not started twice.
        run_store.update(store, run.id, state="running", started_at=now(), message="")
        try:
            launch(_folder(store, run).path, WORKERS[run.kind], _key_names(run))
            taken = taken or not _is_elsewhere(run)
        except WorkbenchError as error:
            run_store.update(store, run.id, state="failed", ended_at=now(), message=str(error))


def _is_elsewhere(run: Run) -> bool:
    """Whether another machine does the work: such a run waits for nobody and nobody waits for it."""
    return "endpoint" in run.config


def _key_names(run: Run) -> list[str]:
    """The environment variables in which the worker finds the key of its endpoint."""
    name = run.config.get("endpoint", {}).get("key_env", "")
    return [name] if name else []

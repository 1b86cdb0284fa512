"""Train: the runs that wait, the table of all, in what two differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.actions.run_list import TRASH_DAYS, SettingDifference
from workbench.records import RUN_STATES, Run
from workbench.ui.train_form import RunPlace, setting_text
from workbench.ui.views.base import TONES, ago, duration, elapsed, number, pairs, percent, render, run_name


def base_name(run: Run) -> str:
    """The base model as people know it: a folder's name rather than its path."""
    model = run.config.get("model", {})
    name = str(model.get("id") or model.get("base") or run.model)
    return name.rsplit("/", 1)[-1] if name.startswith("/") else name


def train_queue(queued: Sequence[Run]) -> str:
    """The runs that wait, the next one first; nothing when none does."""
    rows = [{"id": run.id, "name": run_name(run), "kind": run.kind} for run in queued]
    return render("train_queue.html", rows=rows)


def train_runs(runs: Sequence[Run], watched: str, place: RunPlace | None = None, tags: Sequence[str] = ()) -> str:
    """The table.

    Args:
        watched: id of the run that is shown above.
        place: says which runs are listed; None lists all.
        tags: all there are, to choose from.
    """
    filter = (place or RunPlace()).filter
    rows = [
        {
            "id": run.id,
            "name": run_name(run),
            "state": run.state,
            "tone": TONES[run.state],
            "tags": run.tags,
            "base": base_name(run),
            "steps": f"{run.summary['steps']:,}" if run.summary.get("steps") else "–",
            "loss": number(run.summary.get("validation_loss")),
            "exact": percent(run.summary.get("validation_exact"), 0),
            "time": duration(elapsed(run)),
            "when": ago(run.created_at),
            "shown": run.id == watched,
        }
        for run in runs
    ]
    return render(
        "train_runs.html",
        rows=rows,
        filter=filter,
        narrowed=bool(filter.text or filter.state or filter.tag or filter.deleted),
        states=pairs(RUN_STATES, filter.state),
        tags=pairs(tags, filter.tag),
        days=TRASH_DAYS,
    )


def run_differences(runs: Sequence[Run], differences: Sequence[SettingDifference]) -> str:
    """In which settings two runs differ."""
    rows = [(one.name.replace("_", " "), *map(_value, one.values)) for one in differences]
    return render("train_diff.html", names=[run_name(run) for run in runs], rows=rows)


def _value(value: Any) -> str:
    return "–" if value in (None, "") else setting_text(value)

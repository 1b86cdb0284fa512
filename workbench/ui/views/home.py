"""Home: what is here, and which step comes next."""

from __future__ import annotations

from typing import Any

from workbench.actions.overview import Overview
from workbench.actions.run_progress import Progress
from workbench.records import Run
from workbench.ui import forms
from workbench.ui.views.base import TONES, ago, going, number, percent, render, run_name, shares


def home(overview: Overview) -> str:
    steps = _steps(overview)
    done = sum(step["state"] == "done" for step in steps)
    return render(
        "home.html",
        steps=steps,
        done=done,
        finished=done == len(steps),
        figures=_figures(overview),
        splits=shares(overview.splits),
        recorded=overview.recorded,
        inbox=overview.inbox,
        run=_latest(overview.latest) if overview.latest else None,
    )


def _steps(overview: Overview) -> list[dict[str, str]]:
    tools = overview.tools
    thin = tools - overview.covered
    covered = f"All {tools} tools have approved scenarios to train and to test on."
    missing = f"{thin} of {tools} tools lack approved scenarios in train or test."
    author = "Say what a person would say, choose the call that must follow, approve it."
    train = "Adapt the small starter model to the toolset and watch the loss fall. A few minutes."
    compare = "Put the same unseen scenarios to the base and to your model, side by side."
    rows = [
        (overview.authored, "Author a scenario", author, "/scenarios?open=new", "Write one"),
        (tools > 0 and thin == 0, "See the coverage", missing if thin else covered, "/coverage", "Look"),
        (overview.trained > 0, "Train a model", train, "/train", "Train"),
        (overview.compared, "Compare it with its base", compare, "/compare", "Compare"),
    ]
    following = next((i for i, row in enumerate(rows) if not row[0]), -1)
    return [
        {
            "state": "done" if done else "next" if i == following else "later",
            "title": title,
            "text": text,
            "link": link,
            "action": action,
        }
        for i, (done, title, text, link, action) in enumerate(rows)
    ]


def _figures(overview: Overview) -> list[dict[str, str]]:
    drafts = f"+ {overview.drafts:,} draft{'s' if overview.drafts != 1 else ''}" if overview.drafts else ""
    sets = f"in {overview.toolsets} toolsets" if overview.toolsets != 1 else ""
    pairs = f"of {overview.pairs}" if overview.pairs else ""
    trained = f"+ {overview.bases} bases" if overview.bases else ""
    return [
        {"value": f"{overview.approved:,}", "of": drafts, "label": "approved scenarios"},
        {"value": f"{overview.tools:,}", "of": sets, "label": "tools to choose from"},
        {"value": f"{overview.filled}", "of": pairs, "label": "tool and OS pairs covered"},
        {"value": f"{overview.trained}", "of": trained, "label": "trained models"},
    ]


def _latest(progress: Progress) -> dict[str, Any]:
    run = progress.run
    pages = {"train": f"/train?{forms.address(run=run.id)}", "generate": f"/generate?{forms.address(run=run.id)}"}
    link = pages.get(run.kind, "/compare")
    active = not run.finished
    text = run.message if run.state == "failed" else _summary(run)
    if active:
        text = going(progress)
    return {
        "name": f"{_KINDS[run.kind]} · {run_name(run)}",
        "state": run.state,
        "tone": TONES[run.state],
        "link": link,
        "when": ago(run.created_at),
        "percent": round(100 * progress.fraction) if active else None,
        "text": text,
    }


_KINDS = {"train": "Training", "evaluate": "Evaluation", "generate": "Teacher"}


def _summary(run: Run) -> str:
    if run.kind == "generate":
        return f"{run.summary.get('drafts', 0):,} drafts, {run.summary.get('rejects', 0):,} rejected"
    loss, exact = run.summary.get("validation_loss"), run.summary.get("validation_exact")
    parts = [f"validation loss {number(loss)}"] if loss is not None else []
    parts += [f"{percent(exact, 0)} exact calls on validation"] if exact is not None else []
    said = ", ".join(parts)
    return said[:1].upper() + said[1:]

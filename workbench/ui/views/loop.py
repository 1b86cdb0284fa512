"""What answers for a toolset, how near the next training is, and which model is proposed instead."""

from __future__ import annotations

from typing import Any

from workbench.actions.auto_train import AutoState
from workbench.actions.run_progress import Progress
from workbench.actions.served import Proposal
from workbench.store.served import Served
from workbench.ui import forms
from workbench.ui.views.base import ago, going, render, run_name


def loop(now: Served, auto: AutoState, under_way: Progress | None, proposal: Proposal | None) -> str:
    """The panel. ``under_way``: a training that was started because enough was new."""
    return render(
        "loop.html",
        toolset=now.toolset,
        model=now.model,
        since=ago(now.since) if now.since else "",
        reason=now.reason,
        author=now.author,
        new=auto.new,
        enough=auto.rule.min_new,
        due=auto.due,
        by_itself=auto.rule.active,
        by_rule=auto.rule.swap == "not_worse",
        run=_run(under_way) if under_way else None,
        proposal=_proposal(proposal) if proposal else None,
    )


def _run(progress: Progress) -> dict[str, Any]:
    return {
        "name": run_name(progress.run),
        "link": f"/train?{forms.address(run=progress.run.id)}",
        "percent": round(100 * progress.fraction),
        "text": going(progress),
    }


def _proposal(one: Proposal) -> dict[str, Any]:
    place = forms.address(model=[one.served.model, one.model], snapshot=one.candidate.snapshot, split="test")
    return {
        "name": run_name(one.candidate),
        "model": one.model,
        "ready": one.state == "ready",
        "waiting": one.state == "waiting",
        "tone": "" if one.state != "ready" else "good" if one.not_worse else "warn",
        "verdict": {True: "not worse", False: "worse, or fewer exact calls"}[one.not_worse],
        "reason": one.reason,
        "compare": f"/compare?{place}",
    }

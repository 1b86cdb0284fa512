"""Generate: the form, the preview, and the teacher's run that is watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.actions.generating import SHOWN, Batch
from workbench.actions.run_progress import Progress
from workbench.actions.teaching import TeacherReport
from workbench.errors import Problem
from workbench.records import NO_TOOL, SPLITS, Run, Scenario, Toolset
from workbench.scenarios.generate.novelty import NEAR
from workbench.scenarios.splitting import split_of
from workbench.scenarios.validate import KNOWN_OS
from workbench.ui import forms
from workbench.ui.generate_form import CHOICES, Sheet
from workbench.ui.views.base import TONES, ago, duration, outcome_text, pairs, render, said

_WAYS = (
    ("schema", "Schema", "Every choice, optional and boundary of a tool, in a literal request to reword."),
    ("template", "Templates", "Sentences with slots, in every context and way of talking."),
    ("typos", "Variants", "Scenarios that are there with slips, other case, politeness or word order."),
    ("teacher", "Teacher", "A large model behind an OpenAI-compatible endpoint writes them."),
)
_CHANGES = {"typos": "Typos", "case": "Case", "polite": "Politeness", "order": "Word order"}
_ENDPOINT = (
    ("base_url", "Address", "Ends with /v1", "http://127.0.0.1:8000/v1"),
    ("model", "Model", "As the endpoint calls it", ""),
    ("key_env", "Key variable", "Environment variable with the key", "none needed"),
)
_PRICES = (
    ("each", "A question", "Scenarios each"),
    ("max_cost", "Limit", "Money; 0: none"),
    ("price_in", "Prompt price", "A million tokens"),
    ("price_out", "Answer price", "A million tokens"),
)


def generate_head() -> str:
    return render("generate_head.html")


def generate_form(sheet: Sheet, toolsets: Sequence[Toolset], modes: Sequence[str], problems: Sequence[Problem]) -> str:
    """``modes``: those that occur; ``problems``: of the order, beside those of the sheet."""
    order = sheet.order
    tools = next((one.tool_names for one in toolsets if one.name == order.toolset), ())
    by_field = _by_field(order.way, (*sheet.problems, *problems))
    fields = {"count", "seed", "template", "tool", "os", "change", "style", *(row[0] for row in (*_ENDPOINT, *_PRICES))}
    general = [text for name, texts in by_field.items() if name not in fields for text in texts]
    return render(
        "generate_form.html",
        ways=[(name, label) for name, label, _ in _WAYS],
        way=order.way,
        about=dict((name, about) for name, _, about in _WAYS)[order.way],
        toolsets=pairs([one.name for one in toolsets]),
        toolset=order.toolset,
        tools=[*tools, *([] if order.way == "schema" else [NO_TOOL])],
        chosen=order.tools,
        oses=KNOWN_OS[:4] + tuple(one for one in order.oses if one in KNOWN_OS[4:]),
        chosen_oses=order.oses,
        modes=", ".join(order.modes),
        mode_hint=f"Known: {', '.join(mode for mode in modes if mode)}" if any(modes) else "Separate with commas",
        text=sheet.text,
        template_text=order.template,
        changes=[(name, _CHANGES.get(name, name)) for name in CHOICES["change"]],
        chosen_changes=order.changes,
        styles=[(name, name) for name in CHOICES["style"]],
        chosen_styles=order.styles,
        splits=SPLITS,
        split=order.split,
        paraphrase=order.paraphrase,
        endpoint=_ENDPOINT,
        prices=_PRICES,
        problems={**by_field, "": general},
        query=sheet.query,
        run=sheet.run,
    )


def _by_field(way: str, problems: Sequence[Problem]) -> dict[str, list[str]]:
    """What is wrong at each field of the form; what is wrong in a template says where in it."""
    known = {"oses": "os", "tools": "tool", "changes": "change", "styles": "style"}
    found: dict[str, list[str]] = {}
    for problem in problems:
        name, text = problem.field.removeprefix("endpoint.").removeprefix("settings."), said(problem)
        if way == "template" and (problem.line or name.partition("[")[0] in ("template", "context")):
            line = f"Line {problem.line}, " if problem.line else ""
            name, text = "template", f"{line}{problem.field}: {text}"
        found.setdefault(known.get(name, name), []).append(text)
    return found


def generate_preview(batch: Batch | None, plan: str = "") -> str:
    """Examples of what would come; None where the order has problems or is a teacher's."""
    if batch is None:
        return render("generate_preview.html", rows=[], left=[], notes=[], plan=plan, n=0, left_n=0, more=0, near=NEAR)
    return render(
        "generate_preview.html",
        rows=[_row(draft) for draft in batch.drafts[:SHOWN]],
        left=[(one.request, one.reason) for one in batch.left[:SHOWN]],
        notes=batch.notes,
        plan=plan,
        n=len(batch.drafts),
        left_n=len(batch.left),
        more=max(len(batch.drafts) - SHOWN, 0),
        near=NEAR,
    )


def generate_now(progress: Progress | None, report: TeacherReport | None, earlier: Sequence[Run]) -> str:
    """The teacher's run that is watched, with cost and rejects; nothing when there is none."""
    run = _watched(progress, report) if progress and report else None
    others = [{"id": one.id, "name": one.name or one.model, "when": ago(one.created_at)} for one in earlier]
    return render("generate_now.html", run=run, others=others)


def _watched(progress: Progress, report: TeacherReport) -> dict[str, Any]:
    run, figures = progress.run, report.tally.figures(report.settings)
    priced = report.settings.price_in or report.settings.price_out
    tiles = [
        ("Drafts", f"{figures['drafts']:,} / {figures['wanted']:,}"),
        ("Rejected", f"{figures['rejects']:,}"),
        ("Questions", f"{figures['asks']:,}"),
        ("Tokens", f"{figures['prompt_tokens'] + figures['completion_tokens']:,}"),
        ("Cost", f"{figures['cost']:.4f}" if priced else "–"),
    ]
    tiles += [] if run.finished else [("To go", duration(progress.eta_s))]
    return {
        "id": run.id,
        "name": run.name or run.model,
        "about": f"{run.config['endpoint']['base_url']} · started {ago(run.created_at)}",
        "state": run.state,
        "tone": TONES[run.state],
        "active": not run.finished,
        "stoppable": run.state in ("queued", "running"),
        "resumable": run.finished and figures["drafts"] < figures["wanted"],
        "percent": round(100 * min(1, figures["drafts"] / figures["wanted"]), 1),
        "message": run.message,
        "failed": run.state == "failed",
        "tiles": tiles,
        "rows": [_row(draft) for draft in reversed(report.tally.drafts[-SHOWN:])],
        "rejects": [(one.text, one.reason) for one in reversed(report.tally.rejects[-SHOWN:])],
        "rejects_n": len(report.tally.rejects),
        "review": f"/scenarios?{forms.address(toolset=run.config['toolset']['name'], status='draft')}",
    }


def _row(draft: Scenario) -> dict[str, Any]:
    place = " · ".join(part for part in (draft.os, draft.shell, draft.mode) if part)
    return {"request": draft.request, "call": outcome_text(draft.outcome), "place": place, "split": split_of(draft)}

"""Records as rows, figures and HTML. Imports no gradio and knows no store.

Everything that leaves this module went through ``templates/`` with autoescape on: text from outside stays text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from workbench.actions.comparing import Cell, Column, Comparison, Row
from workbench.actions.coverage import Coverage
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.actions.overview import Overview
from workbench.actions.runs import Progress
from workbench.actions.transfer import ImportReport
from workbench.errors import Problem
from workbench.evaluation.statistics import Rate
from workbench.records import (
    NO_TOOL,
    SPLITS,
    STATUSES,
    ArgumentScore,
    Model,
    Outcome,
    Run,
    Scenario,
    Tool,
    ToolCall,
    Toolset,
)
from workbench.scenarios.splitting import split_of
from workbench.scenarios.validate import KNOWN_OS
from workbench.store.scenarios import Change, Revision, ScenarioFilter
from workbench.store.snapshots import SnapshotInfo
from workbench.training.settings import PRECISIONS
from workbench.ui import forms
from workbench.ui.forms import NEW, Bench, Desk, TrainOrder

PAGES = (
    ("/", "Home"),
    ("/scenarios", "Scenarios"),
    ("/coverage", "Coverage"),
    ("/train", "Train"),
    ("/compare", "Compare"),
)
ROWS = 50
ANSWERS = 25
SHELLS = ("bash", "zsh", "fish", "sh", "powershell", "cmd")
EXPORTS = (
    ("jsonl", "JSONL", "The workbench's own form; nothing is lost"),
    ("chat", "Chat JSONL", "messages and tools, as trainers read it"),
    ("csv", "CSV", "For spreadsheets"),
)
TONES = {
    "approved": "good",
    "draft": "warn",
    "rejected": "bad",
    "running": "accent",
    "queued": "",
    "stopping": "warn",
    "done": "good",
    "stopped": "warn",
    "failed": "bad",
    "exact": "good",
    "wrong arguments": "warn",
    "wrong tool": "bad",
    "malformed": "bad",
}
VERDICTS = ("exact", "wrong arguments", "wrong tool", "malformed")
COLORS = ("c1", "c2", "c3", "c4", "c5", "c6")

_templates = Environment(
    loader=PackageLoader("workbench.ui"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Makes a form or message new to the browser even when it says the same again, so that what was typed gives way.
_templates.globals["stamp"] = time.monotonic_ns


def render(template: str, **parts: Any) -> str:
    return _templates.get_template(template).render(**parts)


# Every page


def header(active: str) -> str:
    return render("header.html", pages=PAGES, active=active)


def toast(message: str, hint: str = "", bad: bool = False, undo: bool = False) -> str:
    """A message in the corner."""
    return render("toast.html", message=message, hint=hint, bad=bad, undo=undo)


def ago(at: str, now: datetime | None = None) -> str:
    """An ISO time in UTC as people say it: ``just now``, ``5 min ago``, ``3 h ago``, or the date."""
    if not at:
        return ""
    seconds = ((now or datetime.now(UTC)) - _when(at)).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h ago"
    return at[:10]


def duration(seconds: float | None) -> str:
    """``8 s``, ``2 min 05 s`` or ``1 h 04 min``; a dash when not known."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def percent(share: float | None, digits: int = 1) -> str:
    """``97.5 %``; a dash when not known."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def number(value: Any, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if isinstance(value, (int, float)) else "–"


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as a program would write it: ``ping_host(host="example.org", count=3)``."""
    inner = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({inner})"


def calls_text(calls: Iterable[ToolCall]) -> str:
    return " + ".join(call_text(call.name, call.arguments) for call in calls) or NO_TOOL


def outcome_text(outcome: Outcome) -> str:
    joint = " → " if outcome.ordered else " + "
    return joint.join(call_text(call.name, call.arguments) for call in outcome.calls) or NO_TOOL


def _when(at: str) -> datetime:
    moment = datetime.fromisoformat(at)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shares(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"label": name, "n": counts.get(name, 0), "text": f"{counts.get(name, 0):,}", "color": color}
        for name, color in zip(SPLITS, COLORS, strict=False)
    ]


# Home


def home(overview: Overview) -> str:
    steps = _steps(overview)
    done = sum(step["state"] == "done" for step in steps)
    return render(
        "home.html",
        steps=steps,
        done=done,
        finished=done == len(steps),
        figures=_figures(overview),
        splits=_shares(overview.splits),
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
    link = f"/train?{forms.address(run=run.id)}" if run.kind == "train" else "/compare"
    active = not run.finished
    text = run.message if run.state == "failed" else _summary(run)
    if active:
        text = _going(progress)
    return {
        "name": f"{'Training' if run.kind == 'train' else 'Evaluation'} · {run_name(run)}",
        "state": run.state,
        "tone": TONES[run.state],
        "link": link,
        "when": ago(run.created_at),
        "percent": round(100 * progress.fraction) if active else None,
        "text": text,
    }


def _going(progress: Progress) -> str:
    unit = "step " if progress.run.kind == "train" else ""
    step = f"{unit}{progress.step:,} of {progress.total_steps:,}" if progress.total_steps else progress.phase
    left = f", {duration(progress.eta_s)} to go" if progress.eta_s is not None else ""
    return f"{step}{left}"


def _summary(run: Run) -> str:
    loss, exact = run.summary.get("validation_loss"), run.summary.get("validation_exact")
    parts = [f"validation loss {number(loss)}"] if loss is not None else []
    parts += [f"{percent(exact, 0)} exact calls on validation"] if exact is not None else []
    return ", ".join(parts)


# Scenarios


def scenarios_head() -> str:
    return render("scenarios_head.html", formats=EXPORTS)


def scenarios_filters(filter: ScenarioFilter, toolsets: Sequence[Toolset], modes: Iterable[str]) -> str:
    chosen = [toolset for toolset in toolsets if filter.toolset in ("", toolset.name)]
    tools = list(dict.fromkeys(name for toolset in chosen for name in toolset.tool_names))
    menus = [
        ("tool", "Tool", _pairs([*tools, NO_TOOL], filter.tool)),
        ("os", "OS", _pairs(KNOWN_OS, filter.os)),
        ("mode", "Mode", _pairs([mode for mode in modes if mode], filter.mode)),
        ("split", "Split", _pairs(SPLITS, filter.split)),
        ("status", "Status", _pairs(STATUSES, filter.status)),
    ]
    names = _pairs([toolset.name for toolset in toolsets], filter.toolset)
    return render("scenarios_filters.html", filter=filter, toolsets=names, menus=menus)


def scenarios_list(rows: Sequence[Scenario], total: int, desk: Desk) -> str:
    first = (desk.page - 1) * ROWS + 1
    return render(
        "scenarios_list.html",
        rows=[
            {
                "id": row.id,
                "request": row.request,
                "call": outcome_text(row.outcome),
                "os": row.os,
                "mode": row.mode,
                "split": split_of(row),
                "status": row.status,
                "tone": TONES[row.status],
                "open": row.id == desk.open,
            }
            for row in rows
        ],
        total=total,
        first=first,
        last=first + len(rows) - 1,
        page=desk.page,
        pages=max(1, -(-total // ROWS)),
        filtered=desk.filter != ScenarioFilter(),
        query=desk.query,
    )


def _pairs(values: Iterable[str], chosen: str = "") -> list[tuple[str, str]]:
    """Choices of a menu; a chosen value that is not among them is added, so that the menu does not hide it."""
    known = list(values)
    return [(value, value) for value in [*known, *([chosen] if chosen and chosen not in known else [])]]


def editor(
    scenario: Scenario,
    toolset: Toolset,
    *,
    desk: Desk,
    problems: Sequence[Problem] = (),
    history: Sequence[Revision] = (),
    modes: Iterable[str] = (),
    several: bool = False,
    dirty: bool = False,
) -> str:
    """The form beside the table.

    Args:
        problems: shown at their fields; those without a field of their own stand on top.
        history: revisions, the newest first; empty for a scenario that was never saved.
        several: offer several calls although there is only one yet.
        dirty: the form holds what is not saved.
    """
    calls = [_call_form(i, call.name, scenario, toolset, problems) for i, call in enumerate(scenario.outcome.calls)]
    shown = {"request", "os"} | {place for call in calls for place in call["places"]}
    looking = desk.revision and history and desk.revision != history[0].revision
    banner = f"This is revision {desk.revision}. Save to make it the current one again." if looking else ""
    kind = "none" if scenario.outcome.is_no_tool else "several" if several or len(calls) > 1 else "one"
    return render(
        "editor.html",
        scenario=scenario,
        saved=bool(history),
        title="Edit scenario" if history else "New scenario",
        subtitle=" · ".join(part for part in (scenario.id, toolset.name, scenario.source) if part),
        banner=banner,
        dirty=dirty or bool(looking),
        focus=f"{scenario.id}/{desk.revision}",
        outcome=kind,
        calls=calls,
        tools=_pairs(toolset.tool_names),
        general=[str(problem) for problem in problems if problem.field not in shown],
        problems={name: [said(p) for p in problems if p.field == name] for name in ("request", "os")},
        turns=[(turn.role, turn.content or _turn_text(turn)) for turn in scenario.history],
        oses=_pairs(KNOWN_OS, scenario.os),
        shells=SHELLS,
        modes=[mode for mode in modes if mode],
        statuses=STATUSES,
        splits=_pairs(SPLITS),
        split_auto=f"automatic ({split_of(_unpinned(scenario))})" if scenario.request else "automatic",
        history=_history(history, desk.revision),
    )


def not_saved(problems: Sequence[Problem]) -> str:
    """The message that goes with problems at their fields."""
    fields = "One field needs" if len(problems) == 1 else f"{len(problems)} fields need"
    return toast(f"Not saved. {fields} mending.", "Or save it as a draft.", bad=True)


def said(problem: Problem) -> str:
    """A problem as it reads beside its field. What a hint says of quotes is for files, not for forms."""
    hint = "" if "quotes" in problem.hint else problem.hint
    return f"{problem.message[:1].upper()}{problem.message[1:]}. {hint}".strip()


def _unpinned(scenario: Scenario) -> Scenario:
    return Scenario(scenario.id, scenario.toolset, scenario.request)


def _turn_text(turn: Any) -> str:
    return calls_text(turn.calls) if turn.calls else f"{turn.name}: {json.dumps(turn.result, ensure_ascii=False)}"


def _call_form(i: int, name: str, scenario: Scenario, toolset: Toolset, problems: Sequence[Problem]) -> dict[str, Any]:
    call = scenario.outcome.calls[i]
    tool = toolset.tool(name) or Tool(name, "", {})
    strays = {key: {} for key in call.arguments if key not in tool.properties}
    arguments = [
        _argument(i, key, schema, call.arguments.get(key), key in tool.required, problems)
        for key, schema in {**tool.properties, **strays}.items()
    ]
    accepted = sum(len(values) for values in call.accept.values())
    kept = [f"{accepted} further accepted values"] if accepted else []
    kept += [f"may be left out: {', '.join(sorted(call.optional))}"] if call.optional else []
    place = f"expected[{i}].name"
    return {
        "name": name,
        "description": tool.description,
        "arguments": arguments,
        "kept": "; ".join(kept),
        "problems": [said(problem) for problem in problems if problem.field == place],
        "places": {place, *(p.field for p in problems if any(_is_at(p, a["place"]) for a in arguments))},
    }


def _argument(
    i: int, name: str, schema: Mapping[str, Any], value: Any, required: bool, problems: Sequence[Problem]
) -> dict[str, Any]:
    kind = forms.argument_kind(schema)
    place = f"expected[{i}].arguments.{name}"
    enum = schema.get("items", {}).get("enum", ()) if kind == "choices" else schema.get("enum", ())
    text = forms.argument_text(schema, value)
    return {
        "name": name,
        "kind": kind,
        "place": place,
        "id": f"c{i}-{name}",
        "field": f"call.{i}.arg.{name}",
        "text": text,
        "long": len(text) > 60 or "\n" in text,
        "chosen": [forms.as_text(item) for item in value] if isinstance(value, list) else [],
        "options": _pairs(map(forms.as_text, enum), text if kind == "choice" else ""),
        "required": required,
        "hint": _argument_hint(schema, kind),
        "problems": [said(problem) for problem in problems if _is_at(problem, place)],
    }


def _argument_hint(schema: Mapping[str, Any], kind: str) -> str:
    parts = [str(schema.get("description", "")).rstrip(".")]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None or high is not None:
        parts.append(f"at least {low}" if low is not None else f"at most {high}")
    if "default" in schema:
        parts.append(f"default {json.dumps(schema['default'], ensure_ascii=False)}")
    parts += ["separate with commas"] if kind == "list" else ["JSON"] if kind == "json" else []
    return " · ".join(part for part in parts if part)


def _is_at(problem: Problem, place: str) -> bool:
    return problem.field == place or problem.field.startswith((f"{place}[", f"{place}."))


def _history(history: Sequence[Revision], shown: int) -> list[dict[str, Any]]:
    older: list[Revision | None] = [*history[1:], None]
    return [
        {
            "revision": one.revision,
            "what": "deleted" if one.deleted else "created" if before is None else one.kind,
            "author": "you" if one.author == DEFAULT_AUTHOR else one.author,
            "when": ago(one.at),
            "shown": one.revision == (shown or history[0].revision),
            "changed": _changed(before, one),
        }
        for one, before in zip(history, older, strict=False)
    ]


def _changed(before: Revision | None, after: Revision) -> str:
    """Which fields a revision changed."""
    if before is None or after.deleted or before.deleted:
        return ""
    old, new = before.scenario.to_dict(), after.scenario.to_dict()
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return f"changed {', '.join(names)}" if names else ""


def undone(change: Change) -> str:
    """What an undo took back, as a sentence."""
    n = "1 scenario" if change.scenarios == 1 else f"{change.scenarios:,} scenarios"
    return f"Undone: {change.kind} of {n}, {ago(change.at)}."


def import_panel(
    report: ImportReport | None, toolsets: Sequence[Toolset] = (), toolset: str = "", done: bool = False
) -> str:
    """What a file holds, before (or after) it is imported. Empty without a report."""
    if report is None:
        return render("import.html", report=None)
    bring = report.good + report.drafts
    what = "tool" if report.kind == "tools" else "scenario"
    return render(
        "import.html",
        report=report,
        title=f"{'Imported' if done else 'Import'} {report.name}",
        problems=report.problems[:100],
        more=max(0, len(report.problems) - 100),
        done=done,
        bring=f"Import {bring:,} {what}{'s' if bring != 1 else ''}" if bring else "",
        toolsets=_pairs([one.name for one in toolsets]),
        toolset=toolset,
    )


# Coverage


def coverage(found: Coverage, splits: Mapping[str, int], toolsets: Sequence[Toolset], status: str = "") -> str:
    """Heatmaps tool × OS and tool × mode as tables of links; ``splits`` counts scenarios by split."""
    tables = [
        _heatmap("Tool × OS", "os", found, _columns(found.oses, KNOWN_OS[:4]), found.by_tool_os, status),
        _heatmap("Tool × mode", "mode", found, _columns(found.modes), found.by_tool_mode, status),
    ]
    shown = [table for table in tables if table["columns"]]
    empty = sum(bool(cell["link"]) and not cell["n"] for table in shown for row in table["rows"] for cell in row["cells"])
    summary = "Where scenarios are plenty and where they are thin. A number shows its scenarios; a + starts a new one there."
    return render(
        "coverage.html",
        summary=f"{summary} {empty} empty cells." if empty else f"{summary} No cell is empty.",
        total=f"{found.total:,}",
        toolsets=_pairs([one.name for one in toolsets]),
        toolset=found.toolset,
        status=status,
        splits=_shares(splits),
        tables=shown,
        query=forms.address(toolset=found.toolset if len(toolsets) > 1 else "", status=status),
    )


def _heatmap(
    title: str,
    axis: str,
    found: Coverage,
    columns: Sequence[str],
    counts: Mapping[tuple[str, str], int],
    status: str,
) -> dict[str, Any]:
    top = max(counts.values(), default=0)

    declared = found.tools[: found.tools.index(NO_TOOL) + 1]

    def cell(tool: str, column: str) -> dict[str, Any]:
        n = counts.get((tool, column), 0)
        # No filter finds what has no OS, and nothing new is written for a tool that the toolset does not have.
        linked = column and (n or tool in declared)
        place = forms.address(toolset=found.toolset, tool=tool, status=status, open="" if n else NEW, **{axis: column})
        says = f"{n:,} scenario{'s' if n != 1 else ''}" if n else "none yet, write one"
        return {
            "n": f"{n:,}" if n else "",
            "level": round(8 + 92 * n / top) if n else 0,
            "tone": "" if n else "none",
            "link": f"/scenarios?{place}" if linked else "",
            "says": f"{tool}, {column}: {says}",
        }

    rows = [{"tool": tool, "cells": [cell(tool, column) for column in columns]} for tool in found.tools]
    labels = [column or "any" for column in columns]
    return {"title": title, "columns": labels, "rows": rows, "note": f"most in one cell: {top:,}"}


def _columns(found: Sequence[str], always: Sequence[str] = ()) -> list[str]:
    """Values that occur, then those that are always shown, the empty one last."""
    named = [value for value in dict.fromkeys([*found, *always]) if value]
    return [*named, *([""] if "" in found else [])]


# Train

_MAIN = (
    ("epochs", "Epochs", "Times through all scenarios"),
    ("learning_rate", "Learning rate", ""),
    ("batch_size", "Batch", "Scenarios a step"),
    ("rank", "LoRA rank", "Size of the adapter"),
)
_MORE_LABELS = {
    "alpha": "LoRA alpha",
    "max_seconds": "Time limit (s)",
    "augment": "Augmentation",
    "early_stop_patience": "Early stop after",
    "validate_every": "Validate every",
    "clip": "Gradient clip",
}
_MORE_HINTS = {
    "augment": "share of requests varied, 0 to 1",
    "max_seconds": "0: none",
    "threads": "0: as torch decides",
}
_ABOUT = {"starter": "Ships with the workbench: tiny, to see the whole loop in minutes."}
_CHOICES = {"precision": PRECISIONS}


def train_form(
    order: TrainOrder,
    toolsets: Sequence[Toolset],
    bases: Sequence[Model],
    counts: Mapping[str, int],
    problems: Sequence[Problem] = (),
) -> str:
    """``counts``: approved scenarios of the toolset by split."""
    values = order.settings.to_dict()
    known = {model.id: model.label for model in bases}
    main = [_setting(name, label, hint, order) for name, label, hint in _MAIN]
    names = [name for name in values if name not in {row[0] for row in _MAIN}]
    more = [_setting(name, _label(name), _MORE_HINTS.get(name, ""), order) for name in names]
    by_field: dict[str, list[str]] = {}
    for problem in problems:
        field = problem.field.removeprefix("settings.")
        by_field.setdefault(field if field in (*values, "base") else "", []).append(said(problem))
    material = ", ".join(f"{counts.get(split, 0):,} {split}" for split in SPLITS)
    return render(
        "train_form.html",
        toolsets=_pairs([one.name for one in toolsets]),
        toolset=order.toolset,
        base=order.base,
        other=None if order.base in known else order.base,
        about=_ABOUT.get(order.base, "It must be on this computer, or reachable on the Hugging Face hub."),
        name=order.name,
        bases=list(known.items()),
        main=main,
        more=more,
        unfold=any(name in by_field for name in names),
        problems=by_field,
        ready=counts.get("train", 0) > 0,
        material=f"{material} scenarios, approved",
    )


def _label(name: str) -> str:
    return _MORE_LABELS.get(name) or name.replace("_", " ").capitalize()


def _setting(name: str, label: str, hint: str, order: TrainOrder) -> dict[str, Any]:
    text = order.typed.get(name) or forms.setting_text(getattr(order.settings, name))
    choices = _CHOICES.get(name, ())
    known = _pairs(choices, text) if choices else []
    return {"name": name, "label": label, "hint": hint, "value": text, "options": known}


def run_name(run: Run) -> str:
    return run.name or run.id


def train_now(progress: Progress | None, log: str, query: str) -> str:
    """The run that is watched: state, progress, figures, end of its log."""
    return render("train_now.html", run=_watched(progress, log) if progress else None, query=query)


def _watched(progress: Progress, log: str) -> dict[str, Any]:
    run = progress.run
    active = not run.finished
    return {
        "id": run.id,
        "name": run_name(run),
        "about": " · ".join(part for part in (f"on {_base_name(run)}", f"started {ago(run.created_at)}") if part),
        "state": run.state,
        "tone": TONES[run.state],
        "stoppable": run.state in ("queued", "running"),
        "percent": round(100 * progress.fraction, 1) if active else None,
        "message": (run.message or progress.message) if active or run.state in ("failed", "stopped") else "",
        "failed": run.state == "failed",
        "tiles": _tiles(progress),
        "next": f"/compare?{forms.address(model=(run.model, f'run:{run.id}'))}" if run.state in ("done", "stopped") else "",
        "folder": f"runs/{run.id}/adapter",
        "log": log,
    }


def _tiles(progress: Progress) -> list[tuple[str, str]]:
    run, figures = progress.run, dict(progress.figures or {})
    summary = run.summary
    steps = f"{progress.step:,} / {progress.total_steps:,}" if progress.total_steps else "–"
    tiles = [
        ("Step", steps),
        ("Train loss", number(figures.get("loss", summary.get("loss")))),
        ("Validation loss", number(figures.get("validation_loss", summary.get("validation_loss")))),
        ("Exact calls", percent(figures.get("validation_exact", summary.get("validation_exact")), 0)),
        ("Steps per second", number(figures.get("steps_per_second"), 2)),
        ("Memory", f"{figures['memory_mb'] / 1024:.1f} GB" if figures.get("memory_mb") else "–"),
    ]
    if run.finished:
        return [*tiles, ("Took", duration(elapsed(run)))]
    return [*tiles, ("To go", duration(progress.eta_s))]


def elapsed(run: Run) -> float | None:
    """Seconds from start to end."""
    if not run.started_at or not run.ended_at:
        return None
    return (_when(run.ended_at) - _when(run.started_at)).total_seconds()


def _base_name(run: Run) -> str:
    model = run.config.get("model", {})
    name = str(model.get("label") or model.get("id") or model.get("base") or run.model)
    return name.rsplit("/", 1)[-1] if name.startswith("/") else name


def train_runs(runs: Sequence[Run], watched: str) -> str:
    rows = [
        {
            "id": run.id,
            "name": run_name(run),
            "state": run.state,
            "tone": TONES[run.state],
            "base": _base_name(run),
            "steps": f"{run.summary['steps']:,}" if run.summary.get("steps") else "–",
            "loss": number(run.summary.get("validation_loss")),
            "exact": percent(run.summary.get("validation_exact"), 0),
            "time": duration(elapsed(run)),
            "when": ago(run.created_at),
            "shown": run.id == watched,
        }
        for run in runs
    ]
    return render("train_runs.html", rows=rows)


def train_head() -> str:
    return render("train_head.html")


def train_plot() -> str:
    return render("train_plot.html")


def curve(run: Run, rows: Sequence[Mapping[str, Any]], start: int) -> dict[str, Any]:
    """The points of a run's loss curves since line ``start`` of its metrics.

    Returns:
        ``{"id", "name", "start", "after", "train": {"x", "y"}, "validation": {"x", "y"}}``; ``after`` is where the
        next call goes on.
    """
    return {
        "id": run.id,
        "name": run_name(run),
        "start": start,
        "after": start + len(rows),
        "train": _points(rows, "loss"),
        "validation": _points(rows, "validation_loss"),
    }


def _points(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[float]]:
    kept = [row for row in rows if isinstance(row.get(key), (int, float))]
    return {"x": [row["step"] for row in kept], "y": [row[key] for row in kept]}


# Compare


def compare_form(
    bench: Bench, models: Sequence[Model], snapshots: Sequence[SnapshotInfo]
) -> str:
    known = {model.id: model.label for model in models}
    others = {model: model for model in bench.models if model not in known}
    tuned = {model.id: model.label for model in models if model.adapter}
    listed = {**{id: label for id, label in known.items() if id not in tuned}, **others, **tuned}
    return render(
        "compare_form.html",
        models=[(id, label, id in bench.models) for id, label in listed.items()],
        untrained=not tuned,
        splits=_pairs(SPLITS),
        split=bench.split,
        snapshots=[(info.hash, _snapshot_label(info)) for info in snapshots],
        snapshot=bench.snapshot,
    )


def _snapshot_label(info: SnapshotInfo) -> str:
    return " · ".join(part for part in (info.toolset, info.hash[:8], ago(info.created_at), info.note) if part)


def compare_result(
    bench: Bench,
    comparison: Comparison | None = None,
    waiting: Sequence[tuple[str, Progress]] = (),
    error: str = "",
) -> str:
    """Progress of what is missing, then figures and answers. ``waiting``: label and progress of each evaluation."""
    parts: dict[str, Any] = {"cards": [], "place": bench, "empty": None}
    if comparison is not None:
        parts |= _compared(comparison, bench)
    elif not waiting and not error:
        parts["empty"] = _invitation(bench)
    return render(
        "compare_result.html",
        query=bench.query,
        error=error,
        waiting=[_waiting(*one) for one in waiting],
        pending=any(not progress.run.finished for _, progress in waiting),
        **parts,
    )


def _invitation(bench: Bench) -> tuple[str, str]:
    if len(bench.models) == 1:
        return "One more", "Tick a second model to see them side by side, or press Compare to see this one alone."
    return "Choose two models", "Tick a base and a model trained on it, then press Compare."


def _waiting(label: str, progress: Progress) -> dict[str, Any]:
    run = progress.run
    return {
        "id": run.id,
        "label": label,
        "state": run.state,
        "tone": TONES[run.state],
        "percent": round(100 * progress.fraction),
        "text": _going(progress) if run.state == "running" else "",
        "message": run.message,
        "failed": run.state == "failed",
        "stoppable": run.state in ("queued", "running"),
    }


def _compared(comparison: Comparison, bench: Bench) -> dict[str, Any]:
    rows = chosen_rows(comparison, bench)
    pages = max(1, -(-len(rows) // ANSWERS))
    bench = bench.at(page=min(bench.page, pages))
    first = (bench.page - 1) * ANSWERS
    page = rows[first : first + ANSWERS]
    colors = [COLORS[i % len(COLORS)] for i in range(len(comparison.columns))]
    return {
        "cards": [_card(column, color) for column, color in zip(comparison.columns, colors, strict=True)],
        "forest": _forest(comparison.columns, colors),
        "rows": [_answer_row(row) for row in page],
        "differing": f"{len(comparison.differing):,}",
        "verdicts": _pairs(VERDICTS),
        "first": first + 1,
        "last": first + len(page),
        "found": f"{len(rows):,}",
        "pages": pages,
        "place": bench,
    }


def chosen_rows(comparison: Comparison, bench: Bench) -> list[Row]:
    """The rows that the page's filters let through."""
    rows = comparison.differing if bench.differing else comparison.rows
    text = bench.text.casefold()
    return [
        row
        for row in rows
        if (not text or text in f"{row.scenario.request} {row.scenario.id} {row.scenario.outcome.label}".casefold())
        and (not bench.verdict or any(cell.verdict == bench.verdict for cell in row.cells))
    ]


def _rates(column: Column) -> tuple[tuple[str, Rate], ...]:
    """The two figures that lead."""
    return ("Right tool", column.headline.tool_accuracy), ("Exact calls", column.headline.exact_calls)


def interval_text(rate: Rate) -> str:
    return f"{100 * rate.interval.low:.1f} to {100 * rate.interval.high:.1f} %"


def _card(column: Column, color: str) -> dict[str, Any]:
    head = column.headline
    latency = f"{number(head.latency_p50, 0)} / {number(head.latency_p95, 0)} ms"
    return {
        "label": column.label,
        "color": color,
        "n": f"{head.n:,}",
        "main": [
            {"label": label, "value": percent(rate.value), "interval": interval_text(rate)}
            for label, rate in _rates(column)
        ],
        "rest": [
            ("Fits the schema", percent(head.schema_valid.value)),
            ("Malformed", percent(head.malformed.value)),
            ("NO_TOOL precision", percent(head.no_tool_precision.value)),
            ("NO_TOOL recall", percent(head.no_tool_recall.value)),
            ("Latency p50 / p95", latency),
        ],
    }


def _forest(columns: Sequence[Column], colors: Sequence[str]) -> list[dict[str, Any]]:
    """One figure a rate, one bar a model, a whisker from end to end of its interval."""
    figures: dict[str, list[dict[str, Any]]] = {}
    for column, color in zip(columns, colors, strict=True):
        for label, rate in _rates(column):
            figures.setdefault(label, []).append(_bar(column.label, rate, color))
    return [{"label": label, "bars": bars} for label, bars in figures.items()]


def _bar(label: str, rate: Rate, color: str) -> dict[str, Any]:
    low, high = 100 * rate.interval.low, 100 * rate.interval.high
    return {
        "label": label,
        "color": color,
        "share": f"{100 * (rate.value or 0):.2f}",
        "low": f"{low:.2f}",
        "width": f"{high - low:.2f}",
        "text": f"{percent(rate.value)} ({rate.successes}/{rate.n})",
        "says": f"{label}: {percent(rate.value)}, interval {interval_text(rate)}",
    }


def _answer_row(row: Row) -> dict[str, Any]:
    scenario = row.scenario
    return {
        "id": scenario.id,
        "request": scenario.request,
        "where": " · ".join(part for part in (scenario.os, scenario.mode) if part),
        "expected": outcome_text(scenario.outcome),
        "cells": [_answer(cell) for cell in row.cells],
    }


def _answer(cell: Cell) -> dict[str, Any]:
    """What one model answered: the verdict, what it called, and each argument beside what was expected."""
    parsed, verdict = cell.reply.parsed, cell.verdict
    got = {"malformed": parsed.reason, "wrong tool": calls_text(parsed.calls)}.get(verdict, "")
    several = len(parsed.calls) > 1
    arguments = cell.score.arguments if verdict == "wrong arguments" else ()
    return {
        "verdict": verdict,
        "tone": TONES[verdict],
        "got": got,
        "arguments": [_argument_answer(argument, several) for argument in arguments],
        "raw": "" if verdict == "exact" else cell.reply.raw,
    }


def _argument_answer(argument: ArgumentScore, several: bool) -> dict[str, Any]:
    expected = json.dumps(argument.expected, ensure_ascii=False)
    notes = {
        "differs": f"expected {expected}",
        "missing": f"is missing, expected {expected}",
        "unexpected": "not expected",
    }
    return {
        "name": f"{argument.call + 1}. {argument.name}" if several else argument.name,
        "right": argument.verdict == "match",
        "got": "" if argument.verdict == "missing" else json.dumps(argument.got, ensure_ascii=False),
        "note": notes.get(argument.verdict, ""),
    }

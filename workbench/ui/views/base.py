"""What all views share: the templates, words for times and figures, menus, messages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from workbench.actions.run_progress import Progress
from workbench.errors import Problem
from workbench.evaluation.report import COLORS
from workbench.evaluation.report import percent as percent  # pages take all their words from here
from workbench.records import NO_TOOL, SPLITS, Outcome, Run, Split, ToolCall

PRODUCT = "Tool Router Workbench"
PAGES = (
    ("/", "Home"),
    ("/scenarios", "Scenarios"),
    ("/tools", "Tools"),
    ("/review", "Review"),
    ("/coverage", "Coverage"),
    ("/generate", "Generate"),
    ("/duplicates", "Duplicates"),
    ("/train", "Train"),
    ("/compare", "Compare"),
    ("/playground", "Playground"),
    ("/inbox", "Inbox"),
    ("/history", "History"),
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
"""Class of a badge by the word in it."""

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


def title(active: str) -> str:
    """What the browser's tab says of the page at that path."""
    name = dict(PAGES)[active]
    return PRODUCT if active == "/" else f"{name} · {PRODUCT}"


def header(active: str) -> str:
    return render("header.html", pages=PAGES, active=active)


def toast(message: str, hint: str = "", bad: bool = False, undo: bool | str = False) -> str:
    """A message in the corner; ``undo`` as text says what the button would bring back."""
    return render("toast.html", message=message, hint=hint, bad=bad, undo=undo)


def working(title: str, share: float) -> str:
    """How far long work is, 0 to 1, as a message in the corner."""
    return render("working.html", title=title, percent=int(100 * share))


def ago(at: str, now: datetime | None = None) -> str:
    """An ISO time in UTC as people say it: ``just now``, ``5 min ago``, ``3 h ago``, or the date."""
    if not at:
        return ""
    seconds = ((now or datetime.now(UTC)) - moment(at)).total_seconds()
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


def number(value: Any, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if isinstance(value, (int, float)) else "–"


def short(text: str, most: int = 160) -> str:
    """Text that fits a cell: a model may go on without end."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as a program would write it: ``ping_host(host="example.org", count=3)``."""
    inner = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return f"{name}({inner})"


def calls_text(calls: Iterable[ToolCall]) -> str:
    return " + ".join(call_text(call.name, call.arguments) for call in calls) or NO_TOOL


def outcome_text(outcome: Outcome) -> str:
    joint = " → " if outcome.ordered else " + "
    return joint.join(call_text(call.name, call.arguments) for call in outcome.calls) or NO_TOOL


def moment(at: str) -> datetime:
    moment = datetime.fromisoformat(at)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def shares(counts: Mapping[Split, int]) -> list[dict[str, Any]]:
    return [
        {"label": name, "n": counts.get(name, 0), "text": f"{counts.get(name, 0):,}", "color": color}
        for name, color in zip(SPLITS, COLORS, strict=False)
    ]


def pairs(values: Iterable[str], chosen: str = "") -> list[tuple[str, str]]:
    """Choices of a menu; a chosen value that is not among them is added, so that the menu does not hide it."""
    known = list(values)
    return [(value, value) for value in [*known, *([chosen] if chosen and chosen not in known else [])]]


def colors_of(labels: Sequence[str]) -> list[str]:
    """A colour for each model, in their order."""
    return [COLORS[i % len(COLORS)] for i in range(len(labels))]


def not_saved(problems: Sequence[Problem], hint: str) -> str:
    """The message that goes with problems at their fields."""
    fields = "One field needs" if len(problems) == 1 else f"{len(problems)} fields need"
    return toast(f"Not saved. {fields} mending.", hint, bad=True)


def said(problem: Problem) -> str:
    """A problem as it reads beside its field. What a hint says of quotes is for files, not for forms."""
    hint = "" if "quotes" in problem.hint else problem.hint
    return f"{problem.message[:1].upper()}{problem.message[1:]}. {hint}".strip()


def run_name(run: Run) -> str:
    return run.name or run.id


def elapsed(run: Run) -> float | None:
    """Seconds from start to end."""
    if not run.started_at or not run.ended_at:
        return None
    return (moment(run.ended_at) - moment(run.started_at)).total_seconds()


def going(progress: Progress) -> str:
    unit = "step " if progress.run.kind == "train" else ""
    step = f"{unit}{progress.step:,} of {progress.total_steps:,}" if progress.total_steps else progress.phase
    left = f", {duration(progress.eta_s)} to go" if progress.eta_s is not None else ""
    return f"{step}{left}"

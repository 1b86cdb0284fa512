"""Scenarios: filters, table, import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from workbench.actions.bulk import AUTOMATIC, BulkReport
from workbench.actions.import_files import CONFLICTS, ImportReport
from workbench.records import NO_TOOL, SPLITS, STATUSES, Scenario, Split, Toolset
from workbench.scenarios.importing.columns import FIELDS
from workbench.scenarios.splitting import split_of
from workbench.scenarios.validate import KNOWN_OS
from workbench.store.changes import Change
from workbench.store.scenarios import UNSET, ScenarioFilter
from workbench.ui.forms import Desk
from workbench.ui.views.base import TONES, ago, outcome_text, pairs, render, said, toast

ROWS = 50
"""Rows on a page of the table."""
NO_SPLITS: Mapping[str, Split] = MappingProxyType({})
EXPORTS = (
    ("jsonl", "JSONL", "The workbench's own form; nothing is lost"),
    ("csv", "CSV", "For spreadsheets; nothing is lost"),
    ("parquet", "Parquet", "For data tools; nothing is lost"),
    ("chat", "Chat JSONL", "messages and tools, as trainers read it"),
    ("openai", "OpenAI JSONL", "For fine-tuning at OpenAI"),
    ("tuning-lab", "Tuning Lab CSV", "Request and one call, for Google's Lab"),
    ("pcai", "PC-AI scenarios", "Requests by mode"),
    ("pcai-vectors", "PC-AI test vectors", "The calls alone"),
    ("caro", "Caro examples", "With reasoning and preferences"),
    ("openhoof", "OpenHoof JSONL", "input, output and metadata"),
    ("bfcl", "BFCL questions", "With the tools of each request"),
    ("bfcl-answers", "BFCL possible answers", "What goes with the questions"),
)
FORMAT_NAMES = {
    **{format: label for format, label, _ in EXPORTS},
    "pcai": "PC-AI scenarios",
    "table": "JSON with columns of its own",
    "tools": "Tools",
    "cli": "CLI knowledge base",
    "python": "Python module",
    "prompt": "System prompt",
}
_NOT_ROWS = ("tools", "cli", "python", "prompt", "bfcl-answers", "parquet")
SCENARIO_FORMATS = tuple(name for name in FORMAT_NAMES if name not in _NOT_ROWS)
CONFLICT_CHOICES = (("replace", "take the file's"), ("keep", "keep what is here"))


def scenarios_head() -> str:
    return render("scenarios_head.html", formats=EXPORTS)


def scenarios_filters(filter: ScenarioFilter, toolsets: Sequence[Toolset], modes: Iterable[str]) -> str:
    chosen = [toolset for toolset in toolsets if filter.toolset in ("", toolset.name)]
    tools = list(dict.fromkeys(name for toolset in chosen for name in toolset.tool_names))
    menus = [
        ("tool", "Tool", pairs([*tools, NO_TOOL], filter.tool)),
        ("os", "OS", _with_none(KNOWN_OS, filter.os)),
        ("mode", "Mode", _with_none([mode for mode in modes if mode], filter.mode)),
        ("split", "Split", pairs(SPLITS, filter.split)),
        ("status", "Status", pairs(STATUSES, filter.status)),
    ]
    # Nothing chooses these here, but links from elsewhere do, and what narrows the table must be seen.
    menus += [
        (name, name.capitalize(), _with_none([], getattr(filter, name)))
        for name in ("tag", "shell")
        if getattr(filter, name)
    ]
    names = pairs([toolset.name for toolset in toolsets], filter.toolset)
    return render("scenarios_filters.html", filter=filter, toolsets=names, menus=menus)


def _with_none(values: Sequence[str], chosen: str) -> list[tuple[str, str]]:
    """Choices of a menu and "none", which finds what has no value; a chosen value is among them."""
    return [*pairs(values, "" if chosen == UNSET else chosen), (UNSET, "none")]


def scenarios_list(
    rows: Sequence[Scenario],
    total: int,
    desk: Desk,
    splits: Mapping[str, Split] = NO_SPLITS,
    toolsets: Sequence[Toolset] = (),
) -> str:
    """``splits``: the split that each row is on, by id."""
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
                "split": splits.get(row.id) or split_of(row),
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
        bulk=_bulk_menus([toolset.name for toolset in toolsets]),
    )


def _bulk_menus(toolsets: Sequence[str]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    menus = [
        ("status", "Status", pairs(STATUSES)),
        ("os", "OS", [*pairs(KNOWN_OS), (UNSET, "none")]),
        ("split", "Split", pairs([*SPLITS, AUTOMATIC])),
    ]
    return [*menus, *([("toolset", "Toolset", pairs(toolsets))] if len(toolsets) > 1 else [])]


def bulk_done(report: BulkReport) -> str:
    """What a bulk edit did, as a message."""
    changed = f"{report.changed:,} scenario{'s' if report.changed != 1 else ''} changed."
    left = [f"'{id}': {said(problems[0])}" for id, problems in report.left.items()]
    more = f" and {len(left) - 2:,} more" if len(left) > 2 else ""
    hint = f"{len(left):,} left as they were, for they would break a rule: {' '.join(left[:2])}{more}" if left else ""
    return toast(changed, hint, bad=bool(left and not report.changed), undo=bool(report.change))


def undone(change: Change) -> str:
    """What an undo took back, as a sentence."""
    return f"Undone: {_of(change)}."


def redone(change: Change) -> str:
    """What a redo brought back, as a sentence."""
    return f"Redone: {_of(change)}."


def _of(change: Change) -> str:
    n = "1 scenario" if change.scenarios == 1 else f"{change.scenarios:,} scenarios"
    return f"{change.kind} of {n}, {ago(change.at)}"


def imported(report: ImportReport) -> str:
    """What an import did, as a sentence."""
    if report.kind == "scenarios":
        return f"Imported {report.good + report.drafts:,} from {report.name}."
    what = "Imported" if report.good and not report.problems else "Nothing was imported from"
    return f"{what} {report.name}."


def import_panel(
    report: ImportReport | None,
    toolsets: Sequence[Toolset] = (),
    conflicts: str = CONFLICTS[0],
    done: bool = False,
) -> str:
    """What a file holds, before (or after) it is imported. Empty without a report."""
    if report is None:
        return render("import.html", report=None)
    bring = report.good + report.drafts
    what = {"tools": "tool", "prompt": "prompt"}.get(report.kind, "scenario")
    usable = report.kind in ("scenarios", "tools") or (report.kind == "prompt" and not report.problems)
    total = max(report.problems_total, len(report.problems))
    return render(
        "import.html",
        report=report,
        title=f"{'Imported' if done else 'Import'} {report.name}",
        formats=_formats(report),
        tiles=_tiles(report),
        problems=report.problems[:100],
        more=max(0, total - 100),
        done=done,
        bring=f"Import {bring:,} {what}{'s' if bring != 1 else ''}" if bring and usable else "",
        toolsets=pairs([one.name for one in toolsets], report.wishes.toolset),
        conflicts=CONFLICT_CHOICES,
        conflict=conflicts,
        column_fields=_column_fields(report),
        columns=pairs(report.columns),
    )


def _formats(report: ImportReport) -> list[tuple[str, str]]:
    """The formats that the file may be read as; none where it holds something else than scenarios."""
    if report.kind != "scenarios" or report.format == "parquet":
        return []
    names = SCENARIO_FORMATS if report.format in SCENARIO_FORMATS else (report.format, *SCENARIO_FORMATS)
    return [(name, FORMAT_NAMES.get(name, name)) for name in names]


def _tiles(report: ImportReport) -> list[tuple[str, str, str]]:
    """Figures with their label and what it means."""
    label = {"tools": "Tools", "prompt": "Prompt"}.get(report.kind, "Good")
    if report.kind != "scenarios":
        return [(label, f"{report.good:,}", ""), ("With problems", f"{report.bad:,}", "")]
    compared = report.compared
    return [
        (label, f"{report.good:,}", "Rows without a problem"),
        ("Drafts", f"{report.drafts:,}", "Rows that can be read and need mending; they come in as drafts"),
        ("Rejected", f"{len(report.rejected):,}", "Rows that cannot be read"),
        ("New", f"{compared.new:,}", "Ids that are not here yet"),
        ("Same", f"{compared.same:,}", "Scenarios that are here already"),
        ("Conflicting", f"{compared.changed:,}", "Ids that are here with another content"),
    ]


def _column_fields(report: ImportReport) -> list[tuple[str, str]]:
    """The fields that a table may fill, each with its column; those that nothing fills last."""
    if not report.columns:
        return []
    shown = ("request", "expected", "tool", "arguments", "id", "os", "shell", "mode", "tags", "reasoning")
    fields = (*shown, *(name for name in FIELDS if name not in shown and name in report.filled))
    return [(name, report.filled.get(name, "")) for name in fields]

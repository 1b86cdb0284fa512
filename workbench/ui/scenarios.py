"""Scenarios: the table, the editor beside it, import and export. The address says what is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from workbench.actions import bulk, curate, duplicates, export_files, import_files
from workbench.actions.coverage import coverage
from workbench.actions.curate import ProblemsError
from workbench.actions.import_files import ImportReport
from workbench.actions.intake import Progress
from workbench.errors import WorkbenchError
from workbench.records import Scenario, Toolset
from workbench.scenarios import importing
from workbench.scenarios.exporting import SUFFIXES
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.ui import components as ui
from workbench.ui import forms, scenario_form, views
from workbench.ui.forms import NEW, Desk, one

UPLOADS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".md")


def page(demo: gr.Blocks, store: Store) -> None:
    ui.header("/scenarios")
    head = ui.live("scenarios-head", views.scenarios_head(), events=("undo", "redo", "export", "compose"))
    panel = ui.live("import", events=("glance", "bring", "rejects", "dismiss"))
    filters = ui.live("filters", events=("narrow", "clear"))
    with gr.Row(elem_id="wb-scenarios"):
        with gr.Column():
            beside(store)
            table = ui.live("table", events=("open", "turn", "compose", "bulk"))
        form = ui.live("editor", events=("save", "reshape", "close", "look", "remove"))
    message = ui.notice()
    file = ui.upload(UPLOADS, several=True)
    download = ui.download()

    desk, all_parts = _Table(store), [table, form, message]
    demo.load(desk.load, None, [filters, *all_parts], **ui.QUIET)
    filters.narrow(desk.narrow, None, all_parts, **ui.EAGER)
    filters.clear(desk.clear, None, [filters, *all_parts], **ui.QUIET)
    table.turn(desk.turn, None, all_parts, **ui.EAGER)
    table.open(desk.open, None, all_parts, **ui.EAGER)
    table.bulk(desk.bulk, None, all_parts, **ui.QUIET)
    for part in (table, head):
        part.compose(desk.compose, None, all_parts, **ui.QUIET)
    for part in (head, message):
        part.undo(desk.undo, None, all_parts, **ui.QUIET)
    head.redo(desk.redo, None, all_parts, **ui.QUIET)

    editor = Editor(store)
    form.save(editor.save, None, all_parts, **ui.QUIET)
    form.reshape(editor.reshape, None, [form, message], **ui.EAGER)
    form.look(editor.look, None, all_parts, **ui.QUIET)
    form.close(editor.close, None, all_parts, **ui.QUIET)
    form.remove(editor.remove, None, all_parts, **ui.QUIET)

    files = _Files(store)
    file.upload(files.preview, file, [panel, message], **ui.SLOW)
    panel.glance(files.preview, file, [panel, message], **ui.SLOW)
    panel.bring(files.bring, file, [panel, filters, *all_parts], **ui.SLOW)
    panel.dismiss(files.dismiss, None, [panel, message], **ui.QUIET)
    panel.rejects(files.rejects, file, [download, message], **ui.QUIET).then(None, js=ui.PRESS)
    head.export(files.export, None, [download, message], **ui.QUIET).then(None, js=ui.PRESS)


def beside(store: Store) -> gr.HTML:
    """What is like the request in the editor, while it is typed."""

    def find(body: Mapping[str, Any]) -> str:
        form, query = ui.fields(body.get("form")), ui.fields(body.get("query"))
        toolset = ui.toolset_of(store, one(query, "toolset"))
        return views.similar(duplicates.similar(store, toolset, one(form, "request"), one(form, "id")))

    script = 'workbench.beside("#e-request", server.find, props);'
    return ui.live("similar", script=script, server_functions=[find])


class _Desk:
    """The table and the editor as the address says."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def show(self, desk: Desk, message: str = "") -> tuple[Any, ...]:
        """Table, editor and message."""
        total = curate.count(self.store, desk.filter)
        desk = desk.at(page=min(desk.page, max(1, -(-total // views.ROWS))))
        try:
            editor = self.editor(desk)
        except WorkbenchError as error:
            desk, editor, message = desk.at(open="", revision=0), "", ui.failed(error)
        rows = curate.find(self.store, desk.filter, (desk.page - 1) * views.ROWS, views.ROWS)
        splits = curate.splits(self.store, [row.id for row in rows])
        return views.scenarios_list(rows, total, desk, splits, curate.toolsets(self.store)), editor, message

    def filters(self, filter: ScenarioFilter) -> str:
        return views.scenarios_filters(filter, curate.toolsets(self.store), self.modes(filter.toolset))

    def editor(self, desk: Desk) -> str:
        if not desk.open:
            return ""
        scenario, toolset = self.at_hand(desk)
        history = [] if desk.open == NEW else curate.history(self.store, desk.open)
        problems = curate.problems_of(self.store, scenario) if history else ()
        split = curate.splits(self.store, [scenario.id]).get(scenario.id) if scenario.split is None else None
        return views.editor(
            scenario,
            toolset,
            desk=desk,
            problems=problems,
            history=history,
            modes=self.modes(toolset.name),
            split=split,
        )

    def at_hand(self, desk: Desk, id: str = "") -> tuple[Scenario, Toolset]:
        """What the editor starts from: a blank with that id or a new one, a revision, or the current scenario."""
        if desk.open == NEW and desk.like:
            draft = curate.variant(self.store, desk.like, id or curate.new_id())
            return draft, curate.toolset(self.store, draft.toolset)
        if desk.open == NEW:
            toolset = curate.toolset(self.store, ui.toolset_of(self.store, desk.filter.toolset))
            return scenario_form.blank(desk.filter, toolset, id or curate.new_id(), desk.given), toolset
        revisions = curate.history(self.store, desk.open) if desk.revision else []
        found = next((one.scenario for one in revisions if one.revision == desk.revision), None)
        scenario = found or curate.get(self.store, desk.open)
        return scenario, self.toolset_of(scenario)

    def toolset_of(self, scenario: Scenario) -> Toolset:
        """The scenario's toolset; one without tools where the workspace lacks it, so that the draft can be mended."""
        known = {toolset.name: toolset for toolset in curate.toolsets(self.store)}
        return known.get(scenario.toolset) or Toolset(scenario.toolset, ())

    def modes(self, toolset: str) -> tuple[str, ...]:
        return coverage(self.store, ui.toolset_of(self.store, toolset)).modes


class _Table(_Desk):
    """Finding, turning pages, opening, undoing."""

    @ui.answering(3)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        desk = Desk.read(ui.address(request))
        return self.filters(desk.filter), *self.show(desk)

    @ui.answering(2)
    def narrow(self, event: gr.EventData) -> tuple[Any, ...]:
        desk = Desk(forms.scenario_filter(ui.form(event)), open=one(ui.query(event), "open"))
        return self.show(desk)

    @ui.answering(3)
    def clear(self, event: gr.EventData) -> tuple[Any, ...]:
        desk = Desk(open=one(ui.query(event), "open"))
        return self.filters(desk.filter), *self.show(desk)

    @ui.answering(2)
    def turn(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Desk.read(ui.query(event)).at(page=int(ui.payload(event)["page"])))

    @ui.answering(2)
    def open(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Desk.read(ui.query(event)).at(open=ui.payload(event)["id"], revision=0))

    @ui.answering(2)
    def compose(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Desk.read(ui.query(event)).at(open=NEW, revision=0))

    @ui.answering(2)
    def undo(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        change = curate.undo(self.store, ui.author(request))
        return self.still(event, views.toast(views.undone(change)))

    @ui.answering(2)
    def redo(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        change = curate.redo(self.store, ui.author(request))
        return self.still(event, views.toast(views.redone(change), undo=True))

    @ui.answering(2)
    def bulk(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        fields, desk = ui.form(event), Desk.read(ui.query(event)).at(revision=0)
        edit, author = forms.bulk_edit(fields), ui.author(request)
        if one(fields, "scope") == "all":
            report = bulk.edit_filtered(self.store, desk.filter, edit, author)
        else:
            report = bulk.edit_scenarios(self.store, fields.get("pick", ()), edit, author)
        return self.show(desk, views.bulk_done(report))

    def still(self, event: gr.EventData, message: str) -> tuple[Any, ...]:
        """The same place; the editor closes where its scenario is gone."""
        desk = Desk.read(ui.query(event)).at(revision=0)
        kept = desk.open in ("", NEW) or curate.history(self.store, desk.open)[0].deleted is False
        return self.show(desk if kept else desk.at(open=""), message)


class Editor(_Desk):
    """One scenario: its form, its revisions."""

    @ui.answering(2)
    def save(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        desk = Desk.read(ui.query(event))
        before, toolset = self.at_hand(desk, one(ui.form(event), "id"))
        scenario = scenario_form.scenario(ui.form(event), toolset, before)
        try:
            change = curate.save_scenario(self.store, scenario, ui.author(request))
        except ProblemsError as error:
            said = views.not_saved(error.problems, error.hint)
            return gr.skip(), self.drawn(event, desk, scenario, toolset, error), said
        said = views.toast("Saved." if change else "Nothing was changed.", undo=bool(change))
        following = NEW if ui.payload(event).get("then") == "new" else scenario.id
        return self.show(desk.at(open=following, revision=0), said)

    @ui.answering(1)
    def reshape(self, event: gr.EventData) -> tuple[Any, ...]:
        desk = Desk.read(ui.query(event))
        before, toolset = self.at_hand(desk, one(ui.form(event), "id"))
        changes = {name: [ui.payload(event)[name]] for name in ("add", "drop") if name in ui.payload(event)}
        scenario = scenario_form.scenario({**ui.form(event), **changes}, toolset, before)
        return self.drawn(event, desk, scenario, toolset), ""

    @ui.answering(2)
    def look(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Desk.read(ui.query(event)).at(revision=int(ui.payload(event)["revision"])))

    @ui.answering(2)
    def close(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Desk.read(ui.query(event)).at(open="", revision=0))

    @ui.answering(2)
    def remove(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        desk = Desk.read(ui.query(event))
        curate.delete(self.store, [desk.open], ui.author(request))
        return self.show(desk.at(open="", revision=0), views.toast("Deleted.", undo=True))

    def drawn(
        self, event: gr.EventData, desk: Desk, scenario: Scenario, toolset: Toolset, error: ProblemsError | None = None
    ) -> str:
        """The form with what was typed, not yet saved."""
        return views.editor(
            scenario,
            toolset,
            desk=desk,
            problems=error.problems if error else (),
            history=[] if desk.open == NEW else curate.history(self.store, desk.open),
            modes=self.modes(toolset.name),
            several=one(ui.form(event), "outcome") == "several",
            dirty=True,
        )


class _Files:
    """Import and export."""

    def __init__(self, store: Store) -> None:
        self.store, self.desk = store, _Desk(store)

    @ui.answering(1)
    def preview(self, paths: Sequence[str], event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        given = ui.form(event)
        with _one_file(paths) as (path, name):

            def look(tell: Progress) -> ImportReport:
                wishes = replace(forms.wishes(given), progress=tell)
                return import_files.preview(self.store, path, wishes=wishes, name=name)

            report = yield from ui.watched(1, f"Reading {name}", look)
        yield views.import_panel(report, curate.toolsets(self.store), forms.conflicts(given)), ""

    @ui.answering(4)
    def bring(self, paths: Sequence[str], event: gr.EventData, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        given, author = ui.form(event), ui.author(request)
        with _one_file(paths) as (path, name):

            def take_in(tell: Progress) -> ImportReport:
                return import_files.import_file(
                    self.store,
                    path,
                    author=author,
                    status=one(given, "status"),
                    name=name,
                    wishes=replace(forms.wishes(given), progress=tell),
                    conflicts=forms.conflicts(given),
                )

            report = yield from ui.watched(4, f"Importing {name}", take_in)
        desk = Desk()
        said = views.toast(views.imported(report), undo=bool(report.change))
        shown = views.import_panel(report, done=True) if report.problems else ""
        yield shown, self.desk.filters(desk.filter), *self.desk.show(desk, said)

    @ui.answering(1)
    def dismiss(self) -> tuple[Any, ...]:
        return "", ""

    @ui.handing_out
    def rejects(self, paths: Sequence[str], event: gr.EventData) -> tuple[Path, str]:
        wishes = forms.wishes(ui.form(event))
        with _one_file(paths) as (path, name):
            target = ui.parcel(f"rejects-{Path(name).stem if name.endswith('.parquet') else name}")
            with target.open("wb") as file:
                file.writelines(import_files.rejects(path, wishes.format, wishes.columns))
        return target, ""

    @ui.handing_out
    def export(self, event: gr.EventData) -> tuple[Path, str]:
        desk, format = Desk.read(ui.query(event)), str(ui.payload(event)["format"])
        target = ui.parcel(f"scenarios{SUFFIXES.get(format, '')}")
        export_files.export_file(self.store, desk.filter, format, target)
        return target, ""


@contextmanager
def _one_file(paths: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """The uploaded file and its name; questions with their answers count as one. Raises WorkbenchError for others."""
    files = [Path(path) for path in ([paths] if isinstance(paths, str) else paths or ())]
    with TemporaryDirectory(prefix="workbench-import-") as folder:
        bundles = importing.bundle(files, Path(folder)) if len(files) > 1 else importing.bundle((), Path(folder))
        left = [path for path in files if path not in bundles.used]
        if len(left) != 1:
            raise WorkbenchError("Choose one file at a time.", "Only questions and their answers go together.")
        yield bundles.places.get(left[0], left[0]), left[0].name

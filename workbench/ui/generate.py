"""Generate: drafts by rule with a preview, or from a teacher whose run is watched. The address says the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from workbench.actions import curate, generating, run_progress, runs, teaching
from workbench.actions.coverage import coverage
from workbench.actions.curate import ProblemsError
from workbench.errors import Problem
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import Fields, one
from workbench.ui.generate_form import Sheet, read_sheet

FAST_SECONDS, SLOW_SECONDS = 1, 4
EARLIER = 8


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Generate(store)

    def tick(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return desk.tick(body)

    ui.header("/generate")
    ui.live("generate-head", views.generate_head())
    with gr.Row(elem_id="wb-generate"):
        with gr.Column():
            form = ui.live("order", events=("look", "make"))
        with gr.Column():
            shown = ui.live("preview")
            now = ui.polled("now", tick, events=("stop", "resume"))
    message = ui.notice()
    parts = [form, shown, now, message]
    demo.load(desk.load, None, parts, **ui.QUIET)
    form.look(desk.look, None, [form, shown, message], **ui.EAGER)
    form.make(desk.make, None, parts, **ui.QUIET)
    now.stop(desk.stop, None, [now, message], **ui.QUIET)
    now.resume(desk.resume, None, [now, message], **ui.QUIET)
    message.undo(desk.undo, None, [form, shown, message], **ui.QUIET)


class _Generate:
    def __init__(self, store: Store) -> None:
        self.store = store

    @ui.answering(3)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        fields = ui.address(request)
        return *self.show(self.sheet(fields)), self.watched(one(fields, "run")), ""

    @ui.answering(2)
    def look(self, event: gr.EventData) -> tuple[Any, ...]:
        return *self.show(self.sheet(ui.form(event))), ""

    @ui.answering(3)
    def make(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        sheet = self.sheet(ui.form(event))
        if sheet.problems:
            return *self.show(sheet), gr.skip(), views.toast("Some fields need mending.", bad=True)
        try:
            return self.taught(sheet, request) if sheet.order.way == "teacher" else self.made(sheet, request)
        except ProblemsError as error:
            return *self.show(sheet, error.problems), gr.skip(), views.toast("Some fields need mending.", bad=True)

    def made(self, sheet: Sheet, request: gr.Request) -> tuple[Any, ...]:
        batch = generating.generate(self.store, sheet.order, ui.author(request))
        n = len(batch.drafts)
        if not n:
            said = views.toast("Nothing new.", "Everything of this order is there already, or left out for a reason.")
        else:
            hint = f"{len(batch.left)} left out." if batch.left else "Review them under Scenarios."
            said = views.toast(f"Added {n:,} draft{'s' if n != 1 else ''}.", hint, undo=True)
        return *self.show(sheet), gr.skip(), said

    def taught(self, sheet: Sheet, request: gr.Request) -> tuple[Any, ...]:
        teaching.start(self.store, sheet.order, ui.author(request))
        sheet = replace(sheet, run="")
        return *self.show(sheet), self.watched(), views.toast("Asking.", "You may close this page; it goes on.")

    @ui.answering(1)
    def stop(self, event: gr.EventData) -> tuple[Any, ...]:
        run = runs.cancel(self.store, str(ui.payload(event)["id"]))
        return self.watched(run.id), views.toast("Stopping.", "What it has is kept.")

    @ui.answering(1)
    def resume(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        id = str(ui.payload(event)["id"])
        earlier = teaching.report(self.store, id).run
        order = read_sheet({"way": ["teacher"]}, earlier.config["toolset"]["name"], "").order
        run = teaching.start(self.store, order, ui.author(request), resume=id)
        return self.watched(run.id), views.toast("Going on.", "What was answered is not asked again.")

    @ui.answering(2)
    def undo(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        change = curate.undo(self.store, ui.author(request))
        return *self.show(self.sheet(ui.query(event))), views.toast(views.undone(change))

    def tick(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """News of the run that is watched."""
        active = any(not run.finished for run in runs.runs(self.store, "generate"))
        shown = self.watched(one(ui.query(body), "run"))
        return {"parts": {"now": shown}, "again": FAST_SECONDS if active else SLOW_SECONDS}

    def sheet(self, fields: Fields) -> Sheet:
        toolset = ui.toolset_of(self.store, one(fields, "toolset"))
        return read_sheet({**fields, "toolset": [toolset]}, toolset, generating.shipped_template(toolset))

    def show(self, sheet: Sheet, problems: Sequence[Problem] = ()) -> tuple[str, str]:
        """The form and the preview."""
        shown = views.generate_preview(None)
        if not sheet.problems:
            try:
                shown = self.preview(sheet)
            except ProblemsError as error:
                problems = problems or error.problems
        modes = coverage(self.store, sheet.order.toolset).modes
        return views.generate_form(sheet, curate.toolsets(self.store), modes, problems), shown

    def preview(self, sheet: Sheet) -> str:
        if sheet.order.way == "teacher":
            return views.generate_preview(None, teaching.plan(self.store, sheet.order))
        return views.generate_preview(generating.preview(self.store, sheet.order))

    def watched(self, run_id: str = "") -> str:
        """A teacher's run, the newest by default."""
        listed = runs.runs(self.store, "generate")
        chosen = next((run for run in listed if run.id == run_id), listed[0] if listed else None)
        if chosen is None:
            return views.generate_now(None, None, [])
        others = [run for run in listed if run.id != chosen.id][:EARLIER]
        report = teaching.report(self.store, chosen.id)
        return views.generate_now(run_progress.progress(self.store, chosen.id), report, others)

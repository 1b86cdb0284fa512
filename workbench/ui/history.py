"""History: who changed what and when, undo of any change; revisions of a scenario; what differs between snapshots."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from workbench.actions import curate, export_files, history
from workbench.scenarios.exporting import SUFFIXES
from workbench.store.changes import LaterChangesError
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import Past, one


def page(demo: gr.Blocks, store: Store) -> None:
    ui.header("/history")
    events = ("undo", "redo", "take", "bring", "older", "newest", "open", "against", "export")
    body = ui.live("history", events=events)
    message = ui.notice()
    download = ui.download()
    desk, parts = _Past(store), [body, message]
    demo.load(desk.load, None, parts, **ui.QUIET)
    for part in (body, message):
        part.undo(desk.undo, None, parts, **ui.QUIET)
    body.redo(desk.redo, None, parts, **ui.QUIET)
    body.take(desk.undo, None, parts, **ui.QUIET)
    body.bring(desk.redo, None, parts, **ui.QUIET)
    body.older(desk.older, None, parts, **ui.QUIET)
    body.newest(desk.newest, None, parts, **ui.QUIET)
    body.open(desk.open, None, parts, **ui.EAGER)
    body.against(desk.against, None, parts, **ui.EAGER)
    body.export(desk.export, None, [download, message], **ui.QUIET).then(None, js=ui.PRESS)


class _Past:
    """The page as the address says."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def show(self, past: Past, message: str = "", refused: int = 0, free: int = 0) -> tuple[str, str]:
        """The page and a message. ``refused``: a change that cannot be taken back whole, but ``free`` of it can."""
        if past.scenario:
            return views.past_scenario(history.scenario_history(self.store, past.scenario), past), message
        if past.view == "snapshots":
            return self.snapshots(past), message
        found = history.changes(self.store, views.PAST_ROWS + 1, past.below)
        did = history.what_changed(self.store, past.change) if past.change else []
        following = curate.undoable(self.store), curate.redoable(self.store)
        return views.past_changes(found, past, did, *following, refused=(refused, free)), message

    def snapshots(self, past: Past) -> str:
        both = past.old and past.new
        rows = history.compare(self.store, past.old, past.new) if both else None
        return views.past_snapshots(history.snapshots(self.store), past, rows)

    @ui.answering(1)
    def load(self, request: gr.Request) -> tuple[str, str]:
        return self.show(Past.read(ui.address(request)))

    @ui.answering(1)
    def undo(self, event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        past, wanted = Past.read(ui.query(event)), int(ui.payload(event).get("change", 0))
        try:
            change = curate.undo(self.store, ui.author(request), wanted, "rest" in ui.payload(event))
        except LaterChangesError as error:
            return self.show(past, ui.failed(error), free=error.free if wanted else 0, refused=wanted)
        return self.show(past, views.toast(views.undone(change)))

    @ui.answering(1)
    def redo(self, event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        change = curate.redo(self.store, ui.author(request), int(ui.payload(event).get("change", 0)))
        return self.show(Past.read(ui.query(event)), views.toast(views.redone(change), undo=True))

    @ui.answering(1)
    def older(self, event: gr.EventData) -> tuple[str, str]:
        return self.show(Past(below=int(ui.payload(event)["below"])))

    @ui.answering(1)
    def newest(self) -> tuple[str, str]:
        return self.show(Past())

    @ui.answering(1)
    def open(self, event: gr.EventData) -> tuple[str, str]:
        past, wanted = Past.read(ui.query(event)), int(ui.payload(event)["change"])
        return self.show(past.at(change=0 if past.change == wanted else wanted))

    @ui.answering(1)
    def against(self, event: gr.EventData) -> tuple[str, str]:
        fields = ui.form(event)
        return self.show(Past(view="snapshots", old=one(fields, "old"), new=one(fields, "new")))

    @ui.handing_out
    def export(self, event: gr.EventData) -> tuple[Path, str]:
        fields = ui.form(event)
        format, filter = one(fields, "format"), ScenarioFilter(split=one(fields, "split"))
        target = ui.parcel(f"snapshot{SUFFIXES.get(format, '')}")
        export_files.export_file(self.store, filter, format, target, one(fields, "snapshot"))
        return target, ""

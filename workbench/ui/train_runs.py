"""Train: what is done with runs: stop, resume, reorder, name, compare, export, delete and bring back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.actions import run_list, run_progress, run_queue, runs
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import one
from workbench.ui.train_form import RunPlace


@dataclass(frozen=True)
class Parts:
    """The pieces of the page that change."""

    now: gr.HTML
    queue: gr.HTML
    table: gr.HTML
    differences: gr.HTML
    message: gr.HTML
    download: gr.DownloadButton


def wire(parts: Parts, store: Store) -> None:
    """Have the buttons of the parts do what they say."""
    desk, table = _Runs(store), parts.table
    shown = [parts.now, parts.queue, table, parts.message]
    for source, event, callback in (
        (parts.now, "stop", desk.stop),
        (parts.now, "resume", desk.resume),
        (parts.now, "delete", desk.delete),
        (parts.now, "edit", desk.edit),
        (parts.queue, "move", desk.move),
        (parts.queue, "stop", desk.stop),
        (table, "delete", desk.delete),
        (table, "restore", desk.restore),
        (table, "empty", desk.empty),
        (parts.message, "undo", desk.restore),
    ):
        getattr(source, event)(callback, None, shown, **ui.QUIET)
    table.narrow(desk.narrow, None, shown, **ui.EAGER)
    table.diff(desk.diff, None, [parts.differences, parts.message], **ui.QUIET)
    parts.differences.close(lambda: views.run_differences([], []), None, [parts.differences], **ui.QUIET)
    table.export(desk.export, None, [parts.download, parts.message], **ui.QUIET).then(None, js=ui.PRESS)


def watched(store: Store, run_id: str = "") -> Run | None:
    """The training run with this id; else the one that is running, else the newest, else nothing."""
    every = runs.runs(store, "train")
    default = next((run for run in every if run.state == "running"), every[0] if every else None)
    return next((run for run in every if run.id == run_id), default)


def shown(store: Store, place: RunPlace) -> tuple[str, str, str]:
    """The run that is watched (by default what is running, else the newest), the runs that wait, and the table."""
    return parts(store, place, watched(store, place.run))


def parts(store: Store, place: RunPlace, chosen: Run | None) -> tuple[str, str, str]:
    """As ``shown``, for a run that was looked up before."""
    listed = run_list.find(store, place.filter)
    queue = views.train_queue(run_queue.queue(store))
    if chosen is None:
        return views.train_now(None, "", place.address), queue, views.train_runs(listed, "", place)
    # By its id from now on: when it ends, the page must not turn to another run.
    place = replace(place, run=chosen.id)
    now = views.train_now(
        run_progress.progress(store, chosen.id), run_progress.log_tail(store, chosen.id), place.address
    )
    return now, queue, views.train_runs(listed, chosen.id, place, run_list.tags(store))


class _Runs:
    def __init__(self, store: Store) -> None:
        self.store = store

    @ui.answering(3)
    def stop(self, event: gr.EventData) -> tuple[Any, ...]:
        run = runs.cancel(self.store, ui.payload(event)["id"])
        if run.state == "stopped":
            return self.said(event, views.toast("It will not begin.", "Resume puts it back into the queue."))
        return self.said(event, views.toast("Stopping.", "It finishes its step and keeps what it has learned."))

    @ui.answering(3)
    def resume(self, event: gr.EventData) -> tuple[Any, ...]:
        run = run_queue.resume(self.store, ui.payload(event)["id"])
        title = "Going on." if run.state == "running" else "The run waits for the one before it."
        return self.said(event, views.toast(title, "It begins at its last checkpoint."))

    @ui.answering(3)
    def move(self, event: gr.EventData) -> tuple[Any, ...]:
        run_queue.move(self.store, ui.payload(event)["id"], ui.payload(event)["where"])
        return self.said(event, "")

    @ui.answering(3)
    def edit(self, event: gr.EventData) -> tuple[Any, ...]:
        fields = ui.form(event)
        name, tags = one(fields, "name"), one(fields, "tags").split(",")
        run_list.edit(self.store, ui.payload(event)["id"], name, tags)
        return self.said(event, views.toast("Saved."))

    @ui.answering(3)
    def delete(self, event: gr.EventData) -> tuple[Any, ...]:
        ids = [run.id for run in run_list.delete(self.store, self.chosen(event))]
        title = "The run is in the trash." if len(ids) == 1 else f"{len(ids)} runs are in the trash."
        return self.said(event, views.toast(title, undo=" ".join(ids)))

    @ui.answering(3)
    def restore(self, event: gr.EventData) -> tuple[Any, ...]:
        found = run_list.restore(self.store, self.chosen(event))
        return self.said(event, views.toast("The run is back." if len(found) == 1 else f"{len(found)} runs are back."))

    @ui.answering(3)
    def empty(self, event: gr.EventData) -> tuple[Any, ...]:
        gone = run_list.empty_trash(self.store)
        return self.said(event, views.toast("The trash is empty.", f"{len(gone)} runs are gone for good."))

    @ui.answering(3)
    def narrow(self, event: gr.EventData) -> tuple[Any, ...]:
        there, wanted = RunPlace.read(ui.query(event)), RunPlace.read(ui.form(event)).filter
        trash: Mapping[str, bool] = {"yes": True, "no": False}
        deleted = trash.get(str(ui.payload(event).get("trash", "")), there.filter.deleted)
        place = RunPlace(there.run, replace(wanted, deleted=deleted))
        return *shown(self.store, place), ""

    @ui.answering(1)
    def diff(self, event: gr.EventData) -> tuple[Any, ...]:
        ids = self.chosen(event)
        if len(ids) != 2:
            raise WorkbenchError(f"{len(ids)} runs are ticked.", "Tick the two whose settings you want to compare.")
        found = [runs.get_run(self.store, run_id) for run_id in ids]
        return views.run_differences(found, run_list.differences(self.store, *ids)), ""

    @ui.handing_out
    def export(self, event: gr.EventData) -> tuple[Path, str]:
        lines = run_list.curves(self.store, self.chosen(event))
        target = ui.parcel("curves.csv")
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        return target, views.toast("The curves are written.")

    def chosen(self, event: gr.EventData) -> list[str]:
        """The run of a button, those that a message would bring back, or those that are ticked."""
        sent = ui.payload(event)
        ids = [sent["id"]] if sent.get("id") else str(sent.get("ids", "")).split() or ui.form(event).get("run", [])
        if not ids:
            raise WorkbenchError("No run is ticked.", "Tick one or more in the table.")
        return list(ids)

    def said(self, event: gr.EventData, message: str) -> tuple[Any, ...]:
        return *shown(self.store, RunPlace.read(ui.query(event))), message

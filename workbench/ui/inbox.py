"""Inbox: recorded decisions for the keyboard. The script asks for what it shows; the editor is that of Scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.actions import capture, curate, inbox, inbox_files
from workbench.records import Scenario, Toolset
from workbench.store import inbox as inbox_store
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import forms, views
from workbench.ui.forms import Desk, one
from workbench.ui.queue import Json, QueueDesk, QueueEditor

START = """workbenchReview(element, server, trigger, {
  named: false, keys: { a: "accept", r: "reject", t: "hold" }, only: ["hold"],
  words: { accept: "accepted", hold: "accepted", correct: "corrected", reject: "rejected" },
});"""
AGAIN = "() => document.dispatchEvent(new Event('workbench-queue'))"


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Desk(store)

    def ask(data: Mapping[str, Any]) -> Json:
        return desk.ask(data)

    ui.header("/inbox")
    with gr.Row(elem_id="wb-review"):
        body = ui.live(
            "inbox", views.inbox_page(), events=("edit", "capture", "export"), script=START, server_functions=[ask]
        )
        form = ui.live("editor", events=("save", "reshape", "close"))
    message, download = ui.notice(), ui.download()
    file = ui.upload((".jsonl", ".ndjson"))
    _DecisionEditor(store).listen(body, form, message)
    body.capture(desk.capture, None, [download, message], **ui.QUIET).then(None, js=AGAIN)
    body.export(desk.export, None, [download, message], **ui.QUIET).then(None, js=ui.PRESS)
    file.upload(desk.bring, file, [download, message], **ui.QUIET).then(None, js=AGAIN)


class _Desk(QueueDesk):
    """Decisions of a toolset's models, and what is done with all of them."""

    def queue(self, data: Mapping[str, Any]) -> Json:
        filter = self.filter(ui.query(data))
        setup = views.inbox_setup(
            curate.toolsets(self.store),
            filter,
            inbox_store.models(self.store, filter.toolset),
            inbox_store.counts(self.store, filter.toolset),
            capture.get(self.store),
        )
        return {"ids": [entry.recorded.id for entry in inbox.entries(self.store, filter)], "setup": setup}

    def item(self, data: Mapping[str, Any]) -> Json:
        entry = inbox.entry(self.store, str(data["id"]))
        nearest = curate.get(self.store, entry.finding.nearest) if entry.finding.nearest else None
        splits = curate.splits(self.store, entry.finding.held_out)
        return {"html": views.inbox_item(entry, nearest, splits)}

    def judge(self, data: Mapping[str, Any]) -> Json:
        id, verdict, author = str(data["id"]), str(data["verdict"]), self.author(data)
        if verdict == "reject":
            return {"change": inbox.reject(self.store, id, author).change}
        return {"change": inbox.accept(self.store, id, author, near_held_out=verdict == "hold").change}

    @ui.answering(1)
    def capture(self, event: gr.EventData, request: gr.Request) -> tuple[Any, str]:
        wanted = forms.capture(ui.form(event))
        capture.save(self.store, wanted, ui.author(request))
        return gr.skip(), views.toast("Saved.", "It holds from the next decision on.")

    @ui.answering(1)
    def bring(self, path: str | Sequence[str]) -> tuple[Any, str]:
        chosen = Path(path if isinstance(path, str) else path[0])
        found = inbox_files.bring_file(self.store, chosen, ui.toolset_of(self.store))
        said = f"{found.new:,} decisions came in; {found.known:,} were there already."
        wrong = f"{len(found.problems):,} lines could not be read, the first: {found.problems[0]}."
        return gr.skip(), views.toast(said, wrong if found.problems else "", bad=bool(found.problems))

    @ui.handing_out
    def export(self, event: gr.EventData) -> tuple[Path, str]:
        form = str(ui.payload(event)["name"])
        lines = inbox_files.export(self.store, form, self.filter(ui.query(event)).toolset)
        target = ui.parcel(f"{form}.jsonl")
        with target.open("w", encoding="utf-8") as file:
            file.writelines(lines)
        return target, ""

    def filter(self, fields: forms.Fields) -> inbox.Filter:
        given = {name: one(fields, name) for name in ("model", "reason", "text") if one(fields, name)}
        return inbox.Filter(ui.toolset_of(self.store, one(fields, "toolset")), one(fields, "state") or "open", **given)


class _DecisionEditor(QueueEditor):
    """What the model decided, at hand; nothing is kept until it is saved, and saving is the verdict."""

    def at_hand(self, desk: Desk, id: str = "") -> tuple[Scenario, Toolset]:
        draft = inbox.draft(self.store, desk.open)
        return draft, self.toolset_of(draft)

    def save(self, desk: Desk, scenario: Scenario, author: str) -> tuple[str, str]:
        held = scenario.split in inbox.HELD_OUT
        done = inbox.correct(self.store, desk.open, scenario, author, near_held_out=held)
        return views.saved(done.id, done.change), views.toast("Saved as a draft.", "It waits in Review.")

"""Review: a queue of drafts for the keyboard. The script asks for what it shows; the editor is that of Scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from workbench.actions import curate, review
from workbench.actions.curate import ProblemsError
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import forms, views
from workbench.ui.forms import Desk, one
from workbench.ui.scenarios import Editor

Json = dict[str, Any]


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Desk(store)

    def ask(data: Mapping[str, Any]) -> Json:
        return desk.ask(data)

    ui.header("/review")
    with gr.Row(elem_id="wb-review"):
        start = "workbenchReview(element, server, trigger);"
        body = ui.live(
            "review", views.review_page(), events=("edit",), script=start, server_functions=[ask], elem_id="wb-queue"
        )
        form = ui.live("editor", events=("save", "reshape", "close"))
    message = ui.notice()
    editor = DraftEditor(store)
    body.edit(editor.edit, None, [form, message], **ui.QUIET)
    form.save(editor.keep, None, [form, message], **ui.QUIET)
    form.reshape(editor.reshape, None, [form, message], **ui.EAGER)
    form.close(editor.leave, None, [form, message], **ui.QUIET)


class _Desk:
    """Answers the script: one question, one action."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.questions = {
            "queue": self.queue,
            "item": self.item,
            "judge": self.judge,
            "undo": self.undo,
            "redo": self.redo,
            "reviewers": self.reviewers,
        }

    def ask(self, data: Mapping[str, Any]) -> Json:
        try:
            return self.questions[str(data["what"])](data)
        except WorkbenchError as error:
            return {"toast": ui.failed(error)}

    def queue(self, data: Mapping[str, Any]) -> Json:
        toolset, reviewer = ui.toolset_of(self.store, str(data["toolset"])), str(data["reviewer"])
        found = review.queue(self.store, toolset, reviewer)
        differing = review.disagreements(self.store, toolset)
        setup = views.review_setup(
            curate.toolsets(self.store),
            toolset,
            reviewer,
            found.reviewers,
            review.agreements(self.store, toolset),
            [(curate.get(self.store, id), verdicts) for id, verdicts in differing.items()],
        )
        return {"ids": list(found.ids), "setup": setup}

    def item(self, data: Mapping[str, Any]) -> Json:
        found = review.item(self.store, str(data["id"]))
        toolset = curate.toolset(self.store, found.scenario.toolset)
        return {"html": views.review_item(found, toolset, review.needs_of(self.store, found.scenario))}

    def judge(self, data: Mapping[str, Any]) -> Json:
        decision = review.judge(self.store, str(data["id"]), str(data["verdict"]), str(data["reviewer"]))
        waits = views.toast("Noted. Another reviewer has to agree.") if decision.status == "draft" else ""
        return {"change": decision.change, "toast": waits}

    def undo(self, data: Mapping[str, Any]) -> Json:
        change = curate.undo(self.store, str(data["reviewer"]), int(data["change"]))
        return {"change": change.id, "toast": views.toast(views.undone(change))}

    def redo(self, data: Mapping[str, Any]) -> Json:
        change = curate.redo(self.store, str(data["reviewer"]), int(data["change"]))
        return {"change": change.id, "toast": views.toast(views.redone(change))}

    def reviewers(self, data: Mapping[str, Any]) -> Json:
        toolset = ui.toolset_of(self.store, str(data["toolset"]))
        review.set_reviewers(self.store, toolset, int(data["reviewers"]), str(data["reviewer"]))
        return {}


class DraftEditor(Editor):
    """The editor beside a queue; the address says which draft it holds."""

    SAID = "Saved. Now judge it."

    @ui.answering(1)
    def edit(self, event: gr.EventData) -> tuple[str, str]:
        return self.editor(Desk(open=str(ui.payload(event)["id"]))), ""

    @ui.answering(1)
    def keep(self, event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        desk = Desk(open=one(ui.query(event), "open"))
        before, toolset = self.at_hand(desk)
        scenario = forms.scenario(ui.form(event), toolset, before)
        try:
            author = str(ui.payload(event).get("reviewer") or ui.author(request))
            change = curate.save_scenario(self.store, scenario, author)
        except ProblemsError as error:
            return self.drawn(event, desk, scenario, toolset, error), views.not_saved(error.problems, error.hint)
        said = self.SAID if change else "Nothing was changed."
        return views.saved(scenario.id), views.toast(said)

    @ui.answering(1)
    def leave(self) -> tuple[str, str]:
        return "", ""

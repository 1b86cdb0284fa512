"""A queue of things to judge by keyboard, as Review and Inbox have it: the script asks for what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from workbench.actions import curate
from workbench.actions.curate import DEFAULT_AUTHOR, ProblemsError
from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import scenario_form, views
from workbench.ui.forms import Desk, one
from workbench.ui.scenarios import Editor

Json = dict[str, Any]


class QueueDesk:
    """Answers the script: one question, one action. A page adds ``queue``, ``item`` and ``judge``."""

    QUESTIONS: tuple[str, ...] = ("queue", "item", "judge", "undo", "redo")

    def __init__(self, store: Store) -> None:
        self.store = store

    def ask(self, data: Mapping[str, Any]) -> Json:
        what = str(data["what"])
        if what not in self.QUESTIONS:
            raise KeyError(what)
        try:
            found: Json = getattr(self, what)(data)
        except WorkbenchError as error:
            return {"toast": ui.failed(error)}
        return found

    def undo(self, data: Mapping[str, Any]) -> Json:
        change = curate.undo(self.store, self.author(data), int(data["change"]))
        return {"change": change.id, "toast": views.toast(views.undone(change))}

    def redo(self, data: Mapping[str, Any]) -> Json:
        change = curate.redo(self.store, self.author(data), int(data["change"]))
        return {"change": change.id, "toast": views.toast(views.redone(change))}

    def author(self, data: Mapping[str, Any]) -> str:
        return str(data.get("reviewer") or DEFAULT_AUTHOR)


class QueueEditor(Editor):
    """The editor of Scenarios beside a queue; the address says what it holds, and ``save`` what keeping it means."""

    def save(self, desk: Desk, scenario: Scenario, author: str) -> tuple[str, str]:
        """The panel after it was kept, and what is said. Raises ProblemsError when it cannot be."""
        raise NotImplementedError

    def listen(self, body: gr.HTML, form: gr.HTML, message: gr.HTML) -> None:
        """Answer the queue's ``edit`` and the form's own events."""
        body.edit(self.edit, None, [form, message], **ui.QUIET)
        form.save(self.keep, None, [form, message], **ui.QUIET)
        form.reshape(self.reshape, None, [form, message], **ui.EAGER)
        form.close(self.leave, None, [form, message], **ui.QUIET)

    @ui.answering(1)
    def edit(self, event: gr.EventData) -> tuple[str, str]:
        return self.editor(Desk(open=str(ui.payload(event)["id"]))), ""

    @ui.answering(1)
    def keep(self, event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        desk = Desk(open=one(ui.query(event), "open"))
        before, toolset = self.at_hand(desk)
        scenario = scenario_form.scenario(ui.form(event), toolset, before)
        author = str(ui.payload(event).get("reviewer") or ui.author(request))
        try:
            return self.save(desk, scenario, author)
        except ProblemsError as error:
            return self.drawn(event, desk, scenario, toolset, error), views.not_saved(error.problems, error.hint)

    @ui.answering(1)
    def leave(self) -> tuple[str, str]:
        return "", ""

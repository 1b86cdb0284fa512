"""Playground: talk to a served model, or to two; answer its calls, judge its answers, make scenarios of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from workbench.actions import capture, curate, playground
from workbench.actions.chat import served_toolset
from workbench.actions.coverage import coverage
from workbench.actions.models import STARTER_ID
from workbench.actions.playground import Talk
from workbench.actions.serving import Serving
from workbench.errors import WorkbenchError
from workbench.store.scenarios import ScenarioFilter
from workbench.ui import components as ui
from workbench.ui import forms, views
from workbench.ui.forms import Desk, one
from workbench.ui.review import DraftEditor

Shown = tuple[Any, Talk, str]
STREAM: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 8}
"""How events are registered whose answer grows: they go through Gradio's queue, some at once."""
EXAMPLES = 4
REFRESH_SECONDS = 3


def page(demo: gr.Blocks, serving: Serving) -> None:
    desk = _Desk(serving)

    def tick(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"parts": {"served": desk.served()}, "again": REFRESH_SECONDS}

    ui.header("/playground")
    head = ui.polled("served", tick, events=("warm",))
    with gr.Row(elem_id="wb-play"):
        with gr.Column():
            with gr.Row(elem_id="wb-talks"):
                sides = [_Side(serving, name).build() for name in ("left", "right")]
            form = ui.live("ask", events=("ask", "look", "clear"), script="workbench.composer(element);")
        tools = ui.live("declared")
        editor = ui.live("editor", events=("save", "reshape", "close"))
    message = ui.notice()
    demo.load(desk.load, None, [head, form, tools, *(side.html for side in sides), message], **ui.QUIET)
    head.warm(desk.warm, None, [head, message], **STREAM)
    form.look(desk.look, None, [tools, message], **ui.EAGER)
    editing = _TurnEditor(serving.store)
    for side in sides:
        side.listen(form, message)
        side.html.edit(editing.edit, None, [editor, message], **ui.QUIET)
    editor.save(editing.keep, None, [editor, message], **ui.QUIET)
    editor.reshape(editing.reshape, None, [editor, message], **ui.EAGER)
    editor.close(editing.leave, None, [editor, message], **ui.QUIET)


class _Desk:
    """What stands around the conversations."""

    def __init__(self, serving: Serving) -> None:
        self.serving, self.store = serving, serving.store

    @ui.answering(5)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        asked = ui.address(request)
        models = playground.choices(self.serving)
        model = one(asked, "model") or STARTER_ID
        toolset = served_toolset(self.store, model, self.serving.settings.toolset)
        form = views.playground_form(
            models,
            curate.toolsets(self.store),
            coverage(self.store, toolset.name).modes,
            model,
            one(asked, "other"),
            one(asked, "toolset"),
            one(asked, "request"),
        )
        empty = views.playground_empty(self.examples(toolset.name))
        return self.served(), form, views.playground_tools(toolset), empty, "", ""

    def served(self) -> str:
        settings, process = capture.get(self.store), self.serving.process
        told = ""
        if not settings.active or not self.serving.settings.traffic:
            told = "Nothing is recorded now, so answers cannot be judged, and the inbox stays as it is."
        elif settings.share < 1:
            told = f"Only {settings.share:.0%} of the answers are recorded; the others cannot be judged."
        return views.playground_served(process.pid is not None, process.waiting, told)

    @ui.answering(1)
    def look(self, event: gr.EventData) -> tuple[Any, ...]:
        wanted = forms.question(ui.form(event))
        name = wanted.toolset or self.serving.settings.toolset
        return views.playground_tools(served_toolset(self.store, wanted.model, name)), ""

    async def warm(self) -> tuple[Any, ...]:
        try:
            await playground.warm_up(self.serving)
        except WorkbenchError as error:
            return gr.skip(), ui.failed(error)
        return self.served(), views.toast("The starter is loaded.")

    def examples(self, toolset: str) -> list[str]:
        """Requests of approved scenarios, of different tools where possible."""
        found = curate.find(self.store, ScenarioFilter(toolset=toolset, status="approved"), 0, 200)
        by_label = {one.outcome.label: one.request for one in reversed(found)}
        return list(by_label.values())[:EXAMPLES]


class _Side:
    """One of the two conversations. It lives as long as the page is open."""

    def __init__(self, serving: Serving, name: str) -> None:
        self.serving, self.name = serving, name

    def build(self) -> _Side:
        self.html = ui.live(self.name, events=("result", "verdict", "draft", "edit"))
        self.state = gr.State(Talk())
        return self

    def listen(self, form: gr.HTML, message: gr.HTML) -> None:
        given, parts = [self.state], [self.html, self.state, message]
        form.ask(self.ask, given, parts, **STREAM)
        form.clear(self.clear, None, parts, **ui.QUIET)
        self.html.result(self.result, given, parts, **STREAM)
        self.html.verdict(self.verdict, given, parts, **ui.QUIET)
        self.html.draft(self.draft, given, parts, **ui.QUIET)

    async def ask(self, talk: Talk, event: gr.EventData) -> AsyncGenerator[Shown]:
        wanted = forms.question(ui.form(event), second=self.name == "right")
        if not wanted.model:
            yield "", Talk(), ""
        elif not wanted.request.strip():
            yield gr.skip(), talk, views.toast("There is nothing to ask.", "Write what a person would say.", bad=True)
        else:
            told = replace(
                talk,
                model=wanted.model,
                toolset=wanted.toolset,
                context=wanted.context,
                constrained=wanted.constrained,
            )
            async for shown in self.answers(told.says(wanted.request)):
                yield shown

    async def result(self, talk: Talk, event: gr.EventData) -> AsyncGenerator[Shown]:
        try:
            answered = talk.answers_calls(list(ui.form(event).get("result", ())))
        except WorkbenchError as error:
            yield gr.skip(), talk, ui.failed(error)
            return
        async for shown in self.answers(answered):
            yield shown

    async def answers(self, talk: Talk) -> AsyncGenerator[Shown]:
        async for grown in playground.answer(self.serving, talk):
            yield views.talk(grown, self.name), grown, ""

    @ui.answering(2)
    def verdict(self, talk: Talk, event: gr.EventData) -> Shown:
        chosen = ui.payload(event)
        told = playground.say(self.serving, talk, int(chosen["at"]), str(chosen["verdict"]))
        return views.talk(told, self.name), told, views.toast("Noted.", "The inbox shows it.")

    @ui.answering(2)
    def draft(self, talk: Talk, event: gr.EventData, request: gr.Request) -> Shown:
        chosen = ui.payload(event)
        near = chosen.get("near") == "yes"
        told = playground.save(self.serving, talk, int(chosen["at"]), ui.author(request), near)
        saved = told.exchanges[int(chosen["at"])].scenario
        said = views.toast("Saved as a draft.", "It waits in Review.") if saved else ""
        return views.talk(told, self.name), told, said

    def clear(self) -> Shown:
        return "", Talk(), ""


class _TurnEditor(DraftEditor):
    """The editor of a draft that was saved from a turn; the address says which."""

    SAID = "Saved. The draft waits in Review."

    @ui.answering(1)
    def edit(self, event: gr.EventData) -> tuple[str, str]:
        desk = Desk(open=str(ui.payload(event)["id"]))
        return self.editor(desk) + views.place(desk.query), ""

    @ui.answering(1)
    def leave(self) -> tuple[str, str]:
        return views.place(""), ""

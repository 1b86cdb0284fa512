"""Playground: talk to a served model, or to two; answer its calls, judge its answers, make scenarios of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from workbench.actions import capture, curate, playground, served
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
from workbench.ui.loop import Loop
from workbench.ui.review import DraftEditor

Shown = tuple[Any, Talk, str]
STREAM: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 8}
"""How events are registered whose answer grows: they go through Gradio's queue, some at once."""
EXAMPLES = 4
REFRESH_SECONDS = 3


def page(demo: gr.Blocks, serving: Serving) -> None:
    desk = _Desk(serving)

    def tick(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"parts": {"served": desk.served(), "loop": desk.loop.html()}, "again": REFRESH_SECONDS}

    ui.header("/playground")
    head = ui.polled("served", tick, events=("warm",))
    loop = desk.loop.build()
    with gr.Row(elem_id="wb-play"):
        with gr.Column():
            with gr.Row(elem_id="wb-talks"):
                sides = [_Side(serving, "left", desk.invitation).build(), _Side(serving, "right", str).build()]
            form = ui.live("ask", events=("ask", "look", "clear"), script="workbench.composer(element);")
        tools = ui.live("declared")
        editor = ui.live("editor", events=("save", "reshape", "close"))
    message = ui.notice()
    demo.load(desk.load, None, [head, loop, form, tools, *(side.html for side in sides), message], **ui.QUIET)
    desk.loop.listen(message)
    head.warm(desk.warm, None, [head, message], **STREAM)
    form.look(desk.look, None, [tools, message], **ui.EAGER)
    editing = TurnEditor(serving.store)
    for side in sides:
        side.listen(form, editor, message)
        side.html.edit(editing.edit, None, [editor, message], **ui.QUIET)
    editor.save(editing.keep, None, [editor, message], **ui.QUIET)
    editor.reshape(editing.reshape, None, [editor, message], **ui.EAGER)
    editor.close(editing.leave, None, [editor, message], **ui.QUIET)


class _Desk:
    """What stands around the conversations."""

    def __init__(self, serving: Serving) -> None:
        self.serving, self.store = serving, serving.store
        self.loop = Loop(serving.store, serving.settings.toolset)

    @ui.answering(6)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        asked = ui.address(request)
        models = playground.choices(self.serving)
        model = one(asked, "model") or served.served(self.store, self.loop.toolset).model
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
        return self.served(), self.loop.html(), form, views.playground_tools(toolset), self.invitation(), "", ""

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

    def invitation(self) -> str:
        """What stands where nothing was asked yet: requests of approved scenarios, of different tools if possible."""
        toolset = served_toolset(self.store, STARTER_ID, self.serving.settings.toolset).name
        found = curate.find(self.store, ScenarioFilter(toolset=toolset, status="approved"), 0, 200)
        by_label = {one.outcome.label: one.request for one in reversed(found)}
        return views.playground_empty(list(by_label.values())[:EXAMPLES])


class _Side:
    """One of the two conversations. It lives as long as the page is open."""

    def __init__(self, serving: Serving, name: str, empty: Callable[[], str]) -> None:
        self.serving, self.name, self.empty = serving, name, empty
        self.editor = TurnEditor(serving.store)

    def build(self) -> _Side:
        self.html = ui.live(self.name, events=("result", "verdict", "draft", "edit"))
        self.state = gr.State(Talk())
        return self

    def listen(self, form: gr.HTML, editor: gr.HTML, message: gr.HTML) -> None:
        given, parts = [self.state], [self.html, self.state, message]
        form.ask(self.ask, given, parts, **STREAM)
        form.clear(self.clear, None, parts, **ui.QUIET)
        self.html.result(self.result, given, parts, **STREAM)
        self.html.verdict(self.verdict, given, parts, **ui.QUIET)
        self.html.draft(self.draft, given, [self.html, self.state, editor, message], **ui.QUIET)

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

    @ui.answering(3)
    def draft(self, talk: Talk, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        chosen = ui.payload(event)
        at, near = int(chosen["at"]), chosen.get("near") == "yes"
        told = playground.save(self.serving, talk, at, ui.author(request), near)
        shown = views.talk(told, self.name), told
        if not (saved := told.exchanges[at].scenario):
            return *shown, gr.skip(), ""
        return *shown, self.editor.opened(saved), views.toast("Saved as a draft.", "It waits in Review.")

    def clear(self) -> Shown:
        return self.empty(), Talk(), ""


class TurnEditor(DraftEditor):
    """The editor of a draft that was saved from a turn; the address says which."""

    SAID = "Saved. The draft waits in Review."

    @ui.answering(1)
    def edit(self, event: gr.EventData) -> tuple[str, str]:
        return self.opened(str(ui.payload(event)["id"])), ""

    def opened(self, id: str) -> str:
        desk = Desk(open=id)
        return self.editor(desk) + views.place(desk.query)

    @ui.answering(1)
    def leave(self) -> tuple[str, str]:
        return views.place(""), ""

"""Playground: talk to a served model, or to two; answer its calls, judge its answers, make scenarios of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
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

Shown = tuple[Any, ...]
MOST_TALKS = 256
"""Conversations that are remembered, the newest; others begin anew. (Gradio's own state keeps a connection open.)"""
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
            form = ui.live(
                "ask", events=("ask", "beside", "look", "clear", "stop"), script="workbench.composer(element);"
            )
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
        toolset = served_toolset(self.store, model, self.serving.settings.toolset_of(model))
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
        name = wanted.toolset or self.serving.settings.toolset_of(wanted.model)
        return views.playground_tools(served_toolset(self.store, wanted.model, name)), ""

    async def warm(self) -> tuple[Any, ...]:
        try:
            await playground.warm_up(self.serving)
        except WorkbenchError as error:
            return gr.skip(), ui.failed(error)
        return self.served(), views.toast("The starter is loaded.")

    def invitation(self) -> str:
        """What stands where nothing was asked yet: requests of approved scenarios, of different tools if possible."""
        toolset = served_toolset(self.store, STARTER_ID, self.serving.settings.toolset_of(STARTER_ID)).name
        found = curate.find(self.store, ScenarioFilter(toolset=toolset, status="approved"), 0, 200)
        by_label = {one.outcome.label: one.request for one in reversed(found)}
        return views.playground_empty(list(by_label.values())[:EXAMPLES])


class _Side:
    """One of the two conversations of each open page."""

    def __init__(self, serving: Serving, name: str, empty: Callable[[], str]) -> None:
        self.serving, self.name, self.empty = serving, name, empty
        self.editor = TurnEditor(serving.store)
        self.talks: OrderedDict[str, Talk] = OrderedDict()
        self.stops: dict[str, asyncio.Event] = {}

    def build(self) -> _Side:
        with gr.Column():
            self.html = ui.live(self.name, events=("result", "again", "verdict", "draft", "edit"))
            self.growing = ui.live(f"{self.name}-growing", events=("stop",))
        return self

    def talk(self, request: gr.Request) -> Talk:
        return self.talks.get(str(request.session_hash), Talk())

    def shown(self, talk: Talk, request: gr.Request) -> str:
        """The conversation, which is remembered."""
        self.talks[str(request.session_hash)] = talk
        self.talks.move_to_end(str(request.session_hash))
        while len(self.talks) > MOST_TALKS:
            self.talks.popitem(last=False)
        return views.talk(talk, self.name) if talk.exchanges else self.empty()

    def listen(self, form: gr.HTML, editor: gr.HTML, message: gr.HTML) -> None:
        parts = [self.html, self.growing, message]
        # Gradio lets the listeners of one event wait for each other, so that each side has its own.
        asking = form.beside if self.name == "right" else form.ask
        asking(self.ask, None, parts, **STREAM)
        form.clear(self.clear, None, parts, **ui.QUIET)
        self.html.result(self.result, None, parts, **STREAM)
        self.html.again(self.again, None, parts, **STREAM)
        for stopping in (form, self.growing):
            stopping.stop(self.stop, None, None, **ui.QUIET)
        self.html.verdict(self.verdict, None, [self.html, message], **ui.QUIET)
        self.html.draft(self.draft, None, [self.html, editor, message], **ui.QUIET)

    async def ask(self, event: gr.EventData, request: gr.Request) -> AsyncGenerator[Shown]:
        wanted = forms.question(ui.form(event), second=self.name == "right")
        if not wanted.model:
            # Whether there is something to ask is for the other side to say.
            yield self.shown(Talk(), request), "", gr.skip()
        elif not wanted.request.strip():
            yield (
                gr.skip(),
                gr.skip(),
                views.toast("There is nothing to ask.", "Write what a person would say.", bad=True),
            )
        else:
            told = replace(
                self.talk(request),
                model=wanted.model,
                toolset=wanted.toolset,
                context=wanted.context,
                constrained=wanted.constrained,
            )
            async for shown in self.answers(told.says(wanted.request), request):
                yield shown

    async def result(self, event: gr.EventData, request: gr.Request) -> AsyncGenerator[Shown]:
        results = list(ui.form(event).get("result", ()))
        async for shown in self.goes_on(lambda talk: talk.answers_calls(results), request):
            yield shown

    async def again(self, request: gr.Request) -> AsyncGenerator[Shown]:
        async for shown in self.goes_on(Talk.again, request):
            yield shown

    async def goes_on(self, turn: Callable[[Talk], Talk], request: gr.Request) -> AsyncGenerator[Shown]:
        try:
            asked = turn(self.talk(request))
        except WorkbenchError as error:
            yield gr.skip(), gr.skip(), ui.failed(error)
            return
        async for shown in self.answers(asked, request):
            yield shown

    async def answers(self, talk: Talk, request: gr.Request) -> AsyncGenerator[Shown]:
        session, stop = str(request.session_hash), asyncio.Event()
        self.stops[session] = stop
        growing: Any = views.playground_growing(talk.exchanges[-1].model)
        try:
            async with aclosing(playground.answer(self.serving, talk, stop)) as answer:
                async for grown in answer:
                    if self.stops.get(session) is not stop:
                        # A new conversation was begun meanwhile.
                        return
                    yield self.shown(grown, request), "" if grown.exchanges[-1].done else growing, ""
                    growing = gr.skip()
        finally:
            if self.stops.get(session) is stop:
                del self.stops[session]

    async def stop(self, request: gr.Request) -> None:
        """End the answer that grows, if there is one; it then says itself how far it came."""
        if stop := self.stops.get(str(request.session_hash)):
            stop.set()

    @ui.answering(1)
    def verdict(self, event: gr.EventData, request: gr.Request) -> Shown:
        talk, at = self.turn(event, request)
        told = playground.say(self.serving, talk, at, str(ui.payload(event)["verdict"]))
        return self.shown(told, request), views.toast("Noted.", "The inbox shows it.")

    @ui.answering(2)
    def draft(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        talk, at = self.turn(event, request)
        near = ui.payload(event).get("near") == "yes"
        told = playground.save(self.serving, talk, at, ui.author(request), near)
        shown = self.shown(told, request)
        if not (saved := told.exchanges[at].scenario):
            return shown, gr.skip(), ""
        return shown, self.editor.opened(saved), views.toast("Saved as a draft.", "It waits in Review.")

    async def clear(self, request: gr.Request) -> Shown:
        if stop := self.stops.pop(str(request.session_hash), None):
            stop.set()
        return self.shown(Talk(), request), "", ""

    def turn(self, event: gr.EventData, request: gr.Request) -> tuple[Talk, int]:
        """The conversation and which of its turns is meant. Raises WorkbenchError when the app was started anew."""
        talk, at = self.talk(request), int(ui.payload(event)["at"])
        if at >= len(talk.exchanges):
            raise WorkbenchError("This conversation is forgotten.", "Ask again.")
        return talk, at


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

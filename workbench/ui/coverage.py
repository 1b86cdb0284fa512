"""Coverage: targets, which tools, systems, modes, shells and categories the scenarios cover, and the quality gates."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr

from workbench.actions import curate, targets
from workbench.actions.check import check
from workbench.actions.coverage import coverage
from workbench.errors import WorkbenchError
from workbench.records import SPLITS
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.ui import components as ui
from workbench.ui import forms, views
from workbench.ui.forms import Fields, one

UNASKED = 20_000
"""Up to so many approved scenarios the gates are checked whenever the page opens."""


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Desk(store)
    ui.header("/coverage")
    body = ui.live("coverage", events=("choose", "retarget", "preset"))
    gates = ui.live("gates", events=("check",))
    message = ui.notice()
    demo.load(desk.load, None, [body, message], **ui.QUIET)
    demo.load(desk.look, None, [gates, message], **ui.QUIET)
    body.choose(desk.choose, None, [body, gates, message], **ui.EAGER)
    body.retarget(desk.retarget, None, [body, gates, message], **ui.QUIET)
    body.preset(desk.preset, None, [body, gates, message], **ui.QUIET)
    gates.check(desk.check, None, [gates, message], **ui.QUIET)


class _Desk:
    """The page as the address says."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def show(self, filter: ScenarioFilter, typed: str = "") -> str:
        whole = coverage(self.store, filter.toolset)
        splits = {split: curate.count(self.store, replace(filter, split=split)) for split in SPLITS}
        return views.coverage(
            coverage(self.store, filter.toolset, filter),
            splits,
            curate.toolsets(self.store),
            filter,
            targets.standing(self.store, filter.toolset),
            typed,
            whole,
        )

    def gates(self, toolset: str, asked: bool = False) -> str:
        approved = curate.count(self.store, ScenarioFilter(toolset=toolset, status="approved"))
        if approved > UNASKED and not asked:
            return views.gates(None, (), toolset, approved)
        return views.gates(check(self.store, toolset), targets.argument_cases(self.store, toolset), toolset)

    def place(self, fields: Fields) -> ScenarioFilter:
        toolset = ui.toolset_of(self.store, one(fields, "toolset"))
        return replace(forms.scenario_filter(fields), toolset=toolset, text="", tool="", split="")

    @ui.answering(1)
    def load(self, request: gr.Request) -> tuple[str, str]:
        return self.show(self.place(ui.address(request))), ""

    @ui.answering(1)
    def look(self, request: gr.Request) -> tuple[str, str]:
        return self.gates(self.place(ui.address(request)).toolset), ""

    @ui.answering(1)
    def check(self, event: gr.EventData) -> tuple[str, str]:
        return self.gates(self.place(ui.query(event)).toolset, asked=True), ""

    @ui.answering(2)
    def choose(self, event: gr.EventData) -> tuple[str, str, str]:
        filter = self.place({"toolset": ui.query(event).get("toolset", ()), **ui.form(event)})
        return self.show(filter), self.gates(filter.toolset), ""

    @ui.answering(2)
    def retarget(self, event: gr.EventData, request: gr.Request) -> tuple[str, str, str]:
        filter, typed = self.place(ui.query(event)), one(ui.form(event), "lines")
        try:
            targets.set_targets(self.store, filter.toolset, typed.splitlines(), ui.author(request))
        except WorkbenchError as error:
            return self.show(filter, typed), self.gates(filter.toolset), ui.failed(error)
        return self.show(filter), self.gates(filter.toolset), views.toast("Targets set.")

    @ui.answering(2)
    def preset(self, event: gr.EventData, request: gr.Request) -> tuple[str, str, str]:
        filter = self.place(ui.query(event))
        chosen = [target.text for target in targets.preset(str(ui.payload(event)["name"]))]
        targets.set_targets(self.store, filter.toolset, chosen, ui.author(request))
        return self.show(filter), self.gates(filter.toolset), views.toast("Targets set.")

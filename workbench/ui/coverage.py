"""Coverage: which tools, systems and modes the scenarios cover."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr

from workbench.actions import curate
from workbench.actions.coverage import coverage
from workbench.records import SPLITS
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import Fields, one


def page(demo: gr.Blocks, store: Store) -> None:
    def show(fields: Fields) -> str:
        toolset = ui.toolset_of(store, one(fields, "toolset"))
        status = one(fields, "status")
        chosen = ScenarioFilter(toolset=toolset, status=status)
        splits = {split: curate.count(store, replace(chosen, split=split)) for split in SPLITS}
        return views.coverage(coverage(store, toolset, chosen), splits, curate.toolsets(store), status)

    @ui.answering(1)
    def load(request: gr.Request) -> tuple[str, str]:
        return show(ui.address(request)), ""

    @ui.answering(1)
    def choose(event: gr.EventData) -> tuple[str, str]:
        return show({"toolset": ui.query(event).get("toolset", ()), **ui.form(event)}), ""

    ui.header("/coverage")
    body = ui.live("coverage", events=("choose",))
    message = ui.notice()
    demo.load(load, None, [body, message], **ui.QUIET)
    body.choose(choose, None, [body, message], **ui.EAGER)

"""The panel of what is served: train on what is new, read the verdict, swap."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.actions import auto_train, run_list, run_progress, served
from workbench.actions.run_list import RunFilter
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import views


class Loop:
    """One toolset's way from new scenarios to a new served model."""

    def __init__(self, store: Store, toolset: str) -> None:
        self.store, self.wanted = store, toolset

    @property
    def toolset(self) -> str:
        return ui.toolset_of(self.store, self.wanted)

    def build(self) -> gr.HTML:
        self.part = ui.live("loop", events=("due", "swap"))
        return self.part

    def listen(self, message: gr.HTML) -> None:
        self.part.due(self.due, None, [self.part, message], **ui.QUIET)
        self.part.swap(self.swap, None, [self.part, message], **ui.QUIET)

    def html(self) -> str:
        """The panel; nothing where there is no toolset yet."""
        try:
            now, auto = served.served(self.store, self.toolset), auto_train.state(self.store, self.toolset)
        except WorkbenchError:
            return ""
        trained = run_list.find(self.store, RunFilter(kind="train", tag=served.TAG))
        going = [run for run in trained if not run.finished and run_list.toolset_name(run) == now.toolset]
        progress = run_progress.progress(self.store, going[0].id) if going else None
        return views.loop(now, auto, progress, served.proposal(self.store, now.toolset))

    @ui.answering(1)
    def due(self) -> tuple[Any, ...]:
        rule = auto_train.state(self.store, self.toolset).rule
        run = auto_train.train_if_due(self.store, rule.toolset, rule.min_new, rule.base, rule.settings)
        if run is None:
            new = auto_train.state(self.store, self.toolset).new
            said = f"{new:,} approved scenarios are new; {rule.min_new:,} are needed. The Train page sets how many."
            return self.html(), views.toast("Not enough is new.", said)
        return self.html(), views.toast("Training has begun.", "It is evaluated and compared when it is done.")

    @ui.answering(1)
    def swap(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        proposed = served.proposal(self.store, self.toolset)
        if proposed is None or proposed.model != ui.payload(event)["model"]:
            raise WorkbenchError("Another model is proposed by now.", "Read its verdict first.")
        now = served.swap(self.store, self.toolset, ui.author(request))
        return self.html(), views.toast(f"{now.model} answers now.", f"It is served for {now.toolset}.")

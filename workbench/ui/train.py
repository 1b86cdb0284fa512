"""Train: start a run, watch it, lay its curve over those of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import gradio as gr

from workbench.actions import curate, models, recipes, runs
from workbench.actions.curate import ProblemsError
from workbench.actions.duplicates import LeakError
from workbench.errors import Problem
from workbench.records import SPLITS
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.training.settings import default_settings
from workbench.ui import components as ui
from workbench.ui import forms, theme, views
from workbench.ui.artefacts import Exports
from workbench.ui.forms import TrainOrder, one
from workbench.ui.preflight import PreflightPart

MOST_CURVES = 8
FAST_SECONDS, SLOW_SECONDS = 1, 3


def page(demo: gr.Blocks, store: Store) -> None:
    ui.header("/train")
    ui.live("train-head", views.train_head())
    desk = _Train(store)
    with gr.Row(elem_id="wb-train"):
        with gr.Column():
            form = ui.live("order", events=("start", "look", "preset", "check"))
        with gr.Column():
            checked = ui.live("preflight", events=("turn",))
            now = ui.live("now", events=("stop",))
            curves(desk)
            table = ui.live("runs")
            exported = desk.exports.build()
    message = ui.notice()
    demo.load(desk.load, None, [form, now, table, *exported, message], **ui.QUIET)
    demo.load(desk.preflight.html, None, checked, **ui.QUIET)
    desk.exports.listen(message)
    form.preset(desk.preset, None, [form, message], **ui.EAGER)
    form.check(desk.check, None, [form, checked, message], **ui.QUIET)
    checked.turn(desk.preflight.turn, None, [checked, message], **ui.EAGER)
    form.look(desk.look, None, [form, message], **ui.EAGER)
    form.start(desk.start, None, [form, now, table, message], **ui.QUIET)
    now.stop(desk.stop, None, [now, table, message], **ui.QUIET)


def curves(desk: _Train) -> gr.HTML:
    """The plot; it also asks for news of the parts beside it."""

    def tick(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return desk.tick(body)

    return ui.live(
        "curves",
        views.train_plot(),
        head=f'<script src="{theme.plotly_address()}"></script>',
        script="workbench.curves({element, server});",
        server_functions=[tick],
    )


class _Train:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.preflight = PreflightPart(store)
        self.exports = Exports(store)

    @ui.answering(5)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        fields = ui.address(request)
        base = one(fields, "base") or models.STARTER_ID
        toolset = ui.toolset_of(self.store, one(fields, "toolset"))
        order = TrainOrder(toolset, base, self.name(toolset), default_settings(base))
        run_id = one(fields, "run")
        return self.form(order), *self.watched(run_id), *self.exports.parts(self.chosen(run_id)), ""

    @ui.answering(1)
    def look(self, event: gr.EventData) -> tuple[Any, ...]:
        order, _ = forms.train_order(ui.form(event))
        fresh = TrainOrder(order.toolset, order.base, order.name, default_settings(order.base))
        return self.form(fresh), ""

    @ui.answering(1)
    def preset(self, event: gr.EventData) -> tuple[Any, ...]:
        order, _ = forms.train_order(ui.form(event))
        chosen = recipes.recipe(self.store, order.toolset, order.base, str(ui.payload(event)["preset"]))
        return self.form(replace(order, settings=chosen, typed={})), ""

    @ui.answering(2)
    def check(self, event: gr.EventData) -> tuple[Any, ...]:
        order, problems = forms.train_order(ui.form(event))
        try:
            if problems:
                raise ProblemsError("Some settings need mending.", problems)
            return self.form(order), self.preflight.begin(order), ""
        except ProblemsError as error:
            refused = views.toast("Some settings need mending.", bad=True)
            return self.form(order, error.problems), gr.skip(), refused

    def start(self, event: gr.EventData) -> tuple[Any, ...]:
        order, problems = forms.train_order(ui.form(event))
        return self.refused(order, problems) if problems else self.started(order)

    def started(self, order: TrainOrder) -> tuple[Any, ...]:
        try:
            run = runs.start_training(
                self.store, order.toolset, order.base, order.settings, name=order.name, allow_leaks=order.allow_leaks
            )
        except ProblemsError as error:
            return self.refused(order, error.problems)
        except LeakError as error:
            said = views.toast("Training has not begun: there are leaks.", bad=True)
            return self.form(order, leak=error), gr.skip(), gr.skip(), said
        except ui.WorkbenchError as error:
            return self.form(order), gr.skip(), gr.skip(), ui.failed(error)
        said = "Training has begun." if run.state == "running" else "The run waits for the one before it."
        order = replace(order, name=self.name(order.toolset), allow_leaks="")
        return self.form(order), *self.watched(run.id), views.toast(said, "You may close this page; it goes on.")

    def name(self, toolset: str) -> str:
        """A name that no run has yet, such as ``desktop-2``."""
        taken = {run.name for run in runs.runs(self.store, "train")}
        return next(name for n in count(1) if (name := f"{toolset}-{n}") not in taken)

    def refused(self, order: TrainOrder, problems: Any) -> tuple[Any, ...]:
        return self.form(order, problems), gr.skip(), gr.skip(), views.toast("Some settings need mending.", bad=True)

    @ui.answering(2)
    def stop(self, event: gr.EventData) -> tuple[Any, ...]:
        run = runs.cancel(self.store, ui.payload(event)["id"])
        return *self.watched(run.id), views.toast("Stopping.", "It finishes its step and keeps what it has learned.")

    def tick(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """News of the page: its parts, and the points that its curves lack."""
        run_id = one(ui.query(body), "run")
        now, table = self.watched(run_id)
        chosen = self.chosen(run_id)
        parts = {"now": now, "runs": table, "artefacts": self.exports.listed(chosen)}
        # The form is drawn anew only when another run is watched or this one has just finished: it holds the focus.
        if body.get("exportable", "") != (ready := chosen if self.exports.can_export(chosen) else ""):
            parts["export"] = views.export_form(ready)
        listed = {run.id: run for run in runs.runs(self.store, "train")}
        asked = [(listed[id], int(after)) for id, after in list(body["have"].items())[:MOST_CURVES] if id in listed]
        points = [views.curve(run, runs.run_metrics(self.store, run.id, after), after) for run, after in asked]
        checked = {"preflight": self.preflight.html()} if body.get("waiting") else {}
        active = any(not run.finished for run in [*listed.values(), *runs.runs(self.store, "export")])
        return {
            "parts": {**parts, **checked},
            "curves": points,
            "again": FAST_SECONDS if active or checked else SLOW_SECONDS,
        }

    def watched(self, run_id: str) -> tuple[str, str]:
        """The run that is watched (the newest by default) and the table of all."""
        listed = runs.runs(self.store, "train")
        chosen = next((run for run in listed if run.id == run_id), listed[0] if listed else None)
        if chosen is None:
            return views.train_now(None, "", ""), views.train_runs([], "")
        query = forms.address(run="" if chosen == listed[0] else chosen.id)
        now = views.train_now(runs.progress(self.store, chosen.id), runs.log_tail(self.store, chosen.id), query)
        return now, views.train_runs(listed, chosen.id)

    def chosen(self, run_id: str) -> str:
        """Id of the run that is watched; empty where there is none."""
        listed = [run.id for run in runs.runs(self.store, "train")]
        return run_id if run_id in listed else next(iter(listed), "")

    def form(
        self,
        order: TrainOrder,
        problems: list[Problem] | tuple[Problem, ...] = (),
        leak: LeakError | None = None,
    ) -> str:
        counts = {
            split: curate.count(self.store, ScenarioFilter(toolset=order.toolset, split=split, status="approved"))
            for split in SPLITS
        }
        return views.train_form(order, curate.toolsets(self.store), models.list_bases(), counts, problems, leak)

"""Train: start a run, watch it, lay its curve over those of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import gradio as gr

from workbench.actions import auto_train, curate, models, recipes, run_list, run_progress, runs, starting
from workbench.actions.curate import ProblemsError
from workbench.actions.duplicates import LeakError
from workbench.errors import Problem
from workbench.records import SPLITS
from workbench.store.auto_train import AutoRule
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.ui import components as ui
from workbench.ui import theme, train_form, train_runs, views
from workbench.ui.artefacts import Exports
from workbench.ui.forms import Fields, one
from workbench.ui.preflight import PreflightPart
from workbench.ui.train_form import RunPlace, TrainOrder

MOST_CURVES = 8
FAST_SECONDS, SLOW_SECONDS = 1, 3


def page(demo: gr.Blocks, store: Store) -> None:
    ui.header("/train")
    ui.live("train-head", views.train_head())
    desk = _Train(store)
    with gr.Row(elem_id="wb-train"):
        with gr.Column():
            form = ui.live("order", events=("start", "look", "preset", "check", "rule", "due"))
        with gr.Column():
            checked = ui.live("preflight", events=("turn",))
            now = ui.live("now", events=("stop", "resume", "delete", "edit"))
            queue = ui.live("queue", events=("move", "stop"))
            curves(desk)
            table = ui.live("runs", events=("narrow", "diff", "export", "delete", "restore", "empty"))
            differences = ui.live("differences", events=("close",))
            exported = desk.exports.build()
    message, download = ui.notice(), ui.download()
    demo.load(desk.load, None, [form, now, queue, table, *exported, message], **ui.QUIET)
    demo.load(desk.preflight.html, None, checked, **ui.QUIET)
    desk.exports.listen(message, download)
    form.preset(desk.preset, None, [form, message], **ui.EAGER)
    form.check(desk.check, None, [form, checked, message], **ui.QUIET)
    checked.turn(desk.preflight.turn, None, [checked, message], **ui.EAGER)
    form.look(desk.look, None, [form, message], **ui.EAGER)
    form.start(desk.start, None, [form, now, queue, table, message], **ui.QUIET)
    form.rule(desk.rule, None, [form, message], **ui.QUIET)
    form.due(desk.due, None, [form, now, queue, table, message], **ui.QUIET)
    train_runs.wire(train_runs.Parts(now, queue, table, differences, message, download), store)


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

    @ui.answering(6)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        fields = ui.address(request)
        place = RunPlace.read(fields)
        watched = train_runs.watched(self.store, place.run)
        exported = self.exports.parts(watched.id if watched else "")
        return self.form(self.order(fields)), *train_runs.parts(self.store, place, watched), *exported, ""

    def order(self, fields: Fields) -> TrainOrder:
        """What the form begins with: the settings of the run that the address names, or good ones for the base."""
        if like := one(fields, "like"):
            run = runs.get_run(self.store, like)
            toolset = ui.toolset_of(self.store, run_list.toolset_name(run))
            return TrainOrder(toolset, run.model, self.name(toolset), run_list.settings_of(run))
        base = one(fields, "base") or models.STARTER_ID
        toolset = ui.toolset_of(self.store, one(fields, "toolset"))
        return TrainOrder(toolset, base, self.name(toolset), recipes.first_settings(self.store, toolset, base))

    @ui.answering(1)
    def look(self, event: gr.EventData) -> tuple[Any, ...]:
        order, _ = train_form.train_order(ui.form(event))
        settings = recipes.first_settings(self.store, order.toolset, order.base)
        return self.form(TrainOrder(order.toolset, order.base, order.name, settings)), ""

    @ui.answering(1)
    def preset(self, event: gr.EventData) -> tuple[Any, ...]:
        order, _ = train_form.train_order(ui.form(event))
        chosen = recipes.recipe(self.store, order.toolset, order.base, str(ui.payload(event)["preset"]))
        return self.form(replace(order, settings=chosen, typed={})), ""

    @ui.answering(2)
    def check(self, event: gr.EventData) -> tuple[Any, ...]:
        order, problems = train_form.train_order(ui.form(event))
        try:
            if problems:
                raise ProblemsError("Some settings need mending.", problems)
            return self.form(order), self.preflight.begin(order), ""
        except ProblemsError as error:
            refused = views.toast("Some settings need mending.", bad=True)
            return self.form(order, error.problems), gr.skip(), refused

    def start(self, event: gr.EventData) -> tuple[Any, ...]:
        order, problems = train_form.train_order(ui.form(event))
        return self.refused(order, problems) if problems else self.started(order)

    def started(self, order: TrainOrder) -> tuple[Any, ...]:
        try:
            run = starting.start_training(
                self.store, order.toolset, order.base, order.settings, name=order.name, allow_leaks=order.allow_leaks
            )
        except ProblemsError as error:
            return self.refused(order, error.problems)
        except LeakError as error:
            said = views.toast("Training has not begun: there are leaks.", bad=True)
            return self.form(order, leak=error), gr.skip(), gr.skip(), gr.skip(), said
        except ui.WorkbenchError as error:
            return self.form(order), gr.skip(), gr.skip(), gr.skip(), ui.failed(error)
        said = "Training has begun." if run.state == "running" else "The run waits for the one before it."
        order = replace(order, name=self.name(order.toolset), allow_leaks="")
        return (
            self.form(order),
            *train_runs.shown(self.store, RunPlace(run.id)),
            views.toast(said, "You may close this page; it goes on."),
        )

    def name(self, toolset: str) -> str:
        """A name that no run has yet, such as ``desktop-2``."""
        taken = {run.name for run in runs.runs(self.store, "train")}
        return next(name for n in count(1) if (name := f"{toolset}-{n}") not in taken)

    def refused(self, order: TrainOrder, problems: Any) -> tuple[Any, ...]:
        said = views.toast("Some settings need mending.", bad=True)
        return self.form(order, problems), gr.skip(), gr.skip(), gr.skip(), said

    @ui.answering(1)
    def rule(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        order, rule, problems = self.auto(event)
        if problems:
            return self.form(order, problems), views.toast("Some settings need mending.", bad=True)
        found = auto_train.set_rule(self.store, rule, ui.author(request))
        said = "The app looks by itself." if found.rule.active else "Auto-train is off."
        return self.form(order), views.toast(said, f"{found.new:,} of {found.rule.min_new:,} scenarios are new.")

    @ui.answering(4)
    def due(self, event: gr.EventData) -> tuple[Any, ...]:
        order, rule, problems = self.auto(event)
        if problems:
            return self.refused(order, problems)
        run = auto_train.train_if_due(self.store, rule.toolset, rule.min_new, rule.base, rule.settings)
        if run is None:
            new = auto_train.state(self.store, rule.toolset).new
            said = views.toast("Not enough is new.", f"{new:,} approved scenarios are; {rule.min_new:,} are needed.")
            return self.form(order), gr.skip(), gr.skip(), gr.skip(), said
        said = views.toast("Training has begun.", "It is evaluated when it is done.")
        return self.form(order), *train_runs.shown(self.store, RunPlace(run.id)), said

    def auto(self, event: gr.EventData) -> tuple[TrainOrder, AutoRule, list[Problem]]:
        fields = ui.form(event)
        (order, problems), wanted = train_form.train_order(fields), train_form.auto_order(fields)
        settings = order.settings.to_dict()
        rule = AutoRule(order.toolset, wanted.active, wanted.min_new, order.base, settings, wanted.swap)
        return order, rule, problems

    def tick(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """News of the page: its parts, and the points that its curves lack."""
        place = RunPlace.read(ui.query(body))
        watched = train_runs.watched(self.store, place.run)
        parts = dict(zip(("now", "queue", "runs"), train_runs.parts(self.store, place, watched), strict=True))
        chosen = watched.id if watched else ""
        parts["artefacts"] = self.exports.listed(chosen)
        # The form is drawn anew only when another run is watched or this one has just finished: it holds the focus.
        if body.get("exportable", "") != (ready := chosen if self.exports.can_export(chosen) else ""):
            parts["export"] = views.export_form(ready)
        listed = {run.id: run for run in runs.runs(self.store, "train")}
        asked = [(listed[id], int(after)) for id, after in list(body["have"].items())[:MOST_CURVES] if id in listed]
        points = [views.curve(run, run_progress.run_metrics(self.store, run.id, after), after) for run, after in asked]
        checked = {"preflight": self.preflight.html()} if body.get("waiting") else {}
        active = any(not run.finished for run in [*listed.values(), *runs.runs(self.store, "export")])
        return {
            "parts": {**parts, **checked},
            "curves": points,
            "again": FAST_SECONDS if active or checked else SLOW_SECONDS,
        }

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
        auto = auto_train.state(self.store, order.toolset)
        return views.train_form(order, curate.toolsets(self.store), models.list_bases(), counts, problems, leak, auto)

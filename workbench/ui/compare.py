"""Compare: the same scenarios put to several models, figures and answers side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.actions import comparing, models, runs
from workbench.errors import WorkbenchError
from workbench.records import Run
from workbench.store import snapshots
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import NOW, Bench, Fields

_PLACE = ("model", "split", "snapshot")
"""What a filter of the answers leaves as it is."""
FAST_SECONDS, SLOW_SECONDS = 1, 5


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Compare(store)

    def tick(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return desk.tick(body)

    ui.header("/compare")
    form = ui.live("bench", events=("run",))
    result = ui.polled("result", tick, events=("narrow", "turn", "export", "stop"))
    message = ui.notice()
    download = ui.download()
    demo.load(desk.load, None, [form, result, message], **ui.QUIET)
    form.run(desk.run, None, [form, result, message], **ui.QUIET)
    result.narrow(desk.narrow, None, [result, message], **ui.EAGER)
    result.turn(desk.turn, None, [result, message], **ui.EAGER)
    result.stop(desk.stop, None, [result, message], **ui.QUIET)
    result.export(desk.export, None, [download, message], **ui.QUIET).then(None, js=ui.PRESS)


class _Compare:
    def __init__(self, store: Store) -> None:
        self.store = store

    @ui.answering(2)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        bench = self.settled(self.suggested(Bench.read(ui.address(request))))
        return self.form(bench), self.result(bench), ""

    @ui.answering(2)
    def run(self, event: gr.EventData) -> tuple[Any, ...]:
        bench = self.settled(Bench.read(ui.form(event)))
        if ui.form(event).get("grammar"):
            held = (f"{model}{models.GRAMMAR_SUFFIX}" for model in bench.models if "+" not in model)
            bench = bench.at(models=tuple(dict.fromkeys((*bench.models, *held))))
        if len(bench.models) < 2:
            raise WorkbenchError("A comparison needs at least two models.", "Tick one more.")
        if bench.snapshot in ("", NOW):
            bench = bench.at(snapshot=runs.make_snapshot(self.store, ui.toolset_of(self.store)))
        comparing.ensure_evaluations(self.store, bench.models, bench.snapshot, bench.split)
        return self.form(bench), self.result(bench), ""

    @ui.answering(1)
    def narrow(self, event: gr.EventData) -> tuple[Any, ...]:
        kept: Fields = {name: values for name, values in ui.query(event).items() if name in _PLACE}
        return self.result(Bench.read({**kept, **ui.form(event)})), ""

    @ui.answering(1)
    def turn(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.result(Bench.read(ui.query(event)).at(page=int(ui.payload(event)["page"]))), ""

    @ui.answering(1)
    def stop(self, event: gr.EventData) -> tuple[Any, ...]:
        runs.cancel(self.store, ui.payload(event)["id"])
        return self.result(Bench.read(ui.query(event))), views.toast("Stopping.")

    @ui.handing_out
    def export(self, event: gr.EventData) -> tuple[Path, str]:
        bench, format = Bench.read(ui.query(event)), str(ui.payload(event)["format"])
        comparison = comparing.compare(self.store, [run.id for run in self.found(bench).values()])
        target = ui.parcel(f"comparison.{format}")
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(comparing.export_comparison(comparison, format, bench.differing))
        return target, ""

    def tick(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What became of the evaluations that the page waits for."""
        if not body.get("waiting"):
            return {"again": SLOW_SECONDS}
        return {"parts": {"result": self.result(Bench.read(ui.query(body)))}, "again": FAST_SECONDS}

    def suggested(self, bench: Bench) -> Bench:
        """With models ticked: those that were asked for, or the starter and the newest that was trained."""
        trained = [model.id for model in models.list_models(self.store) if model.adapter][:1]
        return bench if bench.models or not trained else bench.at(models=(models.STARTER_ID, *trained))

    def settled(self, bench: Bench) -> Bench:
        """With a snapshot: the one that was asked for, that a chosen model was trained on, or the newest."""
        if bench.snapshot:
            return bench
        listed = {f"{models.RUN_PREFIX}{run.id}": run.snapshot for run in runs.runs(self.store, "train")}
        trained = [listed[model] for model in bench.models if model in listed]
        newest = [info.hash for info in snapshots.list_snapshots(self.store)[:1]]
        return bench.at(snapshot=next(iter([*trained, *newest]), ""))

    def found(self, bench: Bench) -> dict[str, Run]:
        """The newest evaluation of each chosen model on this snapshot split, as far as there is one."""
        fitting = {
            run.model: run
            for run in reversed(runs.runs(self.store, "evaluate"))
            if run.snapshot == bench.snapshot and run.config["split"] == bench.split
        }
        return {model: fitting[model] for model in bench.models if model in fitting}

    def form(self, bench: Bench) -> str:
        known = snapshots.list_snapshots(self.store)
        return views.compare_form(bench, models.list_models(self.store), known)

    def result(self, bench: Bench) -> str:
        found = self.found(bench)
        complete = len(found) == len(bench.models) and len(found) > 1
        if complete and all(run.state == "done" for run in found.values()):
            try:
                comparison = comparing.compare(self.store, [run.id for run in found.values()])
            except WorkbenchError as error:
                return views.compare_result(bench, error=str(error))
            return views.compare_result(bench, comparison)
        waiting = [(run.name or run.model, runs.progress(self.store, run.id)) for run in found.values()]
        return views.compare_result(bench, waiting=waiting if complete else ())

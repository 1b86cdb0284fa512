"""Compare: the same scenarios put to several models, figures and answers side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import gradio as gr

from workbench.actions import answers, comparing, figures, leaderboard, models, publishing, run_progress, runs
from workbench.actions.comparing import Lineup
from workbench.errors import WorkbenchError
from workbench.evaluation.statistics import Slice
from workbench.records import Reply, Run
from workbench.store import snapshots
from workbench.store.answers import AnswerFilter, Bucket, Figure
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import theme, views
from workbench.ui.compare_form import NOW, Bench
from workbench.ui.compare_more import added
from workbench.ui.forms import Fields, one

_LOOK = ("candidate", "figure", "threshold", "by", "of")
"""What the figures' form says."""
_ROWS = ("differing", "failed", "text", "verdict")
"""What the answers' form says."""
FAST_SECONDS, SLOW_SECONDS = 1, 5


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Compare(store)

    def tick(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return desk.tick(body)

    ui.header("/compare")
    form = ui.live("bench", events=("run",))
    result = ui.live(
        "result",
        events=("look", "cell", "bucket", "stop"),
        head=f'<script src="{theme.plotly_address()}"></script>',
        script="workbench.poll(server.tick); workbench.figures.keep(element);",
        server_functions=[tick],
    )
    rows = ui.live(
        "answers", events=("narrow", "drop", "turn", "export", "rerun"), script="workbench.stepping(element);"
    )
    board = ui.live("board", script="workbench.figures.keep(element);")
    message = ui.notice()
    download = ui.download()
    parts = [form, result, rows, board, message]
    demo.load(desk.load, None, parts, **ui.QUIET)
    form.run(desk.run, None, parts, **ui.QUIET)
    result.look(desk.look, None, [result, rows, message], **ui.EAGER)
    result.cell(desk.cell, None, [rows, message], **ui.EAGER)
    result.bucket(desk.bucket, None, [rows, message], **ui.EAGER)
    result.stop(desk.stop, None, [result, rows, message], **ui.QUIET)
    rows.narrow(desk.narrow, None, [rows, message], **ui.EAGER)
    rows.drop(desk.drop, None, [rows, message], **ui.EAGER)
    rows.turn(desk.turn, None, [rows, message], **ui.EAGER)
    rows.rerun(desk.rerun, None, [rows, message], **ui.QUIET)
    rows.export(desk.export, None, [download, message], **ui.QUIET).then(None, js=ui.PRESS)


class _Bench:
    """What the page shows of a place."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def form(self, bench: Bench, more_open: bool = False) -> str:
        known = snapshots.list_snapshots(self.store)
        return views.compare_form(bench, models.list_models(self.store), known, more_open)

    def result(self, bench: Bench) -> str:
        found = self.found(bench)
        if not self.complete(bench, found):
            waiting = [(run.name or run.model, run_progress.progress(self.store, run.id)) for run in found.values()]
            return views.compare_result(bench, waiting=waiting if len(found) == len(bench.models) else ())
        try:
            comparison = comparing.compare(self.store, self.ids(found), bench.threshold, least=1)
            drawn = figures.drawn(self.store, comparison, cast(Slice, bench.by), found[bench.confused].id)
        except WorkbenchError as error:
            return views.compare_result(bench, error=str(error))
        return views.compare_result(bench, comparison, drawn)

    def answers(self, bench: Bench) -> str:
        found = self.found(bench)
        if not self.complete(bench, found):
            return views.compare_answers(bench)
        try:
            lineup = comparing.line_up(self.store, self.ids(found), bench.threshold, least=1)
        except WorkbenchError:
            # The figures beside say why.
            return views.compare_answers(bench)
        filter = self.filter(bench, found)
        n = answers.found(self.store, lineup, filter)
        bench = bench.at(page=min(bench.page, max(1, -(-n // views.ANSWERS))))
        offset = (bench.page - 1) * views.ANSWERS
        rows = answers.page(self.store, lineup, filter, offset, views.ANSWERS)
        return views.compare_answers(bench, lineup, rows, n, self.again(bench, lineup))

    def board(self, bench: Bench) -> str:
        entries = leaderboard.leaderboard(self.store, bench.snapshot, bench.split)
        return views.compare_board(entries, bench)

    def found(self, bench: Bench) -> dict[str, Run]:
        """The newest evaluation of each chosen model on this snapshot split, as far as there is one."""
        return comparing.latest(self.store, bench.models, bench.snapshot, bench.split)

    def complete(self, bench: Bench, found: Mapping[str, Run]) -> bool:
        done = all(run.state == "done" for run in found.values())
        return bool(found) and done and len(found) == len(bench.models)

    def ids(self, found: Mapping[str, Run]) -> list[str]:
        return [run.id for run in found.values()]

    def filter(self, bench: Bench, found: Mapping[str, Run]) -> AnswerFilter:
        return AnswerFilter(
            text=bench.text,
            verdict=bench.verdict,
            failed=bench.failed,
            differing=bench.differing,
            bucket=cast(Bucket, bench.bucket) if bench.rival else "",
            base=found[bench.models[0]].id,
            candidate=found[bench.rival].id if bench.rival else "",
            figure=cast(Figure, bench.figure),
            of=found[bench.confused].id if bench.expected else "",
            expected=bench.expected,
            got=bench.got,
        )

    def again(self, bench: Bench, lineup: Lineup) -> tuple[Run, Reply | None] | None:
        """The run that answers one scenario again, if it is one of these models'."""
        run = next((run for run in runs.runs(self.store, "evaluate") if run.id == bench.again), None)
        if run is None or run.model not in {one.model for one in lineup.runs}:
            return None
        told = answers.replies(self.store, run.id, limit=1)
        return run, Reply.from_dict(told[0]["reply"]) if told else None


class _Compare(_Bench):
    """Events of the page."""

    @ui.answering(4)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        return *self.everything(self.settled(self.suggested(Bench.read(ui.address(request))))), ""

    @ui.answering(4)
    def run(self, event: gr.EventData) -> tuple[Any, ...]:
        if "add" in ui.payload(event):
            return self.add(event)
        bench = self.settled(Bench.read(ui.form(event)))
        if ui.form(event).get("grammar"):
            held = (models.with_grammar(model) for model in bench.models if "+" not in model)
            bench = bench.at(models=tuple(dict.fromkeys((*bench.models, *held))))
        if not bench.models:
            raise WorkbenchError("No model is chosen.", "Tick one or more.")
        if bench.snapshot in ("", NOW):
            bench = bench.at(snapshot=runs.make_snapshot(self.store, ui.toolset_of(self.store)))
        comparing.ensure_evaluations(self.store, bench.models, bench.snapshot, bench.split)
        return *self.everything(bench), ""

    def add(self, event: gr.EventData) -> tuple[Any, ...]:
        """Another model in the form, ticked but not evaluated yet; the rest of the page stays."""
        bench = added(self.store, Bench.read(ui.form(event)), ui.form(event), ui.payload(event))
        return self.form(bench, more_open=True), gr.skip(), gr.skip(), gr.skip(), ""

    @ui.answering(2)
    def look(self, event: gr.EventData) -> tuple[Any, ...]:
        bench = self.merged(event, _LOOK)
        return self.result(bench), self.answers(bench), ""

    @ui.answering(1)
    def cell(self, event: gr.EventData) -> tuple[Any, ...]:
        chosen = ui.payload(event)
        bench = Bench.read(ui.query(event)).at(expected=str(chosen["expected"]), got=str(chosen["got"]), page=1)
        return self.answers(bench), ""

    @ui.answering(1)
    def bucket(self, event: gr.EventData) -> tuple[Any, ...]:
        name = str(ui.payload(event)["bucket"])
        bench = Bench.read(ui.query(event))
        return self.answers(bench.at(bucket="" if bench.bucket == name else name, page=1)), ""

    @ui.answering(1)
    def narrow(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.answers(self.merged(event, _ROWS)), ""

    @ui.answering(1)
    def drop(self, event: gr.EventData) -> tuple[Any, ...]:
        changes = {"bucket": {"bucket": ""}, "cell": {"expected": "", "got": ""}, "again": {"again": ""}}
        bench = Bench.read(ui.query(event)).at(**changes[str(ui.payload(event)["filter"])], page=1)
        return self.answers(bench), ""

    @ui.answering(1)
    def turn(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.answers(Bench.read(ui.query(event)).at(page=int(ui.payload(event)["page"]))), ""

    @ui.answering(1)
    def rerun(self, event: gr.EventData) -> tuple[Any, ...]:
        chosen = ui.payload(event)
        run = comparing.rerun(self.store, str(chosen["run"]), str(chosen["scenario"]))
        return self.answers(Bench.read(ui.query(event)).at(again=run.id)), views.toast("It is asked again.")

    @ui.answering(2)
    def stop(self, event: gr.EventData) -> tuple[Any, ...]:
        runs.cancel(self.store, ui.payload(event)["id"])
        bench = Bench.read(ui.query(event))
        return self.result(bench), self.answers(bench), views.toast("Stopping.")

    @ui.handing_out
    def export(self, event: gr.EventData) -> tuple[Path, str]:
        bench, format = Bench.read(ui.query(event)), str(ui.payload(event)["format"])
        found = self.found(bench)
        comparison = comparing.compare(self.store, self.ids(found), bench.threshold, least=1)
        pieces = publishing.export_comparison(self.store, comparison, format, self.filter(bench, found))
        target = ui.parcel(f"comparison.{'json' if format == 'metrics' else format}")
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        return target, ""

    def tick(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What became of the evaluations that the page waits for."""
        if not body.get("waiting"):
            return {"again": SLOW_SECONDS}
        bench = Bench.read(ui.query(body))
        parts = {"answers": self.answers(bench)}
        if one(ui.query(body), "again") == "":
            parts |= {"result": self.result(bench), "board": self.board(bench)}
        return {"parts": parts, "again": FAST_SECONDS}

    def everything(self, bench: Bench) -> tuple[str, str, str, str]:
        return self.form(bench), self.result(bench), self.answers(bench), self.board(bench)

    def merged(self, event: gr.EventData, names: tuple[str, ...]) -> Bench:
        """The place of the address with these fields as the event's form has them, on its first page."""
        kept: Fields = {name: values for name, values in ui.query(event).items() if name not in (*names, "page")}
        given = {name: values for name, values in ui.form(event).items() if name in names}
        return Bench.read({**kept, **given})

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
